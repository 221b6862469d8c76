/**
 * The four real agent programs, each headless in a worker of a running server, its only way to a model the gateway. What
 * they did is read from the pushed branch, what it cost from the scripted provider that made the figures up.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fail, run, say, type Step, write } from "../peers/models/steps.ts";
import { type AgentsHive, type Cli, CLIS, INSTALL, isInstalled, priceOf, startAgentsHive } from "./agents-hive.ts";
import { filesHolding, holds } from "./canary.ts";
import { descendants, listProcesses } from "./processes.ts";
import { until } from "./until.ts";

const installed = CLIS.filter(isInstalled);

test("the four agent programs are there", ({ skip }) => {
  const missing = CLIS.filter((cli) => !isInstalled(cli)).map(({ name }) => name);
  if (missing.length > 0 && process.env["CI"] !== "true") skip(`not installed: ${missing.join(", ")}: ${INSTALL}`);
  expect(missing, INSTALL).toEqual([]);
});

/** What each program plays; all are put in at once and worked through by two workers while the tests look. */
function stories({ name }: Cli): readonly { id: string; steps: readonly Step[]; last?: Step; more?: object }[] {
  // Anthropic alone tells what was written to a cache, and charges it.
  const cached = name === "claude" ? { usage: { cacheWrite: 1_100, cacheWrite1h: 220 } } : {};
  const no = { do: "refuse", text: "I will not do that." } as const;
  return [
    {
      id: `${name}-works`,
      steps: [
        write("hello.txt", "hello\nworld\n", cached),
        fail(529),
        run("echo ran > ran.txt; env"),
        fail(429, { retryAfterSeconds: 1 }),
        say("Wrote the two files that were asked for."),
      ],
    },
    { id: `${name}-turns`, steps: [], last: run("date +%s%N >> turns.txt"), more: { budget: { turns: 3 } } },
    {
      id: `${name}-cut`,
      steps: [
        { do: "cut", text: "This answer is long enough to have a beginning, a middle and an end." },
        write("a.txt", "a\n"),
      ],
    },
    { id: `${name}-refuses`, steps: [no], last: no, more: { maxAttempts: 1 } },
  ];
}

describe.runIf(installed.length > 0)("agents in jobs", () => {
  let world: AgentsHive;
  let repo: string;

  beforeAll(async () => {
    world = await startAgentsHive();
    repo = world.git.makeRepo("app.git");
    for (const cli of installed) {
      for (const { id, steps, last, more } of stories(cli)) {
        world.models.play(id, steps, last);
        await world.server.hive.enqueue(ask(id, cli.name, more));
      }
    }
  });
  afterAll(async () => {
    await world?.dispose();
  });

  /** A job for one agent; its id is in its instructions, which is how its story is found. */
  const ask = (jobId: string, agent: string, more: object = {}) => ({
    jobId,
    repo,
    agent,
    task: "agent" as const,
    instructions: `Write the files of the story ${jobId}, please.`,
    ...more,
  });

  const eventsOf = async (jobId: string): Promise<{ type: string; data: Record<string, unknown> }[]> => {
    const reply = await world.server.fetch(`/v1/jobs/${jobId}/events?limit=1000`);
    return ((await reply.json()) as { events: { type: string; data: Record<string, unknown> }[] }).events;
  };

  describe.each(installed)("$name", ({ name, model, key }) => {
    test("works through several turns, an overload and a rate limit; what it cost is what the provider counted", async () => {
      const { models, server, git } = world;
      const id = `${name}-works`;
      const job = await server.over(id);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null, attempts: 1 });
      expect(git.read("app.git", `hive/${id}`, "hello.txt")).toBe("hello\nworld");
      expect(git.read("app.git", `hive/${id}`, "ran.txt")).toBe("ran");
      expect(job.result?.summary).toContain("Wrote the two files");
      expect(job.result?.agent).toMatchObject({ name, model, version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
      expect(job.result?.environment?.tools[name]).toMatch(/^\d+\.\d+\.\d+/);

      const cost = models.costOf(id);
      expect(cost.answers).toBeGreaterThanOrEqual(3);
      expect(job.usage).toMatchObject({
        calls: cost.answers,
        inputTokens: cost.input,
        outputTokens: cost.output,
        cacheReadTokens: cost.cacheRead,
        cacheWriteTokens: cost.cacheWrite + cost.cacheWrite1h,
      });
      // A server of one's own costs nothing; OpenCode's is one.
      expect(job.usage?.costUsd).toBe(name === "opencode" ? 0 : priceOf(cost));
      expect(models.callsOf(id).every((call) => model.endsWith(call.model))).toBe(true);
    });

    test("what it did is told in order, and is in the log as text", async () => {
      const id = `${name}-works`;
      const told = (await eventsOf(id)).filter(({ type }) => type === "job.agent");
      const kinds = told.map(({ data }) => (data["event"] as { type: string }).type);
      const calls = kinds.flatMap((kind, at) => (kind === "tool_call" ? [at] : []));
      const results = kinds.flatMap((kind, at) => (kind === "tool_result" ? [at] : []));
      expect([calls.length, results.length], JSON.stringify(kinds)).toEqual([2, 2]);
      expect([...calls, ...results].sort((one, two) => one - two)).toEqual([
        calls[0],
        results[0],
        calls[1],
        results[1],
      ]);
      const last = kinds.findLastIndex((kind) => kind === "message");
      expect(last).toBeGreaterThan(results[1] ?? 0);
      const log = await (await world.server.fetch(`/v1/jobs/${id}/logs`)).text();
      expect(log).toContain("Wrote the two files");
      expect(log).not.toMatch(/^\{"type"/m);
    });

    test("its key reached its provider and nobody else", async () => {
      const { models, server } = world;
      const id = `${name}-works`;
      const calls = models.callsOf(id);
      expect(new Set(calls.map((call) => call.key))).toEqual(new Set([key]));
      // What the shell printed came back to the model: the agent's whole environment.
      expect(calls.map((call) => call.sent).join("\n")).toContain("HOME=");
      for (const cli of CLIS) expect(calls.some((call) => holds(cli.key, call.sent))).toBe(false);
      for (const call of calls) {
        expect(JSON.stringify(call.incoming.headers) + String(call.incoming.query)).not.toMatch(
          /eyJ[A-Za-z0-9_-]{20,}/,
        );
      }
      for (const part of ["", "/events?limit=1000", "/logs", "/diff"]) {
        expect(holds(key, await (await server.fetch(`/v1/jobs/${id}${part}`)).text()), part).toBe(false);
      }
      expect(holds(key, server.printed())).toBe(false);
      expect(filesHolding(key, server.traces.folder).files).toEqual([]);
    });

    test("stops at its budget within one call, and its work so far is on its branch", async () => {
      const { models, server, git } = world;
      const id = `${name}-turns`;
      const job = await server.over(id);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "failed", reason: "budget_exceeded" });
      expect(models.callsOf(id)).toHaveLength(3);
      expect(job.usage).toMatchObject({ calls: 3, outputTokens: models.costOf(id).output });
      expect(git.read("app.git", `hive/${id}`, "turns.txt")).toMatch(/^\d+/);
    });

    test("a stream that breaks off is asked for again, and what it may have cost is kept", async () => {
      const { models, server, git } = world;
      const id = `${name}-cut`;
      const job = await server.over(id);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
      // Gemini's program gives up where the others ask again; then the queue does.
      expect(job.attempts).toBe(name === "gemini" ? 2 : 1);
      expect(git.read("app.git", `hive/${id}`, "a.txt")).toBe("a");
      expect(job.usage?.uncertainCalls).toBe(1);
      if (name !== "opencode") expect(job.usage?.costUsd).toBeGreaterThan(priceOf(models.costOf(id)));
    });

    test("a refusal is no success with work in it", async () => {
      const { server, git } = world;
      const id = `${name}-refuses`;
      const job = await server.over(id);
      expect(job.status === "failed" || job.result?.noChanges === true, JSON.stringify(job)).toBe(true);
      expect(git.head("app.git", `hive/${id}`)).toBeNull();
    });

    test("a cancel kills its children, also one in a session of its own; the key is in no process below the server", async () => {
      const { models, server } = world;
      const id = `${name}-hangs`;
      const mark = `mark-${id}-${process.pid}`;
      const wait = `sh -c 'tail -f /dev/null; true ${mark}'`;
      models.play(id, [run(`setsid ${wait} > /dev/null 2>&1 & ${wait}`)]);
      const marked = () =>
        listProcesses().filter(({ command }) => command.startsWith(`sh -c tail -f /dev/null; true ${mark}`));
      // Before all that still waits.
      await server.hive.enqueue(ask(id, name, { priority: 0 }));
      const more = () => server.printed().slice(-4000);
      await until("both children to run", () => marked().length === 2, { limitMs: 120_000, more });
      const below = descendants(server.pid());
      expect(below.length).toBeGreaterThan(4);
      for (const { pid, command } of below) {
        expect(holds(key, read(`/proc/${pid}/environ`) + command), command).toBe(false);
      }
      expect(filesHolding(key, server.traces.folder).files).toEqual([]);
      await server.hive.cancel(id);
      expect(await server.over(id)).toMatchObject({ status: "canceled" });
      await until("all children to be gone", () => marked().length === 0, { limitMs: 10_000 });
    });
  });

  test.runIf(installed.some(({ name }) => name === "claude"))(
    "a budget in dollars is never exceeded, and what was spent is exact",
    async () => {
      const { models, server } = world;
      const id = "claude-dollars";
      models.play(id, [], run("date +%s%N >> spent.txt", { usage: { output: 30_000 } }));
      const job = await server.run(ask(id, "claude", { budget: { usd: 2 }, priority: 0 }));
      expect(job).toMatchObject({ status: "failed", reason: "budget_exceeded" });
      const spent = priceOf(models.costOf(id));
      expect(job.usage?.costUsd).toBe(spent);
      expect(job.budget).toMatchObject({ limit: { usd: 2 }, spent: { usd: spent }, reserved: { usd: 0 } });
      // Two calls at least fit, and what the next one might have cost did not.
      expect(spent).toBeGreaterThan(0.9);
      expect(spent).toBeLessThanOrEqual(2);
    },
  );
});

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // It ended while we looked.
    return "";
  }
}

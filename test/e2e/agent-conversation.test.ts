/**
 * What becomes of an agent's job that does not go straight through: red tests go back to the agent, a stuck agent is
 * stopped, a comment goes on with the same session, a used-up quota frees the worker until it is there again. The agents
 * are the real programs, the models scripted.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run, say, usageLimit, write } from "../peers/models/steps.ts";
import { type AgentsHive, CLIS, isInstalled, startAgentsHive } from "./agents-hive.ts";
import { until } from "./until.ts";

const installed = CLIS.filter(isInstalled);
const claude = installed.some(({ name }) => name === "claude");

describe.runIf(installed.length > 0)("a conversation with an agent", () => {
  let world: AgentsHive;
  let repo: string;

  beforeAll(async () => {
    world = await startAgentsHive();
    repo = world.git.makeRepo("app.git", {
      "README.md": "# An app\n",
      ".hive/config.yaml":
        'test: \'test "$(cat answer.txt 2>/dev/null || echo 42)" = 42 || { echo "answer.txt is wrong"; exit 1; }\'\n',
    });
  });
  afterAll(async () => {
    await world?.dispose();
  });

  const ask = (jobId: string, agent: string, more: object = {}) => ({
    jobId,
    repo,
    agent,
    task: "agent" as const,
    instructions: `Do what the story ${jobId} says, please.`,
    ...more,
  });

  const turnsOf = async (jobId: string): Promise<{ reason: unknown; resumed: unknown }[]> => {
    const reply = await world.server.fetch(`/v1/jobs/${jobId}/events?limit=1000`);
    const { events } = (await reply.json()) as { events: { data: { event?: Record<string, unknown> } }[] };
    return events.flatMap(({ data: { event } }) =>
      event?.["type"] === "turn" ? [{ reason: event["reason"], resumed: event["resumed"] }] : [],
    );
  };

  const comment = async (jobId: string, text: string): Promise<void> => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ text }) };
    const reply = await world.server.fetch(`/v1/jobs/${jobId}/comments`, init);
    expect(reply.status, await reply.text()).toBe(201);
  };

  // Side by side: each waits for models, tests and its own worker most of the time.
  describe.concurrent("with a model that answers", () => {
    test.runIf(claude)(
      "red tests go back to the agent in the same session, and its second work is what is pushed",
      async () => {
        const { models, server, git } = world;
        const id = "mends-its-work";
        models.play(id, [write("answer.txt", "41\n"), say("Done."), write("answer.txt", "42\n"), say("Now it is 42.")]);
        const job = await server.run(ask(id, "claude"));
        expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", attempts: 1 });
        expect(job.result?.verify).toMatchObject({ state: "passed", rounds: 1 });
        expect(git.read("app.git", `hive/${id}`, "answer.txt")).toBe("42");
        const calls = models.callsOf(id).filter((call) => call.step !== null);
        expect(calls[2]?.sent).toContain("answer.txt is wrong");
        // The same session: what it said itself came back with the report.
        expect(calls[2]?.sent).toContain("Done.");
        expect(await turnsOf(id)).toEqual([
          { reason: "work", resumed: false },
          { reason: "red", resumed: true },
        ]);
      },
    );

    test.runIf(claude)(
      "work that stays red after two rounds fails as verify_failed, and is on its branch",
      async () => {
        const { models, server, git } = world;
        const id = "stays-red";
        models.play(id, [write("answer.txt", "41\n")], say("I am sure that it is right."));
        const job = await server.run(ask(id, "claude"));
        expect(job).toMatchObject({ status: "failed", reason: "verify_failed" });
        expect(job.result?.verify).toMatchObject({ state: "failed", rounds: 2 });
        expect(job.result?.verify?.report).toContain("answer.txt is wrong");
        expect(git.read("app.git", `hive/${id}`, "answer.txt")).toBe("41");
      },
    );

    test.runIf(claude)(
      "an agent that does the same again and again is stopped, told so once, then given up",
      async () => {
        const { models, server } = world;
        const id = "goes-in-circles";
        models.play(id, [], run("cat README.md"));
        const job = await server.run(ask(id, "claude"));
        expect(job).toMatchObject({ status: "failed", reason: "agent_stuck", attempts: 1 });
        const calls = models.callsOf(id).filter((call) => call.step !== null);
        expect(calls.length).toBeLessThan(60);
        expect((await turnsOf(id)).map(({ reason }) => reason)).toEqual(["work", "stuck"]);
        // The second one was told what happened.
        expect(calls.at(-1)?.sent).toContain("times in a row");
      },
    );

    test.each(installed)("$name: a comment goes on in the same session, on the same branch", async ({ name }) => {
      const { models, server, git } = world;
      const id = `${name}-goes-on`;
      models.play(id, [write("one.txt", "one\n"), say("Wrote one.txt and stopped there.")]);
      const first = await server.run(ask(id, name));
      expect(first, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", generation: 1 });
      models.play(`${id}-again`, [write("two.txt", "two\n"), say("Wrote two.txt as well.")]);
      await comment(id, `Now the story ${id}-again, please.`);
      await until(
        "the second generation to end",
        async () => {
          const { status, generation } = await server.hive.get(id);
          return generation === 2 && ["succeeded", "failed"].includes(status);
        },
        { limitMs: 120_000 },
      );
      const second = await server.hive.get(id);
      expect(second, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
      expect(git.read("app.git", `hive/${id}`, "one.txt")).toBe("one");
      expect(git.read("app.git", `hive/${id}`, "two.txt")).toBe("two");
      // Gemini gives a session that moved to another folder a new name; all say whether they went on with it.
      expect(await turnsOf(id)).toEqual([
        { reason: "work", resumed: false },
        { reason: "work", resumed: true },
      ]);
      const asked = models.callsOf(`${id}-again`).find((call) => call.step !== null);
      expect(asked?.sent).toContain("Wrote one.txt and stopped there.");
      const told = [id, `${id}-again`].map((story) => models.costOf(story));
      expect(second.usage?.outputTokens).toBe(told.reduce((sum, cost) => sum + cost.output, 0));
    });
  });

  // The last one: a key that is used up is used up for everybody.
  test.runIf(claude)(
    "a usage limit with a reset time frees the worker, says when, and the job goes on by itself",
    async () => {
      const { models, server, git } = world;
      const id = "waits-for-quota";
      models.play(id, [write("first.txt", "first\n"), usageLimit(3_600), write("second.txt", "second\n")]);
      await server.hive.enqueue(ask(id, "claude"));
      await until("the job to be parked", async () => (await server.hive.get(id)).status === "scheduled", {
        more: () => server.printed().slice(-4000),
      });
      const parked = await server.hive.get(id);
      expect(parked).toMatchObject({ status: "scheduled", reason: "quota" });
      const wait = Number(new Date(parked.runAt ?? 0)) - Date.now();
      expect(wait).toBeGreaterThan(3_000_000);
      expect(wait).toBeLessThan(3_700_000);
      expect(git.read("app.git", `hive/${id}`, "first.txt")).toBe("first");
      expect((await server.hive.health()).workers.free).toBe(2);
      // An hour and more later, by the server's clock.
      await server.stop();
      await server.start({
        NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "two-hours-later.ts")).href}`,
      });
      const job = await server.over(id);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null, generation: 1 });
      expect(job).toMatchObject({ failures: 0, losses: 0 });
      expect(git.read("app.git", `hive/${id}`, "first.txt")).toBe("first");
      expect(git.read("app.git", `hive/${id}`, "second.txt")).toBe("second");
      // It went on with its session: what it had done came back to the model.
      const next = models.callsOf(id).filter((call) => call.step !== null)[2];
      expect(next?.sent).toContain("first.txt");
    },
  );
});

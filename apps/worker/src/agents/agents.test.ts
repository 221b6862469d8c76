import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import type { RunResult } from "../process/run.ts";
import { claudeAdapter } from "./claude.ts";
import { commandAdapter } from "./command.ts";
import type { AgentAdapter, AgentEnd, AgentEvent, AgentInput } from "./contract.ts";
import { demoAdapter } from "./demo.ts";
import { findAgents, listAgents } from "./registry.ts";
import { type RunAgentOptions, runAgent } from "./run-agent.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const exited: RunResult = { exitCode: 0, signal: null, reason: "exited", outputBytes: 1, survivors: 0 };
/** A new session of an agent of which the operator has said nothing. */
const fresh = { settings: DEFAULT_AGENT_SETTINGS, resume: null, workspace: "/work" };
const ofLine = (line: string): AgentAdapter => commandAdapter({ line, promptBy: "stdin" });
let folder = "";
let number = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-agents-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function replay(name: string, run: Partial<RunResult> = {}): Promise<{ events: AgentEvent[]; end: AgentEnd }> {
  const parser = claudeAdapter.parser(fresh);
  const lines = (await readFile(join(fixtures, `claude-2.1.330-${name}.jsonl`), "utf8")).split("\n");
  return { events: lines.flatMap((line) => parser.push(line)), end: parser.end({ ...exited, ...run }) };
}

async function newInput(instructions: string, prompt = instructions): Promise<AgentInput> {
  number += 1;
  const at = join(folder, String(number));
  const places = { workspace: join(at, "workspace"), home: join(at, "home"), output: join(at, "output") };
  for (const place of Object.values(places)) await mkdir(place, { recursive: true });
  const env = { PATH: "/usr/bin:/bin", HOME: places.home, HIVE_JOB_ID: "job-1" };
  return {
    ...places,
    env,
    instructions,
    prompt,
    llmBaseUrl: null,
    llmToken: "lease-token",
    ...fresh,
    workspace: places.workspace,
  };
}

async function runIt(
  adapter: AgentAdapter,
  input: AgentInput,
  options: Partial<RunAgentOptions> = {},
): Promise<{ end: AgentEnd; run: RunResult; events: AgentEvent[]; log: string; logBytes: number }> {
  const events: AgentEvent[] = [];
  let log = "";
  let logBytes = 0;
  const ran = await runAgent({
    adapter,
    input,
    user: undefined,
    signal: new AbortController().signal,
    timeoutMs: 60_000,
    idleTimeoutMs: null,
    maxOutputBytes: 1_000_000_000,
    afterEndMs: 5_000,
    log: (bytes) => {
      logBytes += bytes.length;
      if (log.length < 100_000) log += Buffer.from(bytes).toString();
      return Promise.resolve();
    },
    onEvent: (event) => {
      if (events.length < 1_000) events.push(event);
    },
    ...options,
  });
  return { ...ran, events, log, logBytes };
}

describe("streams recorded from Claude Code", () => {
  test("a run with a tool ends well, with the usage of this run, the list price and the version", async () => {
    const { events, end } = await replay("tool");
    expect(events.map((event) => event.kind)).toEqual([
      "tool_call",
      "tool_result",
      "file_change",
      "message",
      "usage",
      "cost",
      "result",
    ]);
    expect(end).toMatchObject({
      end: "ok",
      text: "All done.",
      version: "2.1.330",
      model: "claude-sonnet-5-5",
      costUsd: 0.00494,
      usage: { inputTokens: 2_000, outputTokens: 84, cacheReadTokens: 1_000, cacheWriteTokens: 0 },
    });
  });

  test("an API error is an error although the CLI writes subtype success", async () => {
    for (const [name, code] of [
      ["401", "llm_unauthorized"],
      ["429", "llm_rate_limited"],
      ["500", "llm_unavailable"],
      ["cut", "llm_unavailable"],
    ] as const) {
      const { events, end } = await replay(name);
      expect(end).toMatchObject({ end: "error", code, kind: "system" });
      expect(events.some((event) => event.kind === "retry")).toBe(true);
    }
  });

  test("running out of turns is failed work", async () => {
    expect((await replay("max-turns", { exitCode: 1 })).end).toMatchObject({ code: "agent_turn_limit", kind: "work" });
  });

  test("without the result line nothing is a success, whatever the exit code", async () => {
    const lines = (await readFile(join(fixtures, "claude-2.1.330-tool.jsonl"), "utf8")).split("\n");
    const cut = (run: Partial<RunResult>): AgentEnd => {
      const parser = claudeAdapter.parser(fresh);
      for (const line of lines.filter((text) => !text.includes('"type":"result"'))) parser.push(line);
      return parser.end({ ...exited, ...run });
    };
    expect(cut({})).toMatchObject({ end: "error", code: "agent_crashed", kind: "system" });
    expect(cut({ exitCode: 137, signal: "SIGKILL" })).toMatchObject({ code: "agent_killed", kind: "system" });
    expect(cut({ reason: "idle" })).toMatchObject({ code: "agent_silent", kind: "work" });
    expect(cut({ reason: "timeout" })).toMatchObject({ code: "timeout", kind: "work" });
  });

  test("lines of no known shape are kept and harm nothing", () => {
    const parser = claudeAdapter.parser(fresh);
    const odd = [
      "",
      "not json",
      "[]",
      "null",
      '{"type":"new_thing","x":1}',
      '{"type":"assistant"}',
      '{"type":"user","message":7}',
    ];
    const events = odd.flatMap((line) => parser.push(line));
    expect(events.map((event) => event.kind)).toEqual(["unknown", "unknown", "unknown", "unknown"]);
    expect(parser.done).toBe(false);
  });

  test("a price the CLI only guesses is no price", () => {
    const parser = claudeAdapter.parser(fresh);
    const result = { type: "result", subtype: "success", is_error: false, total_cost_usd: 5, result: "x", usage: {} };
    parser.push(JSON.stringify({ ...result, modelUsage: { local: { costBasis: "unknown", costUSD: 5 } } }));
    expect(parser.end(exited)).toMatchObject({ end: "ok", costUsd: null });
  });
});

test("claude sees the gateway and the lease's token and no other credential; the prompt is not in its arguments", async () => {
  const input = { ...(await newInput("words of the job")), llmBaseUrl: "http://127.0.0.1:9/" };
  const command = claudeAdapter.command(input);
  expect(command.env).toMatchObject({
    ANTHROPIC_BASE_URL: "http://127.0.0.1:9/llm/anthropic",
    ANTHROPIC_API_KEY: "lease-token",
  });
  expect(command.stdin).toBe("words of the job");
  expect(command.argv.join(" ")).not.toMatch(/words of the job|lease-token/);
  expect(() => claudeAdapter.command({ ...input, llmBaseUrl: null })).toThrow("HIVE_LLM_URL");
});

test("an agent that is not there says what to do", async () => {
  const found = await findAgents(listAgents({ agentCommand: null, realAgents: true }), {
    path: folder,
    llmBaseUrl: null,
  });
  const answers = Object.fromEntries(found.map((entry) => [entry.adapter.name, entry.found]));
  expect(answers["claude"]).toMatchObject({ ok: false, why: expect.stringContaining("npm install") });
  expect(answers["command"]).toMatchObject({ ok: false, why: expect.stringContaining("HIVE_AGENT_COMMAND") });
  expect(answers["demo"]).toMatchObject({ ok: true });
});

describe("the command agent", () => {
  test("gets the prompt on its input and as a file, works in the repository, and its last line is its summary", async () => {
    const input = await newInput("do $(touch hacked) `this`");
    const adapter = ofLine('cat >copy.txt; cp "$HIVE_PROMPT_FILE" file.txt; echo one; echo finished');
    const { end, log } = await runIt(adapter, input);
    expect(end).toMatchObject({ end: "ok", text: "finished" });
    expect(log).toBe("one\nfinished\n");
    expect((await readdir(input.workspace)).sort()).toEqual(["copy.txt", "file.txt"]);
    expect(await readFile(join(input.workspace, "file.txt"), "utf8")).toBe("do $(touch hacked) `this`");
  });

  test("its exit code is its result", async () => {
    expect((await runIt(ofLine("exit 3"), await newInput("x"))).end).toMatchObject({
      kind: "work",
      code: "agent_error",
    });
    expect((await runIt(ofLine("exit 137"), await newInput("x"))).end).toMatchObject({ code: "agent_killed" });
    expect((await runIt(ofLine("no-such-agent"), await newInput("x"))).end).toMatchObject({
      code: "agent_missing",
    });
  });
});

describe("the demo agent", () => {
  test("adds a quick start to the README and reports what it did", async () => {
    const input = await newInput("Add README quickstart");
    await writeFile(join(input.workspace, "README.md"), "# Project\n");
    const { end, events } = await runIt(demoAdapter, input);
    expect(end).toMatchObject({ end: "ok", text: "Extended README.md.", model: "scripted" });
    expect(await readFile(join(input.workspace, "README.md"), "utf8")).toMatch(
      /^# Project\n\n## Quick start\n.*job-1/s,
    );
    expect(events.map((event) => event.kind)).toEqual(
      expect.arrayContaining(["message", "tool_call", "tool_result", "file_change", "usage", "result"]),
    );
  });

  test("makes the file that the instructions name, and never one outside the repository", async () => {
    const named = await newInput("Please write `docs/notes.md` about bees.");
    expect((await runIt(demoAdapter, named)).end).toMatchObject({ text: "Created docs/notes.md." });
    expect(await readFile(join(named.workspace, "docs/notes.md"), "utf8")).toContain("about bees");
    const none = await newInput("Count to ten");
    await runIt(demoAdapter, none);
    expect(await readdir(none.workspace)).toEqual(["hive-demo.md"]);
  });

  test("writes a report with a verdict where an analysis is asked for", async () => {
    const input = await newInput("Look at it demo:verdict=fail");
    await runIt(demoAdapter, { ...input, prompt: `Write ${join(input.output, "report.md")}.` });
    expect(await readFile(join(input.output, "report.md"), "utf8")).toMatch(/^Verdict: fail\n/);
    expect(await readdir(input.workspace)).toEqual([]);
  });

  test("fails, stops without a result, changes nothing: as it is told", async () => {
    expect((await runIt(demoAdapter, await newInput("demo:fail"))).end).toMatchObject({
      code: "agent_error",
      kind: "work",
    });
    expect((await runIt(demoAdapter, await newInput("x demo:exit=137 y"))).end).toMatchObject({ code: "agent_killed" });
    expect((await runIt(demoAdapter, await newInput("demo:exit=3"))).end).toMatchObject({ code: "agent_crashed" });
    const nothing = await newInput("demo:nothing");
    expect((await runIt(demoAdapter, nothing)).end).toMatchObject({ end: "ok" });
    expect(await readdir(nothing.workspace)).toEqual([]);
  });

  test("hangs until it is called silent", async () => {
    const { end, run } = await runIt(demoAdapter, await newInput("demo:hang"), { idleTimeoutMs: 1_500 });
    expect(end).toMatchObject({ end: "error", code: "agent_silent" });
    expect(run.survivors).toBe(0);
  });

  test("floods 50 MB and ends well with bounded memory", async () => {
    const before = process.memoryUsage().rss;
    const { end, logBytes } = await runIt(demoAdapter, await newInput("demo:flood=50000000"));
    expect(end).toMatchObject({ end: "ok" });
    expect(logBytes).toBeGreaterThan(49_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000);
  });

  test("leaves children behind, and none of them outlives the run", async () => {
    const { end, run, log } = await runIt(demoAdapter, await newInput("demo:children"));
    expect(end).toMatchObject({ end: "ok" });
    expect(log.match(/Left child/g)).toHaveLength(3);
    expect(run.survivors).toBe(0);
  });

  test("hunts for secrets and sees nothing but its own clean environment", async () => {
    process.env["HIVE_TEST_CANARY"] = "canary-of-the-supervisor";
    try {
      const { log } = await runIt(demoAdapter, await newInput("demo:secret-hunt"));
      expect(log).toContain("hunt env:");
      expect(/hunt env: (.*)/.exec(log)?.[1]).not.toContain("canary");
    } finally {
      delete process.env["HIVE_TEST_CANARY"];
    }
  });
});

test("an agent that goes on after its own end is stopped and its end counts", async () => {
  const adapter: AgentAdapter = {
    ...demoAdapter,
    command: (input) => ({
      argv: ["sh", "-c", `echo '{"type":"result","ok":true,"text":"done"}'; sleep 600`],
      env: input.env,
    }),
  };
  const { end, run } = await runIt(adapter, await newInput("x"), { afterEndMs: 20 });
  expect(end).toMatchObject({ end: "ok", text: "done" });
  expect(run.reason).toBe("aborted");
});

test("a worker that nothing isolates offers only the scripted agent, unless the operator wants real ones", () => {
  const names = (realAgents: boolean) => listAgents({ agentCommand: "aider", realAgents }).map(({ name }) => name);
  expect(names(false)).toEqual(["demo"]);
  expect(names(true)).toEqual(["claude", "codex", "opencode", "gemini", "command", "demo"]);
});

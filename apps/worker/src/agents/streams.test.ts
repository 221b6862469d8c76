/** Streams recorded from the real programs (`test/agents` runs them); Claude Code's are in `agents.test.ts`. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import { describe, expect, test } from "vitest";
import type { RunResult } from "../process/run.ts";
import { modelError } from "./agent-words.ts";
import { codexAdapter } from "./codex.ts";
import type { AgentAdapter, AgentEnd, AgentEvent, ResumedSession } from "./contract.ts";
import { geminiAdapter } from "./gemini.ts";
import { opencodeAdapter } from "./opencode.ts";
import { describeEvent, runAgent } from "./run-agent.ts";

const exited: RunResult = { exitCode: 0, signal: null, reason: "exited", outputBytes: 1, survivors: 0 };
const ADAPTERS: readonly (readonly [AgentAdapter, string])[] = [
  [codexAdapter, "codex-0.169.0"],
  [opencodeAdapter, "opencode-1.18.33"],
  [geminiAdapter, "gemini-0.61.0"],
];

function parserOf(adapter: AgentAdapter, resume: ResumedSession | null = null) {
  return adapter.parser({ settings: DEFAULT_AGENT_SETTINGS, resume, workspace: "/job/repo" });
}

async function replay(
  name: string,
  run: Partial<RunResult> = {},
  resume: ResumedSession | null = null,
): Promise<{ events: AgentEvent[]; end: AgentEnd; done: boolean }> {
  const adapter = ADAPTERS.find(([, version]) => name.startsWith(version))?.[0];
  if (adapter === undefined) throw new Error(`no adapter for ${name}`);
  const parser = parserOf(adapter, resume);
  const lines = (await readFile(join(import.meta.dirname, "fixtures", `${name}.jsonl`), "utf8")).split("\n");
  const events = lines.flatMap((line) => parser.push(line));
  return { events, end: parser.end({ ...exited, ...run }), done: parser.done };
}

const kindsOf = (events: readonly AgentEvent[]): string[] => events.map(({ kind }) => kind);

describe("Codex", () => {
  test("cached tokens are a part of its input; a warning is no failure", async () => {
    const { events, end, done } = await replay("codex-0.169.0-tool");
    expect(kindsOf(events)).toEqual(["unknown", "tool_call", "tool_result", "message", "usage", "result"]);
    expect(end).toMatchObject({
      end: "ok",
      text: "All done.",
      usage: { inputTokens: 1_000, outputTokens: 84, cacheReadTokens: 1_000, cacheWriteTokens: 0 },
      costUsd: null,
    });
    expect(end.totals).toMatchObject({ inputTokens: 1_000, outputTokens: 84 });
    expect(done).toBe(true);
  });

  test("a patch is a call, its result, and the files it changed, as the repository names them", async () => {
    const { events } = await replay("codex-0.169.0-patch");
    expect(kindsOf(events).slice(0, 3)).toEqual(["tool_call", "tool_result", "file_change"]);
    expect(events[2]).toEqual({ kind: "file_change", path: "a.txt", change: "create" });
  });

  test("a command that failed is a failed result; what it thinks is told apart", async () => {
    const { events } = await replay("codex-0.169.0-reasoning");
    expect(events).toContainEqual(expect.objectContaining({ kind: "tool_result", ok: false, summary: "oops\n" }));
    expect(events[0]).toEqual({ kind: "thinking", text: "**Thinking hard**\n\nabout it" });
  });

  test("a resumed thread tells its whole sum: this run's is the difference, and unknown without the sum before", async () => {
    const totals = { inputTokens: 1_000, outputTokens: 84, cacheReadTokens: 1_000, cacheWriteTokens: 0, costUsd: null };
    const known = await replay("codex-0.169.0-resume", {}, { sessionId: "x", totals });
    expect(known.end).toMatchObject({
      usage: { inputTokens: 500, outputTokens: 42, cacheReadTokens: 500 },
      totals: { inputTokens: 1_500, outputTokens: 126, cacheReadTokens: 1_500 },
    });
    const unknown = await replay("codex-0.169.0-resume", {}, { sessionId: "x", totals: null });
    expect(unknown.end).toMatchObject({ end: "ok", usage: null, totals: { inputTokens: 1_500 } });
    expect(kindsOf(unknown.events)).not.toContain("usage");
  });

  test("errors of the model are told apart, whatever the exit code", async () => {
    for (const [name, code] of [
      ["401", "llm_unauthorized"],
      ["429", "llm_rate_limited"],
      ["usage-limit", "llm_rate_limited"],
      ["500", "llm_unavailable"],
      ["cut", "llm_unavailable"],
    ] as const) {
      const { end } = await replay(`codex-0.169.0-${name}`);
      expect(end, name).toMatchObject({ end: "error", code, kind: "system" });
    }
    expect((await replay("codex-0.169.0-401")).events[0]).toMatchObject({ kind: "retry" });
  });
});

describe("OpenCode", () => {
  test("steps are added up; the model and a file's path are as the job knows them", async () => {
    const { events, end, done } = await replay("opencode-1.18.33-tool");
    expect(kindsOf(events)).toEqual(["tool_call", "tool_result", "file_change", "message", "usage", "result"]);
    expect(events[2]).toEqual({ kind: "file_change", path: "hello.txt", change: "create" });
    const usage = { inputTokens: 2_000, outputTokens: 84, cacheReadTokens: 1_000, cacheWriteTokens: 0 };
    expect(end).toMatchObject({ end: "ok", text: "All done.", usage, costUsd: null, totals: usage });
    expect(end.sessionId).toMatch(/^ses_/);
    expect(done).toBe(true);
  });

  test("a list of things to do is a plan, a thought a thought", async () => {
    const { events } = await replay("opencode-1.18.33-plan");
    expect(events).toContainEqual({
      kind: "plan",
      items: [
        { text: "one", done: true },
        { text: "two", done: false },
      ],
    });
    expect((await replay("opencode-1.18.33-reasoning")).events).toContainEqual({
      kind: "thinking",
      text: "thinking hard",
    });
  });

  test("a stream that ends between two steps, or with an error, is no success", async () => {
    expect((await replay("opencode-1.18.33-cut")).end).toMatchObject({ code: "agent_crashed" });
    expect((await replay("opencode-1.18.33-429", { exitCode: 1 })).end).toMatchObject({ code: "llm_rate_limited" });
    expect((await replay("opencode-1.18.33-tool", { exitCode: 1 })).end).toMatchObject({ code: "agent_crashed" });
    expect((await replay("opencode-1.18.33-tool", { reason: "aborted", exitCode: null })).end).toMatchObject({
      end: "ok",
    });
  });
});

describe("Gemini CLI", () => {
  test("pieces of a message are one; the model that did the work is known at the end", async () => {
    const { events, end } = await replay("gemini-0.61.0-tool");
    expect(kindsOf(events)).toEqual(["tool_call", "tool_result", "file_change", "message", "usage", "result"]);
    expect(end).toMatchObject({
      end: "ok",
      text: "All done.",
      model: "gemini-x",
      usage: { inputTokens: 1_000, outputTokens: 84, cacheReadTokens: 1_000 },
    });
    const parser = parserOf(geminiAdapter);
    const said = ["One ", "two."].map((content) =>
      JSON.stringify({ type: "message", role: "assistant", content, delta: true }),
    );
    const result = JSON.stringify({ type: "result", status: "success", stats: {} });
    expect([...said, result].flatMap((line) => parser.push(line))[0]).toEqual({ kind: "message", text: "One two." });
  });

  test("a tool that failed says why, and changed no file", async () => {
    const { events } = await replay("gemini-0.61.0-failed-tool");
    expect(events).toContainEqual(
      expect.objectContaining({ kind: "tool_result", ok: false, summary: expect.stringContaining("confirmation") }),
    );
    expect(kindsOf(events)).not.toContain("file_change");
  });

  test("a file is changed by a tool that worked, not by one that was only called", () => {
    const changed = (status: string): string[] => {
      const parser = parserOf(geminiAdapter);
      const call = {
        type: "tool_use",
        tool_name: "write_file",
        tool_id: "1",
        parameters: { file_path: "/job/repo/a" },
      };
      const events = [call, { type: "tool_result", tool_id: "1", status }].flatMap((event) =>
        parser.push(JSON.stringify(event)),
      );
      return events.flatMap((event) => (event.kind === "file_change" ? [event.path] : []));
    };
    expect(changed("success")).toEqual(["a"]);
    expect(changed("error")).toEqual([]);
  });

  test("an error of the API is one, by the code in its text", async () => {
    expect((await replay("gemini-0.61.0-401", { exitCode: 145 })).end).toMatchObject({
      end: "error",
      code: "llm_unauthorized",
      kind: "system",
    });
  });
});

describe.each(ADAPTERS)("$0.name, like every agent,", (adapter, version) => {
  test("keeps lines of no known shape, and nothing of them is a success", () => {
    const parser = parserOf(adapter);
    const odd = ["", "no json", "[]", "null", "7", '{"type":"new_thing","x":1}', '{"type":7}', '{"a":{"b":[]}}'];
    const half = ["item.started", "item.completed", "turn.completed", "tool_use", "message", "step_start", "init"];
    const events = [...odd, ...half.map((type) => JSON.stringify({ type, item: 7, part: [], stats: "x" }))].flatMap(
      (line) => parser.push(line),
    );
    expect(events.filter(({ kind }) => kind === "unknown").length).toBeGreaterThanOrEqual(odd.length - 1);
    for (const event of events) expect(typeof describeEvent(event)).toBe("string");
  });

  test("without its terminal event the process alone says how it ended, and never well", async () => {
    const lines = (await readFile(join(import.meta.dirname, "fixtures", `${version}-tool.jsonl`), "utf8")).split("\n");
    const cut = (run: Partial<RunResult>): AgentEnd => {
      const parser = parserOf(adapter);
      for (const line of lines.slice(0, 2)) parser.push(line);
      return parser.end({ ...exited, ...run });
    };
    expect(cut({})).toMatchObject({ end: "error", code: "agent_crashed", kind: "system" });
    expect(cut({ exitCode: 137, signal: "SIGKILL" })).toMatchObject({ code: "agent_killed" });
    expect(cut({ reason: "idle" })).toMatchObject({ code: "agent_silent", kind: "work" });
  });

  test("a session it says nothing about is one it does not know", () => {
    const run = { ...exited, exitCode: 1 };
    expect(parserOf(adapter, { sessionId: "x", totals: null }).end(run)).toMatchObject({ code: "resume_rejected" });
    expect(parserOf(adapter).end(run)).toMatchObject({ code: "agent_crashed" });
  });

  test("takes no session id that could be an option or a path", () => {
    for (const id of ["--fork", "../x", "", "a b", "x".repeat(200)]) {
      const parser = parserOf(adapter);
      parser.push(JSON.stringify({ type: "thread.started", thread_id: id }));
      parser.push(JSON.stringify({ type: "init", session_id: id }));
      parser.push(JSON.stringify({ type: "step_start", sessionID: id }));
      expect(parser.end(exited).sessionId).toBeNull();
    }
  });
});

test("what an agent thinks is told only where the operator asks for it", async () => {
  const stream = join(import.meta.dirname, "fixtures", "codex-0.169.0-reasoning.jsonl");
  const thoughts = async (thinking: boolean): Promise<number> => {
    const kinds: string[] = [];
    let log = "";
    await runAgent({
      adapter: { ...codexAdapter, command: ({ env }) => ({ argv: ["cat", stream], env }) },
      input: {
        ...{ prompt: "", instructions: "", home: "/", output: "/", workspace: "/", llmToken: "", llmBaseUrl: null },
        settings: { ...DEFAULT_AGENT_SETTINGS, thinking },
        resume: null,
        env: { PATH: "/usr/bin:/bin" },
      },
      user: undefined,
      signal: new AbortController().signal,
      timeoutMs: 20_000,
      idleTimeoutMs: null,
      maxOutputBytes: 1_000_000,
      log: async (bytes) => void (log += String(bytes)),
      onEvent: ({ kind }) => kinds.push(kind),
    });
    expect(log.includes("(thinking)")).toBe(thinking);
    return kinds.filter((kind) => kind === "thinking").length;
  };
  expect(await thoughts(false)).toBe(0);
  expect(await thoughts(true)).toBe(2);
});

test("an error of a model says whose fault it is by its status", () => {
  const codes = [401, 403, 402, 429, 400, 404, 413, 422, 500, 529, null].map((status) => {
    const { code, kind } = modelError(status, "x");
    return `${status} ${code} ${kind}`;
  });
  expect(codes).toEqual([
    "401 llm_unauthorized system",
    "403 llm_unauthorized system",
    "402 agent_budget work",
    "429 llm_rate_limited system",
    "400 llm_bad_request work",
    "404 llm_bad_request work",
    "413 llm_bad_request work",
    "422 llm_bad_request work",
    "500 llm_unavailable system",
    "529 llm_unavailable system",
    "null llm_unavailable system",
  ]);
});

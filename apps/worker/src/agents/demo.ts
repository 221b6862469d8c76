/**
 * The scripted agent `demo`: needs no key and no network, and is still the real thing for everything around it: a
 * child process that edits the repository and reports events. It never runs unless a job or the operator names it.
 * What it does is in `demo-agent.ts`; words in the instructions make it misbehave on purpose (`docs/agents.md`).
 */
import { fileURLToPath } from "node:url";
import {
  type AgentAdapter,
  type AgentEnd,
  type AgentEvent,
  type AgentFacts,
  type AgentParser,
  endWithoutResult,
  fingerprint,
  NO_FACTS,
  shorten,
} from "./contract.ts";
import { fieldsOf, numberAt, parseObject, textAt } from "./json-line.ts";

/** The program behind the adapter. A slot's user must be able to read it. */
export const DEMO_PROGRAM = fileURLToPath(new URL("./demo-agent.ts", import.meta.url));

/** The adapter `demo`. */
export const demoAdapter: AgentAdapter = {
  name: "demo",
  sessionFiles: [],
  available: () => Promise.resolve({ ok: true, version: process.version }),
  command: (input) => ({
    argv: [process.execPath, DEMO_PROGRAM],
    env: { ...input.env, HIVE_OUTPUT: input.output },
    stdin: JSON.stringify({ prompt: input.prompt, instructions: input.instructions }),
  }),
  parser: () => new DemoParser(),
};

class DemoParser implements AgentParser {
  #facts: AgentFacts = NO_FACTS;
  #result: { ok: boolean; code: string } | undefined;

  get done(): boolean {
    return this.#result !== undefined;
  }

  push(line: string): AgentEvent[] {
    if (line.trim() === "") return [];
    const event = parseObject(line);
    const text = shorten((event && textAt(event, "text")) ?? "");
    switch (event?.["type"]) {
      case "start":
        this.#facts = { ...this.#facts, version: textAt(event, "version"), model: textAt(event, "model") };
        return [];
      case "message":
        return [{ kind: "message", text }];
      case "tool_call":
        return [this.#call(event, text)];
      case "tool_result":
        return [{ kind: "tool_result", id: textAt(event, "id") ?? "", ok: event["ok"] === true, summary: text }];
      case "file_change":
        return [{ kind: "file_change", path: text, change: event["change"] === "create" ? "create" : "update" }];
      case "result":
        return this.#end(event, text);
      default:
        return [{ kind: "unknown", data: shorten(line) }];
    }
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    if (!this.#result) return endWithoutResult(run, this.#facts);
    if (this.#result.ok) return { ...this.#facts, end: "ok" };
    const message = this.#facts.text ?? "The demo agent failed.";
    return { ...this.#facts, end: "error", code: this.#result.code, kind: "work", message };
  }

  #call(event: Record<string, unknown>, summary: string): AgentEvent {
    const tool = textAt(event, "tool") ?? "";
    return { kind: "tool_call", id: textAt(event, "id") ?? "", tool, summary, fingerprint: fingerprint(tool, summary) };
  }

  #end(event: Record<string, unknown>, text: string): AgentEvent[] {
    const tokens = fieldsOf(event["usage"]);
    const usage = {
      inputTokens: numberAt(tokens, "inputTokens") ?? 0,
      outputTokens: numberAt(tokens, "outputTokens") ?? 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    };
    const ok = event["ok"] === true;
    this.#result = { ok, code: "agent_error" };
    this.#facts = { ...this.#facts, text, usage };
    return [
      { kind: "usage", usage },
      { kind: "result", ok, text },
    ];
  }
}

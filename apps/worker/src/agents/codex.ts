/**
 * OpenAI's Codex without a terminal. Checked against the real CLI, 0.169.0:
 * - it speaks the Responses API alone, and only to a provider of its settings: `OPENAI_BASE_URL` has no effect.
 * - it waits for ever on an open standard input; the prompt comes there (`-`).
 * - a home that nobody trusted anything in: settings, hooks and servers below `.codex/` of the repository have no
 *   effect; `project_doc_max_bytes=0` the same for AGENTS.md, which comes in the prompt, as text.
 * - `usage` is of the whole thread, over all its runs: this run's is the difference. `cached_input_tokens` is a part of
 *   `input_tokens`, `reasoning_output_tokens` one of `output_tokens`.
 * - an item of type `error` may be a mere warning; what ends a turn is `turn.failed`.
 * - a thread it does not know is told on standard error, and not one event is printed.
 */
import type { AgentTotals, McpServer } from "@hive/protocol";
import { modelError, pathInside, planItems, sessionIdOf, summarizeInput } from "./agent-words.ts";
import {
  type AgentAdapter,
  type AgentCommand,
  type AgentEnd,
  type AgentEvent,
  type AgentFacts,
  type AgentInput,
  type AgentParser,
  endWithoutResult,
  fingerprint,
  NO_FACTS,
  RESUME_REJECTED,
  shorten,
} from "./contract.ts";
import { findAgentProgram } from "./find-agent.ts";
import { wayToModel } from "./gateway-address.ts";
import { fieldsOf, numberAt, parseObject, textAt, valueAt } from "./json-line.ts";
import { toTomlValue } from "./toml.ts";

const PROGRAM = "codex";

/** The adapter `codex`. */
export const codexAdapter: AgentAdapter = {
  name: "codex",
  sessionFiles: [".codex/sessions"],
  available: (search) => findAgentProgram(search, PROGRAM, "@openai/codex"),
  command,
  parser: (input) => new CodexParser(input),
};

function command(input: AgentInput): AgentCommand {
  const { url, model } = wayToModel(input, "openai");
  const { args, tools, systemPrompt, mcpServers } = input.settings;
  const provider = {
    name: "hive",
    base_url: `${url}/v1`,
    env_key: "HIVE_LLM_TOKEN",
    wire_api: "responses",
    // The gateway tries again itself, and knows how long to wait.
    request_max_retries: 2,
    stream_max_retries: 3,
  };
  const settings: Record<string, unknown> = {
    model_provider: "hive",
    "model_providers.hive": provider,
    project_doc_max_bytes: 0,
    check_for_update_on_startup: false,
    "analytics.enabled": false,
    "feedback.enabled": false,
    // Both run with the agent's own rights in a place that Hive watches.
    "features.multi_agent": false,
    "features.apps": false,
    // It would look for those of its maker at every start, past any allowlist.
    "features.plugins": false,
    // Pictures cost what no answer tells.
    "features.image_generation": false,
    // The gateway reads what is asked.
    "features.enable_request_compression": false,
    "skills.include_instructions": false,
    ...(systemPrompt === null ? {} : { developer_instructions: systemPrompt }),
    ...(tools.deny.includes("web_search") ? { web_search: "disabled" } : {}),
  };
  for (const [name, server] of Object.entries(mcpServers)) settings[`mcp_servers.${name}`] = mcpSettings(server);
  return {
    argv: [
      PROGRAM,
      "exec",
      "--json",
      "--skip-git-repo-check",
      "--dangerously-bypass-approvals-and-sandbox",
      "--ignore-user-config",
      "--ignore-rules",
      ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${toTomlValue(value)}`]),
      ...(model === null ? [] : ["--model", model]),
      ...args,
      ...(input.resume === null ? [] : ["resume", input.resume.sessionId]),
      "-",
    ],
    stdin: input.prompt,
    env: { ...input.env, HIVE_LLM_TOKEN: input.llmToken },
  };
}

function mcpSettings(server: McpServer): Record<string, unknown> {
  if ("command" in server) return { command: server.command, args: server.args, env: server.env };
  return { url: server.url, http_headers: server.headers };
}

const NOTHING: AgentTotals = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: null,
};

class CodexParser implements AgentParser {
  readonly #workspace: string;
  readonly #resume: AgentInput["resume"];
  readonly #called = new Set<string>();
  #facts: AgentFacts;
  #seen = false;
  #end: { readonly ok: boolean; readonly message: string } | undefined;

  constructor({ workspace, resume, settings }: Parameters<AgentAdapter["parser"]>[0]) {
    this.#workspace = workspace;
    this.#resume = resume;
    // The stream never says which model answers: known is only the one that was asked for.
    this.#facts = { ...NO_FACTS, model: settings.model };
  }

  get done(): boolean {
    return this.#end !== undefined;
  }

  push(line: string): AgentEvent[] {
    if (line.trim() === "") return [];
    const event = parseObject(line);
    if (!event) return [{ kind: "unknown", data: shorten(line) }];
    this.#seen = true;
    switch (event["type"]) {
      case "thread.started":
        this.#facts = { ...this.#facts, sessionId: sessionIdOf(textAt(event, "thread_id")) };
        return [];
      case "turn.started":
        return [];
      case "item.started":
        return this.#started(fieldsOf(event["item"]));
      case "item.updated":
        return this.#updated(fieldsOf(event["item"]));
      case "item.completed":
        return this.#completed(fieldsOf(event["item"]), line);
      case "error":
        return [{ kind: "retry", message: shorten(textAt(event, "message") ?? "The model gave an error") }];
      case "turn.completed":
        return this.#succeeded(fieldsOf(event["usage"]));
      case "turn.failed":
        return this.#failed(textAt(fieldsOf(event["error"]), "message") ?? "The agent failed without a word.");
      default:
        return [{ kind: "unknown", data: shorten(line) }];
    }
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    if (!this.#end) {
      if (this.#resume !== null && !this.#seen && run.reason === "exited") {
        const message = "Codex does not know the session any more.";
        return { ...this.#facts, end: "error", code: RESUME_REJECTED, kind: "system", message };
      }
      return endWithoutResult(run, this.#facts);
    }
    if (this.#end.ok) return { ...this.#facts, end: "ok" };
    return { ...this.#facts, end: "error", ...explain(this.#end.message) };
  }

  #started(item: Record<string, unknown>): AgentEvent[] {
    const id = textAt(item, "id") ?? "";
    const call = callOf(item);
    if (call === null || this.#called.has(id)) return this.#updated(item);
    this.#called.add(id);
    const { tool, input, summary } = call;
    return [{ kind: "tool_call", id, tool, summary, fingerprint: fingerprint(tool, input) }];
  }

  #updated(item: Record<string, unknown>): AgentEvent[] {
    return item["type"] === "todo_list" ? [{ kind: "plan", items: planItems(item["items"], "text") }] : [];
  }

  #completed(item: Record<string, unknown>, line: string): AgentEvent[] {
    const id = textAt(item, "id") ?? "";
    const text = shorten(textAt(item, "text") ?? "");
    switch (item["type"]) {
      case "agent_message":
        this.#facts = { ...this.#facts, text };
        return [{ kind: "message", text }];
      case "reasoning":
        return [{ kind: "thinking", text }];
      case "todo_list":
        return this.#updated(item);
      case "command_execution":
      case "mcp_tool_call":
      case "web_search":
      case "file_change": {
        const events = this.#called.has(id) ? [] : this.#started(item);
        const ok = item["status"] === undefined || item["status"] === "completed";
        events.push({ kind: "tool_result", id, ok, summary: shorten(resultOf(item), 500) });
        return ok ? [...events, ...this.#changes(item)] : events;
      }
      default:
        return [{ kind: "unknown", data: shorten(textAt(item, "message") ?? line) }];
    }
  }

  #changes(item: Record<string, unknown>): AgentEvent[] {
    const changes = valueAt(item, "changes");
    if (!Array.isArray(changes)) return [];
    return changes.map(fieldsOf).map((change): AgentEvent => {
      const path = pathInside(this.#workspace, textAt(change, "path") ?? "");
      const kind = change["kind"];
      return { kind: "file_change", path, change: kind === "add" ? "create" : kind === "delete" ? "delete" : "update" };
    });
  }

  #succeeded(figures: Record<string, unknown>): AgentEvent[] {
    const count = (key: string): number => numberAt(figures, key) ?? 0;
    const cacheReadTokens = count("cached_input_tokens");
    const cacheWriteTokens = count("cache_write_input_tokens");
    const totals: AgentTotals = {
      inputTokens: Math.max(count("input_tokens") - cacheReadTokens - cacheWriteTokens, 0),
      outputTokens: count("output_tokens"),
      cacheReadTokens,
      cacheWriteTokens,
      costUsd: null,
    };
    // Without the figures of the runs before, what this one used cannot be told.
    const before = this.#resume === null ? NOTHING : this.#resume.totals;
    const usage = before === null ? null : difference(totals, before);
    const text = this.#facts.text ?? "";
    this.#facts = { ...this.#facts, totals, usage };
    this.#end = { ok: true, message: text };
    return [...(usage === null ? [] : [{ kind: "usage", usage } as const]), { kind: "result", ok: true, text }];
  }

  #failed(message: string): AgentEvent[] {
    this.#end = { ok: false, message };
    return [{ kind: "result", ok: false, text: shorten(message) }];
  }
}

function difference(now: AgentTotals, before: AgentTotals): NonNullable<AgentFacts["usage"]> {
  return {
    inputTokens: Math.max(now.inputTokens - before.inputTokens, 0),
    outputTokens: Math.max(now.outputTokens - before.outputTokens, 0),
    cacheReadTokens: Math.max(now.cacheReadTokens - before.cacheReadTokens, 0),
    cacheWriteTokens: Math.max(now.cacheWriteTokens - before.cacheWriteTokens, 0),
  };
}

interface ToolCall {
  readonly tool: string;
  readonly input: unknown;
  readonly summary: string;
}

/** What an item asks for; null for items that are no calls. */
function callOf(item: Record<string, unknown>): ToolCall | null {
  switch (item["type"]) {
    case "command_execution": {
      const input = textAt(item, "command") ?? "";
      return { tool: "shell", input, summary: shorten(input, 300) };
    }
    case "file_change": {
      const changes = valueAt(item, "changes");
      const paths = Array.isArray(changes) ? changes.map((change) => textAt(fieldsOf(change), "path") ?? "") : [];
      return { tool: "apply_patch", input: changes, summary: shorten(paths.join(", "), 300) };
    }
    case "mcp_tool_call": {
      const input = fieldsOf(item["arguments"]);
      const tool = `${textAt(item, "server") ?? "mcp"}.${textAt(item, "tool") ?? "unknown"}`;
      return { tool, input, summary: summarizeInput(input) };
    }
    case "web_search":
      return { tool: "web_search", input: item["query"], summary: shorten(textAt(item, "query") ?? "", 300) };
    default:
      return null;
  }
}

function resultOf(item: Record<string, unknown>): string {
  const error = textAt(fieldsOf(item["error"]), "message");
  return error ?? textAt(item, "aggregated_output") ?? "";
}

function explain(message: string): ReturnType<typeof modelError> {
  if (/context window|context length|content.?filter|refus/i.test(message)) {
    return { code: "agent_error", kind: "work", message: shorten(message) };
  }
  if (/usage limit|quota/i.test(message)) return modelError(429, message);
  // What the provider refuses for its content comes as the body of its answer, without the status.
  if (/"type":\s*"invalid_request_error"/.test(message)) return modelError(400, message);
  const status = /\bstatus:? (\d{3})\b/.exec(message)?.[1];
  return modelError(status === undefined ? null : Number(status), message);
}

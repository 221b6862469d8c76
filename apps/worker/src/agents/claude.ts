/**
 * Claude Code without a terminal. Checked against the real CLI, 2.1.330:
 * - `--setting-sources user` with an empty home: settings, hooks, `apiKeyHelper`, commands, skills, agents and CLAUDE.md
 *   of the repository have no effect (by default they run, with the agent's rights); `--strict-mcp-config` the same for
 *   `.mcp.json`. What the repository has to say comes through AGENTS.md, in the prompt, as text.
 * - `--dangerously-skip-permissions` is refused for root unless `IS_SANDBOX=1`; without it nothing is written and the
 *   exit code is 0 all the same.
 * - an error of the API ends with `subtype: "success"` and `is_error: true`: only `is_error` counts.
 * - `usage` is of this run, `total_cost_usd` of the whole session, over all its runs: this run's is the difference.
 * - it may hang after its `result`: that line is the end, the process is killed then.
 */
import { modelError, pathInside, planItems, sessionIdOf, summarizeInput, totalsAfter } from "./agent-words.ts";
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

const PROGRAM = "claude";
// They wait for a person, or take the work to a place where it is not published from.
const USELESS_TOOLS = "AskUserQuestion,EnterWorktree,ExitWorktree,CronCreate";

/** The adapter `claude`. */
export const claudeAdapter: AgentAdapter = {
  name: "claude",
  sessionFiles: [".claude/projects"],
  // It files them under the path of the folder, with a dash for all that is no letter or digit.
  workspaceNames: (workspace) => [workspace.replace(/[^A-Za-z0-9]/g, "-")],
  available: (search) => findAgentProgram(search, PROGRAM, "@anthropic-ai/claude-code"),
  command,
  parser: (input) => new ClaudeParser(input),
};

function command(input: AgentInput): AgentCommand {
  const { url, model } = wayToModel(input, "anthropic");
  const { args, tools, systemPrompt, mcpServers } = input.settings;
  const servers = Object.entries(mcpServers).map(([name, server]) => [
    name,
    "command" in server ? { type: "stdio", ...server } : { type: "http", ...server },
  ]);
  return {
    argv: [
      PROGRAM,
      "--print",
      "--output-format",
      "stream-json",
      "--verbose",
      "--dangerously-skip-permissions",
      "--setting-sources",
      "user",
      "--strict-mcp-config",
      ...(servers.length === 0 ? [] : ["--mcp-config", JSON.stringify({ mcpServers: Object.fromEntries(servers) })]),
      ...(tools.allow === null ? [] : ["--tools", tools.allow.join(",")]),
      "--disallowedTools",
      [USELESS_TOOLS, ...tools.deny].join(","),
      ...(systemPrompt === null ? [] : ["--append-system-prompt", systemPrompt]),
      ...(model === null ? [] : ["--model", model]),
      ...(input.resume === null ? [] : ["--resume", input.resume.sessionId]),
      ...args,
    ],
    stdin: input.prompt,
    env: {
      ...input.env,
      CLAUDE_CONFIG_DIR: `${input.home}/.claude`,
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: input.llmToken,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      IS_SANDBOX: "1",
      // Ten tries with growing pauses, its default, are more than a minute of silence; the queue tries again better.
      CLAUDE_CODE_MAX_RETRIES: "4",
      // What one answer may be is set aside for each call. Its default for new models, 128,000 tokens, is dollars: a
      // budget would seem used up long before it is. No file it writes at once is that long.
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: "32000",
    },
  };
}

class ClaudeParser implements AgentParser {
  readonly #workspace: string;
  readonly #resume: AgentInput["resume"];
  #facts: AgentFacts = NO_FACTS;
  #result: Record<string, unknown> | undefined;

  constructor({ workspace, resume }: Parameters<AgentAdapter["parser"]>[0]) {
    this.#workspace = workspace;
    this.#resume = resume;
  }

  get done(): boolean {
    return this.#result !== undefined;
  }

  push(line: string): AgentEvent[] {
    if (line.trim() === "") return [];
    const event = parseObject(line);
    if (!event) return [{ kind: "unknown", data: shorten(line) }];
    switch (event["type"]) {
      case "system":
        return this.#system(event, line);
      case "assistant":
        return contentOf(event).flatMap((block) => this.#assistant(block));
      case "user":
        return [...contentOf(event).flatMap(toolResult), ...fileChange(event, this.#workspace)];
      case "result":
        return this.#end(event);
      default:
        return [{ kind: "unknown", data: shorten(line) }];
    }
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    if (!this.#result) return endWithoutResult(run, this.#facts);
    if (this.#result["is_error"] === false && this.#result["subtype"] === "success")
      return { ...this.#facts, end: "ok" };
    return { ...this.#facts, end: "error", ...explain(this.#result, this.#resume !== null) };
  }

  #system(event: Record<string, unknown>, line: string): AgentEvent[] {
    if (event["subtype"] === "init") {
      this.#facts = {
        ...this.#facts,
        version: textAt(event, "claude_code_version"),
        model: textAt(event, "model"),
        sessionId: sessionIdOf(textAt(event, "session_id")),
      };
      return [];
    }
    if (event["subtype"] === "api_retry") {
      const status = numberAt(event, "error_status") ?? textAt(event, "error") ?? "an error";
      return [
        { kind: "retry", message: `The model answered ${status}; try ${numberAt(event, "attempt") ?? "?"} follows` },
      ];
    }
    // An estimate of thoughts, many times a second; what they really were is in the usage.
    if (event["subtype"] === "thinking_tokens") return [];
    return [{ kind: "unknown", data: shorten(line) }];
  }

  #assistant(block: Record<string, unknown>): AgentEvent[] {
    const text = textAt(block, "text") ?? textAt(block, "thinking") ?? "";
    switch (block["type"]) {
      case "text":
        this.#facts = { ...this.#facts, text: shorten(text) };
        return [{ kind: "message", text: shorten(text) }];
      case "thinking":
        return [{ kind: "thinking", text: shorten(text) }];
      case "tool_use": {
        const input = fieldsOf(block["input"]);
        const id = textAt(block, "id") ?? "";
        const tool = textAt(block, "name") ?? "unknown";
        const call: AgentEvent = {
          kind: "tool_call",
          id,
          tool,
          summary: summarizeInput(input),
          fingerprint: fingerprint(tool, input),
        };
        return tool === "TodoWrite" ? [call, { kind: "plan", items: planItems(input["todos"], "content") }] : [call];
      }
      default:
        return [{ kind: "unknown", data: shorten(JSON.stringify(block)) }];
    }
  }

  #end(event: Record<string, unknown>): AgentEvent[] {
    this.#result = event;
    const usage = fieldsOf(event["usage"]);
    const tokens = {
      inputTokens: numberAt(usage, "input_tokens") ?? 0,
      outputTokens: numberAt(usage, "output_tokens") ?? 0,
      cacheReadTokens: numberAt(usage, "cache_read_input_tokens") ?? 0,
      cacheWriteTokens: numberAt(usage, "cache_creation_input_tokens") ?? 0,
    };
    // For a model without a list price the CLI makes a figure up and says so: unknown is better than wrong.
    const bases = Object.values(fieldsOf(event["modelUsage"])).map((model) => textAt(fieldsOf(model), "costBasis"));
    const known = bases.length > 0 && bases.every((basis) => basis === "list");
    const total = known ? numberAt(event, "total_cost_usd") : null;
    const costUsd = this.#costOfRun(total);
    const text = textAt(event, "result") ?? this.#facts.text;
    this.#facts = {
      ...this.#facts,
      usage: tokens,
      costUsd,
      totals: totalsAfter(this.#resume, tokens, costUsd),
      text: text === null ? null : shorten(text),
    };
    const events: AgentEvent[] = [{ kind: "usage", usage: tokens }];
    if (costUsd !== null) events.push({ kind: "cost", usd: costUsd, basis: "list" });
    events.push({ kind: "result", ok: event["is_error"] === false, text: this.#facts.text ?? "" });
    return events;
  }

  /** Versions differ in whether a resumed session's total begins anew: a sum smaller than the one before did. */
  #costOfRun(total: number | null): number | null {
    if (this.#resume === null || total === null) return total;
    const before = this.#resume.totals?.costUsd ?? null;
    if (before === null) return null;
    return total >= before ? total - before : total;
  }
}

function explain(result: Record<string, unknown>, resumed: boolean): ReturnType<typeof modelError> {
  const said = textAt(result, "result") ?? errorsOf(result);
  if (resumed && numberAt(result, "num_turns") === 0 && /no conversation found/i.test(errorsOf(result))) {
    return { code: RESUME_REJECTED, kind: "system", message: said };
  }
  switch (result["subtype"]) {
    case "error_max_turns":
      return { code: "agent_turn_limit", kind: "work", message: "The agent used up the turns it may take." };
    case "error_max_budget_usd":
      return { code: "agent_budget", kind: "work", message: "The agent used up its budget." };
    case "error_during_execution":
      return { code: "agent_error", kind: "work", message: said || "The agent stopped with an error of its own." };
    default:
      break;
  }
  if (result["terminal_reason"] !== "api_error") return { code: "agent_error", kind: "work", message: said };
  return modelError(numberAt(result, "api_error_status"), said);
}

function errorsOf(result: Record<string, unknown>): string {
  const errors = valueAt(result, "errors");
  return Array.isArray(errors) ? shorten(errors.map(String).join("; ")) : "";
}

function contentOf(event: Record<string, unknown>): Record<string, unknown>[] {
  const content = valueAt(fieldsOf(event["message"]), "content");
  if (typeof content === "string") return [{ type: "text", text: content }];
  return Array.isArray(content) ? content.map(fieldsOf) : [];
}

function toolResult(block: Record<string, unknown>): AgentEvent[] {
  if (block["type"] !== "tool_result") return [];
  const content = valueAt(block, "content");
  const text =
    typeof content === "string"
      ? content
      : Array.isArray(content)
        ? content.map((part) => textAt(fieldsOf(part), "text") ?? "").join("\n")
        : "";
  const id = textAt(block, "tool_use_id") ?? "";
  return [{ kind: "tool_result", id, ok: block["is_error"] !== true, summary: shorten(text, 500) }];
}

function fileChange(event: Record<string, unknown>, workspace: string): AgentEvent[] {
  const result = fieldsOf(event["tool_use_result"]);
  const path = textAt(result, "filePath");
  if (path === null) return [];
  return [
    {
      kind: "file_change",
      path: pathInside(workspace, path),
      change: result["type"] === "create" ? "create" : "update",
    },
  ];
}

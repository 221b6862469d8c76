/**
 * OpenCode without a terminal. Checked against the real CLI, 1.18.33:
 * - its model is `provider/model`; all providers it is told of lead to the gateway. It has no default of its own there.
 * - `OPENCODE_DISABLE_PROJECT_CONFIG` and the like: settings, servers, skills, agents and rules of the repository have no
 *   effect. What it has to say comes through AGENTS.md, in the prompt, as text. Plugins below `.opencode/` are run all
 *   the same, with the agent's own rights: this version has no switch for them.
 * - it prints steps, not an end: a run ended well when its last step finished with the reason "stop".
 * - figures are of each step, and what was read from a cache is not part of `input`. A cost of 0 means unknown.
 * - a session belongs to a folder, and going on with it in another one waits for ever: the folder is written anew first.
 * - it tries again by itself on 429 and 5xx without a word, and without an end.
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
  AgentUnavailableError,
  endWithoutResult,
  fingerprint,
  NO_FACTS,
  RESUME_REJECTED,
  shorten,
} from "./contract.ts";
import { findAgentProgram } from "./find-agent.ts";
import { withFiles } from "./home-files.ts";
import { fieldsOf, numberAt, parseObject, textAt, valueAt } from "./json-line.ts";
import { opencodeConfig } from "./opencode-config.ts";

const PROGRAM = "opencode";
const PLUGIN_PACKAGE = "@opencode-ai/plugin";
const DATABASE = ".local/share/opencode/opencode.db";

/** The adapter `opencode`. */
export const opencodeAdapter: AgentAdapter = {
  name: "opencode",
  sessionFiles: [DATABASE, `${DATABASE}-wal`, `${DATABASE}-shm`],
  available: (search) => findAgentProgram(search, PROGRAM, "opencode-ai"),
  command,
  parser: (input) => new OpencodeParser(input),
};

// The folder is text for a shell and for SQL here, so it comes as an argument with its quotes doubled.
const MOVE_THEN_RUN = `opencode --pure db "update session set directory='$2' where id='$1'" >/dev/null || exit 1
shift 2
exec "$@"`;

function command(input: AgentInput): AgentCommand {
  const { model, args, systemPrompt, thinking } = input.settings;
  if (model === null || !/^[^/]+\/./.test(model)) {
    const given = model === null ? "" : `, not "${model}"`;
    throw new AgentUnavailableError(
      `OpenCode needs a model with its provider${given}: set agents.opencode.model in hive.yaml, such as anthropic/claude-sonnet-5-5, openai/NAME, google/NAME or local/NAME`,
    );
  }
  const run = [
    PROGRAM,
    "run",
    "--pure",
    "--format",
    "json",
    "--auto",
    ...(thinking ? ["--thinking"] : []),
    "--model",
    model,
    // Without a title it would ask a model for one.
    ...(input.resume === null ? ["--title", "hive"] : ["--session", input.resume.sessionId]),
    ...args,
  ] as const;
  const moved =
    input.resume === null
      ? run
      : ([
          ...["/bin/sh", "-c", MOVE_THEN_RUN, "hive-agent"],
          ...[input.resume.sessionId, input.workspace.replaceAll("'", "''")],
          ...run,
        ] as const);
  const settings = `${input.home}/.config/opencode`;
  const files = {
    ...(systemPrompt === null ? {} : { [`${settings}/AGENTS.md`]: systemPrompt }),
    // Taken for installed: it would fetch the package for plugins, of which there are none, before its first step.
    [`${settings}/package-lock.json`]: JSON.stringify({
      packages: { "": { dependencies: { [PLUGIN_PACKAGE]: "*" } } },
    }),
    [`${settings}/node_modules/.keep`]: "",
  };
  return {
    argv: withFiles(files, [moved[0], ...moved.slice(1)]),
    stdin: input.prompt,
    env: {
      ...input.env,
      OPENCODE_CONFIG_CONTENT: JSON.stringify(opencodeConfig(input, model)),
      OPENCODE_PURE: "1",
      OPENCODE_DISABLE_PROJECT_CONFIG: "1",
      OPENCODE_DISABLE_CLAUDE_CODE: "1",
      OPENCODE_DISABLE_EXTERNAL_SKILLS: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_SHARE: "1",
      OPENCODE_DISABLE_TERMINAL_TITLE: "1",
    },
  };
}

class OpencodeParser implements AgentParser {
  readonly #workspace: string;
  readonly #resume: AgentInput["resume"];
  #facts: AgentFacts;
  #usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  #cost = 0;
  #steps = 0;
  /** How the last step ended; null while one is under way. */
  #reason: string | null = null;
  #error: ReturnType<typeof modelError> | null = null;

  constructor({ workspace, resume, settings }: Parameters<AgentAdapter["parser"]>[0]) {
    this.#workspace = workspace;
    this.#resume = resume;
    this.#facts = { ...NO_FACTS, model: settings.model };
  }

  get done(): boolean {
    return this.#reason === "stop" || this.#error !== null;
  }

  push(line: string): AgentEvent[] {
    if (line.trim() === "") return [];
    const event = parseObject(line);
    if (!event) return [{ kind: "unknown", data: shorten(line) }];
    const sessionId = sessionIdOf(textAt(event, "sessionID"));
    if (sessionId !== null) this.#facts = { ...this.#facts, sessionId };
    const part = fieldsOf(event["part"]);
    const text = shorten(textAt(part, "text") ?? "");
    switch (event["type"]) {
      case "step_start":
        this.#reason = null;
        return [];
      case "text":
        this.#facts = { ...this.#facts, text };
        return [{ kind: "message", text }];
      case "reasoning":
        return [{ kind: "thinking", text }];
      case "tool_use":
        return this.#tool(part);
      case "step_finish":
        return this.#step(part);
      case "error":
        return this.#failed(fieldsOf(event["error"]));
      default:
        return [{ kind: "unknown", data: shorten(line) }];
    }
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    const facts = this.#counted();
    if (this.#error !== null) return { ...facts, end: "error", ...this.#error };
    if (this.#resume !== null && this.#steps === 0 && facts.sessionId === null && run.reason === "exited") {
      const message = "OpenCode does not know the session any more.";
      return { ...facts, end: "error", code: RESUME_REJECTED, kind: "system", message };
    }
    // Once its last step is over it may be slow to leave and is made to: only an exit code of its own counts.
    const left = run.reason === "exited" && run.exitCode !== 0;
    if (this.#reason === null || this.#reason === "tool-calls" || left) return endWithoutResult(run, facts);
    if (this.#reason === "stop") return { ...facts, end: "ok" };
    const message = `The model stopped before it was done (${this.#reason}).`;
    return { ...facts, end: "error", code: "agent_error", kind: "work", message };
  }

  #tool(part: Record<string, unknown>): AgentEvent[] {
    const state = fieldsOf(part["state"]);
    const input = fieldsOf(state["input"]);
    const id = textAt(part, "callID") ?? "";
    const tool = textAt(part, "tool") ?? "unknown";
    const ok = state["status"] === "completed";
    const call: AgentEvent = {
      kind: "tool_call",
      id,
      tool,
      summary: summarizeInput(input),
      fingerprint: fingerprint(tool, input),
    };
    const said = (ok ? textAt(state, "output") : textAt(state, "error")) ?? "";
    const result: AgentEvent = { kind: "tool_result", id, ok, summary: shorten(said, 500) };
    if (tool === "todowrite") return [call, result, { kind: "plan", items: planItems(input["todos"], "content") }];
    return ok ? [call, result, ...this.#changes(tool, input, fieldsOf(state["metadata"]))] : [call, result];
  }

  #changes(tool: string, input: Record<string, unknown>, told: Record<string, unknown>): AgentEvent[] {
    const change = (path: string | null, kind: unknown): AgentEvent[] =>
      path === null
        ? []
        : [
            {
              kind: "file_change",
              path: pathInside(this.#workspace, path),
              change: kind === "add" ? "create" : kind === "delete" ? "delete" : "update",
            },
          ];
    switch (tool) {
      case "write":
        return change(
          textAt(told, "filepath") ?? textAt(input, "filePath"),
          told["exists"] === false ? "add" : "update",
        );
      case "edit":
        return change(textAt(input, "filePath"), "update");
      case "apply_patch": {
        const files = valueAt(told, "files");
        if (!Array.isArray(files)) return [];
        return files.map(fieldsOf).flatMap((file) => change(textAt(file, "filePath"), file["type"]));
      }
      default:
        return [];
    }
  }

  #step(part: Record<string, unknown>): AgentEvent[] {
    const tokens = fieldsOf(part["tokens"]);
    const cache = fieldsOf(tokens["cache"]);
    this.#usage = {
      inputTokens: this.#usage.inputTokens + (numberAt(tokens, "input") ?? 0),
      // What it thought is told apart from what it said, and costs the same.
      outputTokens: this.#usage.outputTokens + (numberAt(tokens, "output") ?? 0) + (numberAt(tokens, "reasoning") ?? 0),
      cacheReadTokens: this.#usage.cacheReadTokens + (numberAt(cache, "read") ?? 0),
      cacheWriteTokens: this.#usage.cacheWriteTokens + (numberAt(cache, "write") ?? 0),
    };
    this.#cost += numberAt(part, "cost") ?? 0;
    this.#steps += 1;
    this.#reason = textAt(part, "reason") ?? "unknown";
    return this.#reason === "tool-calls" ? [] : this.#summary(this.#reason === "stop");
  }

  #summary(ok: boolean): AgentEvent[] {
    const { usage, costUsd, text } = this.#counted();
    const events: AgentEvent[] = usage === null ? [] : [{ kind: "usage", usage }];
    if (costUsd !== null) events.push({ kind: "cost", usd: costUsd, basis: "list" });
    return [...events, { kind: "result", ok, text: text ?? "" }];
  }

  #failed(error: Record<string, unknown>): AgentEvent[] {
    const told = fieldsOf(error["data"]);
    const name = textAt(error, "name") ?? "an error";
    const message = shorten(textAt(told, "message") ?? name);
    const status = numberAt(told, "statusCode");
    this.#error =
      name === "APIError" || name === "ProviderAuthError"
        ? modelError(name === "ProviderAuthError" ? 401 : status, message)
        : { code: "agent_error", kind: "work", message };
    return [{ kind: "result", ok: false, text: message }];
  }

  #counted(): AgentFacts {
    if (this.#steps === 0) return this.#facts;
    const costUsd = this.#cost > 0 ? this.#cost : null;
    return { ...this.#facts, usage: this.#usage, costUsd, totals: totalsAfter(this.#resume, this.#usage, costUsd) };
  }
}

/**
 * Google's Gemini CLI without a terminal. Checked against the real CLI, 0.61.0:
 * - settings of the system outrank those of the repository (`.gemini/`): with ours its hooks, servers, discovery
 *   commands, skills and `.env` have no effect. The CLI believes such a file only where it and all folders above it are
 *   root's alone, as the worker's code is in an image. Elsewhere it goes by the home's, which are the same but rank below
 *   the repository's: so a repository that has some gets no Gemini CLI there.
 * - its GEMINI.md is read whatever the settings say, as words, not as settings; files of other names can only be added.
 * - without `selectedType` it takes the gateway for a way to sign in that it then refuses (exit code 41).
 * - without `--skip-trust` it ends with 55, without `--approval-mode yolo` it writes nothing and ends with 0.
 * - it starts itself again as a child, which hears no signal: `GEMINI_CLI_NO_RELAUNCH`.
 * - a session is found by the path of its folder; in another one it has to be given as a file, and becomes a new one.
 * - figures are of this run, `cached` is a part of `input_tokens`; it knows no prices.
 */
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentSettings, McpServer } from "@hive/protocol";
import { modelError, pathInside, sessionIdOf, summarizeInput, totalsAfter } from "./agent-words.ts";
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
import { wayToModel } from "./gateway-address.ts";
import { withFiles } from "./home-files.ts";
import { fieldsOf, numberAt, parseObject, textAt } from "./json-line.ts";
import { isRootsAlone } from "./roots-alone.ts";

const PROGRAM = "gemini";
const NO_SERVER = "hive-none";
const REPOSITORY_SETTINGS = ".gemini/settings.json";
const MAY_LACK = { throwIfNoEntry: false } as const;
const SYSTEM_SETTINGS = fileURLToPath(new URL("./gemini-settings.json", import.meta.url));

/** The adapter `gemini`. */
export const geminiAdapter: AgentAdapter = {
  name: "gemini",
  sessionFiles: [".gemini/tmp"],
  available: (search) => findAgentProgram(search, PROGRAM, "@google/gemini-cli"),
  command,
  parser: (input) => new GeminiParser(input),
};

// The newest file of the session; where there is none, the program says so itself.
const FIND_THEN_RUN = `session=$(ls -t -- "$HOME"/.gemini/tmp/*/chats/session-*-"$1".jsonl 2>/dev/null | head -n 1)
shift
exec "$@" --session-file "\${session:-/nonexistent/session.jsonl}"`;

function command(input: AgentInput): AgentCommand {
  const { provider, url, model } = wayToModel(input, "gemini");
  if (provider === "local") {
    throw new AgentUnavailableError("The Gemini CLI cannot speak to a local model; use opencode, codex or claude");
  }
  if (!isRootsAlone(SYSTEM_SETTINGS) && lstatSync(join(input.workspace, REPOSITORY_SETTINGS), MAY_LACK) !== undefined) {
    throw new AgentUnavailableError(
      `The Gemini CLI would obey ${REPOSITORY_SETTINGS} of the repository: this worker's own code, with the settings above it, is not root's alone. Run the job on a worker in a container, or without that file`,
    );
  }
  const folder = `${input.home}/.gemini`;
  const run = [
    PROGRAM,
    "--output-format",
    "stream-json",
    "--approval-mode",
    "yolo",
    "--skip-trust",
    ...(model === null ? [] : ["--model", model]),
    // Only these are started, whatever the repository adds. Without a name all would be.
    "--allowed-mcp-server-names",
    Object.keys(input.settings.mcpServers).join(",") || NO_SERVER,
    ...input.settings.args,
  ] as const;
  const resumed =
    input.resume === null
      ? run
      : ([...["/bin/sh", "-c", FIND_THEN_RUN, "hive-agent"], input.resume.sessionId.slice(0, 8), ...run] as const);
  return {
    argv: withFiles(
      {
        [`${folder}/settings.json`]: JSON.stringify(settingsOf(input.settings)),
        ...(input.settings.systemPrompt === null ? {} : { [`${folder}/GEMINI.md`]: input.settings.systemPrompt }),
      },
      [resumed[0] ?? PROGRAM, ...resumed.slice(1)],
    ),
    stdin: input.prompt,
    env: {
      ...input.env,
      GEMINI_CLI_SYSTEM_SETTINGS_PATH: SYSTEM_SETTINGS,
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_API_KEY: input.llmToken,
      GEMINI_CLI_NO_RELAUNCH: "true",
    },
  };
}

/** The home's settings: those of the system, and what hive.yaml says. */
function settingsOf({ tools, mcpServers }: AgentSettings): Record<string, unknown> {
  const always = fieldsOf(JSON.parse(readFileSync(SYSTEM_SETTINGS, "utf8")));
  return {
    ...always,
    tools: {
      ...fieldsOf(always["tools"]),
      ...(tools.allow === null ? {} : { core: tools.allow }),
      exclude: tools.deny,
    },
    mcpServers: Object.fromEntries(Object.entries(mcpServers).map(([name, server]) => [name, mcpOf(server)])),
  };
}

function mcpOf(server: McpServer): Record<string, unknown> {
  if ("command" in server) return { command: server.command, args: server.args, env: server.env, trust: true };
  return { httpUrl: server.url, headers: server.headers, trust: true };
}

/** Tools that write files, by the name of the argument that says which. */
const WRITERS: Readonly<Record<string, string>> = { write_file: "file_path", replace: "file_path" };

class GeminiParser implements AgentParser {
  readonly #workspace: string;
  readonly #resume: AgentInput["resume"];
  readonly #written = new Map<string, string>();
  #facts: AgentFacts;
  #seen = false;
  #saying = "";
  #result: { readonly ok: boolean; readonly message: string } | undefined;

  constructor({ workspace, resume, settings }: Parameters<AgentAdapter["parser"]>[0]) {
    this.#workspace = workspace;
    this.#resume = resume;
    this.#facts = { ...NO_FACTS, model: settings.model };
  }

  get done(): boolean {
    return this.#result !== undefined;
  }

  push(line: string): AgentEvent[] {
    if (line.trim() === "") return [];
    const event = parseObject(line);
    if (!event) return [{ kind: "unknown", data: shorten(line) }];
    this.#seen = true;
    // A message comes in pieces: it is told when something else follows.
    if (event["type"] === "message" && event["role"] === "assistant") {
      this.#saying += textAt(event, "content") ?? "";
      return event["delta"] === true ? [] : this.#said();
    }
    const said = this.#said();
    switch (event["type"]) {
      case "init": {
        const sessionId = sessionIdOf(textAt(event, "session_id"));
        const model = textAt(event, "model");
        // "auto" is no model: which one answered is only known at the end.
        this.#facts = { ...this.#facts, sessionId, model: model === "auto" ? this.#facts.model : model };
        return said;
      }
      case "message":
        return said; // what it was told, said back
      case "tool_use":
        return [...said, this.#call(event)];
      case "tool_result":
        return [...said, ...this.#toolResult(event)];
      case "error":
        return [...said, { kind: "retry", message: shorten(textAt(event, "message") ?? line) }];
      case "result":
        return [...said, ...this.#over(event)];
      default:
        return [...said, { kind: "unknown", data: shorten(line) }];
    }
  }

  end(run: Parameters<AgentParser["end"]>[0]): AgentEnd {
    if (!this.#result) {
      if (this.#resume !== null && !this.#seen && run.reason === "exited") {
        const message = "The Gemini CLI does not know the session any more.";
        return { ...this.#facts, end: "error", code: RESUME_REJECTED, kind: "system", message };
      }
      if (run.reason === "exited" && run.exitCode === 53) {
        const message = "The agent used up the turns it may take.";
        return { ...this.#facts, end: "error", code: "agent_turn_limit", kind: "work", message };
      }
      return endWithoutResult(run, this.#facts);
    }
    if (this.#result.ok) return { ...this.#facts, end: "ok" };
    return { ...this.#facts, end: "error", ...explain(this.#result.message) };
  }

  #said(): AgentEvent[] {
    const text = shorten(this.#saying.trim());
    this.#saying = "";
    if (text === "") return [];
    this.#facts = { ...this.#facts, text };
    return [{ kind: "message", text }];
  }

  #call(event: Record<string, unknown>): AgentEvent {
    const input = fieldsOf(event["parameters"]);
    const id = textAt(event, "tool_id") ?? "";
    const tool = textAt(event, "tool_name") ?? "unknown";
    const path = textAt(input, WRITERS[tool] ?? "");
    if (path !== null) this.#written.set(id, path);
    return { kind: "tool_call", id, tool, summary: summarizeInput(input), fingerprint: fingerprint(tool, input) };
  }

  #toolResult(event: Record<string, unknown>): AgentEvent[] {
    const id = textAt(event, "tool_id") ?? "";
    const ok = event["status"] === "success";
    const said = textAt(event, "output") ?? textAt(fieldsOf(event["error"]), "message") ?? "";
    const result: AgentEvent = { kind: "tool_result", id, ok, summary: shorten(said, 500) };
    const path = this.#written.get(id);
    this.#written.delete(id);
    // Whether the file was there before is not told.
    if (!ok || path === undefined) return [result];
    return [result, { kind: "file_change", path: pathInside(this.#workspace, path), change: "update" }];
  }

  #over(event: Record<string, unknown>): AgentEvent[] {
    const figures = fieldsOf(event["stats"]);
    const cacheReadTokens = numberAt(figures, "cached") ?? 0;
    const prompt = numberAt(figures, "input_tokens") ?? 0;
    const total = numberAt(figures, "total_tokens") ?? 0;
    const usage = {
      inputTokens: Math.max(prompt - cacheReadTokens, 0),
      // What it thought is only part of the sum.
      outputTokens: Math.max(numberAt(figures, "output_tokens") ?? 0, total - prompt),
      cacheReadTokens,
      cacheWriteTokens: 0,
    };
    const ok = event["status"] === "success";
    const message = textAt(fieldsOf(event["error"]), "message") ?? "The agent failed without a word.";
    const text = ok ? (this.#facts.text ?? "") : shorten(message);
    this.#facts = {
      ...this.#facts,
      usage,
      totals: totalsAfter(this.#resume, usage, null),
      model: mostUsed(figures) ?? this.#facts.model,
    };
    this.#result = { ok, message };
    return [
      { kind: "usage", usage },
      { kind: "result", ok, text },
    ];
  }
}

/** The model that did the work; small ones choose it. */
function mostUsed(figures: Record<string, unknown>): string | null {
  const models = Object.entries(fieldsOf(figures["models"])).map(
    ([name, used]) => [name, numberAt(fieldsOf(used), "total_tokens") ?? 0] as const,
  );
  const [name, tokens] = models.sort(([, a], [, b]) => b - a)[0] ?? [null, 0];
  return tokens > 0 ? name : null;
}

function explain(message: string): ReturnType<typeof modelError> {
  const status = /"?code"?:\s*(\d{3})\b/.exec(message)?.[1];
  if (status !== undefined) return modelError(Number(status), message);
  if (/API Error|fetch failed|quota|network|ECONN/i.test(message)) return modelError(null, message);
  return { code: "agent_error", kind: "work", message: shorten(message) };
}

/**
 * Runs one agent: starts its command, cuts its output into lines, turns them into events, writes what people read into
 * the log, and stops the process tree soon after the agent said it is done.
 */
import { type AgentUser, type ProcessLimits, type RunResult, run } from "../process/run.ts";
import type { AgentAdapter, AgentEnd, AgentEvent, AgentInput } from "./contract.ts";

/** How to run an agent. */
export interface RunAgentOptions {
  readonly adapter: AgentAdapter;
  readonly input: AgentInput;
  readonly user: AgentUser | undefined;
  readonly limits?: ProcessLimits;
  readonly signal: AbortSignal;
  /** Milliseconds of wall clock. */
  readonly timeoutMs: number;
  /** Milliseconds without output; null: no such limit. */
  readonly idleTimeoutMs: number | null;
  /** Bytes of output after which the agent is stopped. */
  readonly maxOutputBytes: number;
  /** The log: readable lines of what the agent does, and its stderr as it is. */
  readonly log: (bytes: Uint8Array | string, source: "stdout" | "stderr") => Promise<void>;
  readonly onEvent: (event: AgentEvent) => void;
  /** Milliseconds an agent may still run after its own end. Default: 2000. */
  readonly afterEndMs?: number;
}

const AFTER_END_MS = 2_000;
const LONGEST_LINE = 4 * 1_024 * 1_024;

/** Runs the agent to its end; errors of the agent are values. @throws AgentUnavailableError */
export async function runAgent(options: RunAgentOptions): Promise<{ end: AgentEnd; run: RunResult }> {
  const { adapter, input, log, onEvent } = options;
  const command = adapter.command(input);
  const parser = adapter.parser(input);
  const lines = new LineCutter();
  const over = new AbortController();
  let overTimer: NodeJS.Timeout | undefined;
  // One write for all lines of a chunk: a write each made a flood of lines a hundred times slower than the disk.
  const handle = async (cut: readonly string[]): Promise<void> => {
    let readable = "";
    for (const event of cut.flatMap((line) => parser.push(line))) {
      if (event.kind === "thinking" && !input.settings.thinking) continue;
      const text = describeEvent(event);
      if (text !== "") readable += `${text}\n`;
      onEvent(event);
    }
    if (readable !== "") await log(readable, "stdout");
    if (parser.done) overTimer ??= setTimeout(() => over.abort(), options.afterEndMs ?? AFTER_END_MS);
  };
  const result = await run({
    argv: command.argv,
    cwd: input.workspace,
    env: command.env,
    signal: AbortSignal.any([options.signal, over.signal]),
    timeoutMs: options.timeoutMs,
    maxOutputBytes: options.maxOutputBytes,
    ...(options.idleTimeoutMs === null ? {} : { idleTimeoutMs: options.idleTimeoutMs }),
    ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
    ...(options.user ? { user: options.user } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
    onOutput: async (chunk, stream) => {
      if (stream === "stderr") return log(chunk, "stderr");
      await handle(lines.push(chunk));
    },
  });
  await handle(lines.end());
  clearTimeout(overTimer);
  return { end: parser.end(result), run: result };
}

/** What an event looks like in the log; empty for what only programs want to know. */
export function describeEvent(event: AgentEvent): string {
  switch (event.kind) {
    case "message":
      return event.text;
    case "thinking":
      return `(thinking) ${event.text}`;
    case "plan":
      return event.items.map((item) => `[${item.done ? "x" : " "}] ${item.text}`).join("\n");
    case "tool_call":
      return `> ${event.tool} ${event.summary}`;
    case "tool_result":
      return event.ok ? "" : `! ${event.summary}`;
    case "file_change":
      return `${event.change} ${event.path}`;
    case "retry":
      return event.message;
    case "usage":
      return `tokens: ${event.usage.inputTokens} in, ${event.usage.outputTokens} out, ${event.usage.cacheReadTokens} cached`;
    case "cost":
      return `cost: ${event.usd.toFixed(4)} USD`;
    case "result":
      return event.ok ? "" : `! ${event.text}`;
    case "unknown":
      return event.data;
  }
}

/** Cuts bytes into lines with bounded memory: what is longer than a line may be is passed on in pieces. */
class LineCutter {
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(chunk: Uint8Array): string[] {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = parts.pop() ?? "";
    if (this.#rest.length <= LONGEST_LINE) return parts;
    parts.push(this.#rest);
    this.#rest = "";
    return parts;
  }

  end(): string[] {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

/**
 * Starts one of Hive's own programs as a process beside the dispatcher, and stops it. The program reads its settings
 * (`program-settings.ts`), writes one line of JSON to its standard output once it is ready, and its log to its standard
 * error. It ends when its input closes, which also happens when this process dies in whatever way.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import type { z } from "zod";
import { jsonLine } from "./json-line.ts";

export interface ProgramOptions<Ready> {
  /** For messages, such as "the LLM gateway". */
  readonly name: string;
  /** The path of its `main.ts`. */
  readonly program: string;
  /** Options of Node itself, such as a limit of its memory. Default: none. */
  readonly nodeOptions?: readonly string[];
  /** What it is told; written as JSON. */
  readonly settings: unknown;
  /** The shape of the line it writes once it is ready. */
  readonly ready: z.ZodType<Ready>;
  /**
   * The process's whole environment. Hive's programs need nothing of Hive's in it; pass NODE_EXTRA_CA_CERTS where they
   * speak TLS with an authority of your own. Default: empty.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which a process that does not end by itself is killed. Default 8,000. */
  readonly stopMs?: number;
  /** One line of the process's log. */
  readonly onLine: (line: string) => void;
  /** A line it writes to its standard output after it was ready: the answer to something it was told. */
  readonly onAnswer?: (line: string) => void;
}

export interface RunningProgram<Ready> {
  /** What it said when it was ready. */
  readonly ready: Ready;
  readonly pid: number;
  /** Writes one more line to its input; lost when the process is gone. */
  tell(line: string): void;
  /** Resolves when the process is gone, with how. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Kills it at once: it hangs. */
  kill(): void;
  /** Closes its input and waits until it is gone; kills it when that takes too long. Safe to call twice. */
  stop(): Promise<void>;
}

const STOP_MS = 8_000;

/** Resolves once the process is ready. @throws with what it wrote last when it ends before that. */
export async function startProgram<Ready>(options: ProgramOptions<Ready>): Promise<RunningProgram<Ready>> {
  // A session of its own: Ctrl-C in the terminal reaches the dispatcher alone, and jobs that end in its drain still need
  // what this program serves.
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), options.program], {
    env: { ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const exited = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  let last = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    last = line;
    options.onLine(line);
  });
  // A process that is gone already takes no settings; that it is gone is told below.
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${jsonLine(options.settings)}\n`);
  const firstLine = new Promise<string>((settle) => {
    const lines = createInterface({ input: child.stdout });
    lines.once("line", (text) => {
      lines.on("line", (more) => options.onAnswer?.(more));
      settle(text);
    });
  });
  const line = await Promise.race([firstLine, exited.then(() => null)]);
  if (line === null) throw new Error(`${capitalised(options.name)} did not start: ${last}`);
  return {
    ready: options.ready.parse(JSON.parse(line)),
    pid: child.pid ?? 0,
    exited,
    tell: (text) => void child.stdin.write(`${text}\n`),
    kill: () => void child.kill("SIGKILL"),
    async stop() {
      child.stdin.end();
      const kill = setTimeout(() => child.kill("SIGKILL"), options.stopMs ?? STOP_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

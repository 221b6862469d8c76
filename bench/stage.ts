/**
 * Everything a row starts or makes: programs and folders. `clear` ends and removes all of it, also when the row failed
 * halfway, so that one row's processes never slow the next one down and nothing is left on the machine.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long a program may take to end after SIGTERM, in milliseconds. */
const STOP_MS = 15_000;
/** The end of a program's output that is shown when it fails, in characters. */
const SHOWN = 4_000;

/** A started program. */
export interface Program {
  readonly pid: number;
  /** All it wrote to stdout and stderr so far (the last part of it). */
  readonly printed: () => string;
  /** Exit code, or null for a death by signal. */
  readonly ended: Promise<number | null>;
  /** SIGTERM, later SIGKILL; resolves when it is gone. Safe to call twice. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How a program is started. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sees stdout as it comes. */
  readonly onOutput?: (text: string) => void;
}

export class Stage {
  readonly #programs = new Set<{ readonly child: ChildProcess; readonly program: Program }>();
  readonly #folders = new Set<string>();
  readonly #closers: (() => Promise<void>)[] = [];

  /** A new empty folder. Other users can walk through it: agents run as users of their own. */
  folder(name: string): string {
    const made = mkdtempSync(join(tmpdir(), `hive-bench-${name}-`));
    chmodSync(made, 0o711);
    this.#folders.add(made);
    return made;
  }

  /** Also called by `clear`, the last one first. */
  onClear(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Starts a program with a plain environment, so that a developer's own settings change no figure. */
  start(command: string, args: readonly string[], options: StartOptions = {}): Program {
    const child = spawn(command, args, {
      cwd: options.cwd ?? tmpdir(),
      env: { PATH: process.env["PATH"], HOME: tmpdir(), LANG: "C.UTF-8", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed = (printed + text).slice(-SHOWN);
        if (stream === child.stdout) options.onOutput?.(text);
      });
    }
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", (error) => reject(new Error(`${command} did not start: ${error.message}`, { cause: error })));
      child.once("close", (code) => resolve(code));
    });
    ended.catch(() => {}); // whoever waits for the end hears of it
    const program: Program = {
      pid: child.pid ?? 0,
      printed: () => printed,
      ended,
      stop: async (signal = "SIGTERM") => {
        if (child.exitCode === null && child.signalCode === null) {
          child.kill(signal);
          const hard = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
          await ended.catch(() => null);
          clearTimeout(hard);
        }
        this.#programs.delete(entry);
      },
    };
    const entry = { child, program };
    this.#programs.add(entry);
    return program;
  }

  /** Runs a program of `bench/programs` to its end and gives the JSON it printed last. @throws when it failed */
  async measure(
    file: string,
    args: readonly string[],
    nodeArgs: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    let out = "";
    const path = join(import.meta.dirname, "programs", file);
    const program = this.start(process.execPath, [...nodeArgs, path, ...args], {
      env,
      onOutput: (text) => {
        out += text;
      },
    });
    const code = await program.ended;
    if (code !== 0) throw new Error(`${file} ended with ${code}:\n${program.printed()}`);
    return JSON.parse(out.trim().split("\n").at(-1) ?? "");
  }

  /** Stops every program, closes what was opened and removes every folder. Safe to call twice. */
  async clear(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
    await Promise.all([...this.#programs].map(({ program }) => program.stop()));
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    this.#folders.clear();
  }

  /** For the very end of the process: nothing can be waited for any more. */
  killNow(): void {
    for (const { child } of this.#programs) child.kill("SIGKILL");
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** Asks until the answer is true. @throws after `limitMs` */
export async function until(what: string, look: () => Promise<boolean> | boolean, limitMs = 60_000): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (!(await look())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

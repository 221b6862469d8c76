// Runs one program for a script: its output goes straight to the terminal, its end is a value and not an exception.
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { checkout } from "./checkout.ts";

/** How a program ended. `code` is null when a signal or the time limit ended it, or when it could not start. */
export interface Ended {
  readonly code: number | null;
  readonly why: string;
}

/** Where and how to run: `cwd` (default: the checkout), `env` (default: this process's), `limitMs` (default: 15 minutes). */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly limitMs?: number;
}

/** This process's environment with the checkout's own programs first on the PATH, whatever started us. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const bin = join(checkout, "node_modules", ".bin");
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== bin);
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: [bin, ...path].join(delimiter) };
  // Colours are for people: a log file, a pipe and the build server get plain text.
  if (!process.stdout.isTTY) {
    env.NO_COLOR = "1";
    delete env.FORCE_COLOR;
  }
  return env;
}

/** Runs a program to its end without a stdin. Never throws: a program that cannot start ends with `code: null`. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const limitMs = options.limitMs ?? 15 * 60_000;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? checkout,
      env: options.env ?? programEnvironment(),
      stdio: ["ignore", "inherit", "inherit"],
      timeout: limitMs,
    });
    child.once("error", (error) => {
      resolve({ code: null, why: `${command} did not start: ${error.message}` });
    });
    child.once("exit", (code, signal) => {
      resolve({ code, why: signal === null ? `exit code ${code}` : `${signal} (the limit is ${limitMs / 1000} s)` });
    });
  });
}

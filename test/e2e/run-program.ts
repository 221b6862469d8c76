/** Runs a program to its end, as a person at a terminal would, and gives what it printed. */
import { spawn } from "node:child_process";
import { ROOT } from "./hive-process.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 120_000;

/** Runs `argv` with exactly this environment; SIGKILL after two minutes. */
export async function runProgram(
  argv: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  options: { readonly cwd?: string; readonly stdin?: string } = {},
): Promise<Ran> {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd ?? ROOT,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  // A program that ended without reading it has closed the pipe.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}

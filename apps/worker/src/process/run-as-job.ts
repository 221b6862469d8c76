/** Small steps of the supervisor in a job's files, always as the job's user: it never walks through those files itself. */

import type { Slot } from "./agent-user.ts";
import { run, type RunOptions } from "./run.ts";

/** Whose steps they are, and what ends them. */
export interface JobProcess {
  readonly slot: Slot;
  readonly signal: AbortSignal;
}

/** Milliseconds one step may take. */
export const STEP_MS = 300_000;

/** A program of one step. */
type Step = Pick<RunOptions, "argv"> & Partial<Pick<RunOptions, "cwd" | "stdin" | "onOutput" | "signal" | "limits">>;

/** Runs a program as the job's user, with an environment of nothing. Gives its exit code and what it said on stderr. */
export async function runAsJob(
  job: JobProcess,
  step: Step,
): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  const { slot } = job;
  const said: Buffer[] = [];
  const { onOutput } = step;
  const { exitCode } = await run({
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", HOME: slot.home, TMPDIR: slot.tmp, LC_ALL: "C" },
    signal: job.signal,
    timeoutMs: STEP_MS,
    ...(slot.user === undefined ? {} : { user: slot.user }),
    ...step,
    onOutput: (chunk, stream) => {
      if (stream === "stdout" && onOutput !== undefined) return onOutput(chunk, stream);
      if (stream === "stderr" && said.length < 16) said.push(Buffer.from(chunk));
      return undefined;
    },
  });
  job.signal.throwIfAborted();
  return { exitCode, said: Buffer.concat(said).toString("utf8").trim().slice(0, 500) };
}

/** Runs one program of a job: in the repository, as the slot's user, with the clean environment, into the log. */
import type { AttemptError } from "@hive/core";
import { type RunOptions, type RunResult, run } from "../process/run.ts";
import type { TaskRequest } from "../worker-parts.ts";

/** Bytes a job's program may print before it is stopped. The log keeps far less. */
export const MOST_OUTPUT = 2 * 1_024 ** 3;

/** A program of a job and its environment; the rest comes from the request. */
export type InJob = Pick<RunOptions, "argv" | "env"> &
  Partial<Pick<RunOptions, "stdin" | "onOutput" | "maxOutputBytes">>;

/** Runs it to its end; output goes to the log unless `onOutput` is given. */
export function runInJob(request: TaskRequest, program: InJob): Promise<RunResult> {
  const { user, limits } = request.slot;
  const { idleTimeoutMs } = request.job;
  return run({
    cwd: request.workspace.repo,
    signal: request.signal,
    timeoutMs: request.remainingMs(),
    maxOutputBytes: MOST_OUTPUT,
    onOutput: (chunk, stream) => request.log.write(chunk, stream),
    ...(idleTimeoutMs === null ? {} : { idleTimeoutMs }),
    limits,
    ...(user ? { user } : {}),
    ...program,
  });
}

/** The error of a program that did not end with 0; null if it did. `what` names it in the message. */
export function errorOfRun(result: RunResult, what: string, code: string): AttemptError | null {
  const work = (errorCode: string, message: string): AttemptError => ({ code: errorCode, kind: "work", message });
  switch (result.reason) {
    case "timeout":
      return work("timeout", `${what} did not finish in the time the job may take.`);
    case "idle":
      return work("silent", `${what} printed nothing for too long and was stopped.`);
    case "output_limit":
      return work("flood", `${what} printed more than a job may and was stopped.`);
    case "aborted":
      return { code: "aborted", kind: "system", message: `${what} was stopped before it finished.` };
    case "exited":
      break;
  }
  if (result.exitCode === 0) return null;
  if (result.startError !== undefined) {
    return { code: "not_started", kind: "system", message: `${what} cannot be started: ${result.startError}` };
  }
  if (result.exitCode === 137) {
    const message = `${what} was killed (exit code 137): the machine may lack memory.`;
    return { code: "killed", kind: "system", message };
  }
  return work(code, `${what} ended with exit code ${result.exitCode}.`);
}

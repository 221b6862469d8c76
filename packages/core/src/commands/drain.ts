/**
 * Asks a worker to take no more jobs and leave, or takes that back. The job it has, it finishes.
 */

import type { CommandOf, Replies, WorkerRecord } from "../command.ts";
import { HiveError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, _command: CommandOf<"drain">): [] {
  return [];
}

/**
 * @throws HiveError not_found
 */
export function drain(step: Step, command: CommandOf<"drain">): Replies["drain"] {
  const { workerId, draining } = command;
  const worker = step.state.workers.get(workerId);
  if (worker === undefined) throw new HiveError("not_found", `there is no worker ${workerId}`, { workerId });
  if (worker.record.draining === draining) return { draining };
  const record: WorkerRecord = { ...worker.record, draining };
  step.state.workers.set(workerId, { record, jobId: worker.jobId });
  step.put("workers", workerId, record);
  if (draining) step.effect({ type: "signal", workerId, signal: "drain", jobId: null, fence: null, reason: "drain" });
  return { draining };
}

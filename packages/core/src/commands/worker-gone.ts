/**
 * A worker said goodbye, or its process is known to be dead: it is forgotten, and the lease it had ends now.
 */

import type { CommandOf, Replies } from "../command.ts";
import { endLease, held } from "../ending.ts";
import type { LiveWorker, State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, _command: CommandOf<"workerGone">): [] {
  return [];
}

/** An unknown worker is gone already: nothing happens. */
export function workerGone(step: Step, command: CommandOf<"workerGone">): Replies["workerGone"] {
  const worker = step.state.workers.get(command.workerId);
  if (worker === undefined) return { ended: null };
  const ended = endWorkersLease(step, worker, command.blame, command.message);
  step.state.workers.delete(command.workerId);
  step.put("workers", command.workerId, null);
  step.event("worker.gone", null, {
    workerId: command.workerId,
    name: worker.record.name,
    message: command.message,
    jobId: ended,
  });
  return { ended };
}

/** Ends the lease a worker has, if any, and gives its job's id. `blame`: it counts as a loss if the work had begun. */
export function endWorkersLease(step: Step, worker: LiveWorker, blame: boolean, message: string): string | null {
  const job = worker.jobId === null ? undefined : step.state.jobs.get(worker.jobId);
  if (job === undefined) return null;
  endLease(step, held(job), blame ? { end: "lost", message } : { end: "returned", message });
  return job.id;
}

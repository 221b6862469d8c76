/** Cancels a job that is not over: a waiting one at once, a running one through its worker. */

import { candidateIds } from "./candidates.ts";
import { held } from "./ending.ts";
import type { Job, Status } from "./job.ts";
import type { Step } from "./step.ts";
import { endJob } from "./terminate.ts";
import { amend } from "./transitions.ts";

/** Who wants it, and why. */
export interface Wish {
  readonly by: string;
  readonly reason: string;
}

/** Gives the job's status right after: `canceled`, or `running` while its worker is told. */
export function cancelJob(step: Step, job: Job, { by, reason }: Wish): Status {
  if (job.status !== "running") {
    const telling = { data: { by, message: reason } };
    return endJob(step, job, { status: "canceled", reason: "requested" }, telling).status;
  }
  const { run, lease } = held(job);
  if (run.cancel !== null) return "running";
  const next = amend(step, job, { run: { ...run, cancel: { at: step.now.wall, by, reason } } });
  step.event("job.cancel_requested", next, { fence: lease.fence, by, message: reason });
  const { workerId, fence } = lease;
  step.effect({ type: "signal", workerId, signal: "cancel", jobId: job.id, fence, reason });
  return "running";
}

/** Nobody waits for the candidates of a job that is canceled: those that are not over are canceled with it. */
export function cancelCandidates(step: Step, parent: Job, { by, reason }: Wish): void {
  for (const id of candidateIds(parent)) {
    const candidate = step.state.jobs.get(id);
    if (candidate !== undefined) cancelJob(step, candidate, { by, reason });
  }
}

/**
 * What an attempt made before it was stopped for want of money or of a provider's quota. It is pushed to the job's own
 * branch, without a pull request: the attempt after it, or whoever gives the job more money, goes on from there.
 */

import { killAgent } from "./clean-up.ts";
import type { Prepared } from "./prepare-job.ts";
import { publishWork } from "./publish-job.ts";
import type { RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/** Milliseconds for all of it: the lease is kept alive meanwhile, but its budget is used up. */
const PUSH_MS = 120_000;

/**
 * Pushes it where that may be without anybody's approval; never throws. What could not be pushed is left for
 * `keepUnpublished`. A job that pushes nothing anyway has nothing to lose.
 */
export async function pushWorkSoFar(worker: WorkerParts, running: RunningJob, prepared: Prepared): Promise<void> {
  const { attempt, lease, findings } = running;
  const { task, approvePublish } = lease.job;
  if (attempt.right.aborted || findings.commit !== null || task !== "agent" || approvePublish) return;
  await killAgent(worker.slot);
  // The work's own signal has fired; pushing what there is may take a time of its own.
  const signal = AbortSignal.any([attempt.right, AbortSignal.timeout(PUSH_MS)]);
  const stopped: RunningJob = { ...running, attempt: { ...attempt, work: signal } };
  try {
    await running.enter("publish");
    await publishWork(worker, stopped, prepared, false);
  } catch (error) {
    if (attempt.right.aborted) return;
    const why = error instanceof Error ? error.message : String(error);
    await running.say(`the work so far could not be pushed: ${why}`).catch(() => undefined);
  }
}

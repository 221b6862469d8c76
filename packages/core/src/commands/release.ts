/**
 * Lets a held job go from one hold to its next place: another hold, what it depends on, its time, or the queue.
 */

import type { HeldReason, Job } from "../job.ts";
import { nextHold, rung } from "../ladder.ts";
import type { Step } from "../step.ts";
import { move } from "../transitions.ts";

/** `by`: who or what let it go. */
export function release(step: Step, job: Job, from: HeldReason, by: string): Job {
  const hold = nextHold(from, job.approval);
  return move(step, job, { ...rung({ ...job, hold }, step.now.wall), hold }, { data: { released: from, by } });
}

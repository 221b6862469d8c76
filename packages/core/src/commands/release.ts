/**
 * Lets a held job go from one hold to its next place: another hold, what it depends on, its time, or the queue.
 */

import type { HeldReason, Job } from "../job.ts";
import { nextHold, rung } from "../ladder.ts";
import type { Step } from "../step.ts";
import { move } from "../transitions.ts";

/** What a release brings with it: the agent of a job that had none, and what the job is held for instead. */
export interface Bringing {
  readonly agent?: string | null;
  readonly next?: HeldReason;
}

/** `by`: who or what let it go. */
export function release(step: Step, job: Job, from: HeldReason, by: string, bringing: Bringing = {}): Job {
  const hold = bringing.next ?? nextHold(from, job.approval);
  const agent = job.agent ?? (from === "no_agent" ? (bringing.agent ?? null) : null);
  return move(step, job, { ...rung({ ...job, hold }, step.now.wall), hold, agent }, { data: { released: from, by } });
}

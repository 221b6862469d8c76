/**
 * The end of a job and what follows from it: its secrets are erased in the same commit, jobs that waited for its success
 * go on, and jobs that waited in vain are canceled, with all that wait for those.
 */

import { candidateIds } from "./candidates.ts";
import { secretId } from "./document.ts";
import type { Job } from "./job.ts";
import { isTerminal } from "./job.ts";
import { rung } from "./ladder.ts";
import type { Step } from "./step.ts";
import { type Move, type Telling, amend, move } from "./transitions.ts";

/** A job that is over, as far as those that waited for it must know. */
export type Parent = Pick<Job, "id" | "status">;

/** Ends a job and settles what waited for it. Gives the ended job. */
export function endJob(step: Step, job: Job, to: Move, telling: Telling = {}): Job {
  const ended = close(step, job, to, telling);
  settle(step, ended);
  return ended;
}

/**
 * Moves on the jobs that waited for one that is over, and those behind them. One step settles a bounded number, so that
 * one commit stays small whatever waits; the rest is noted in `unsettled` and done by the next sweeps.
 */
export function settle(step: Step, over: Parent): void {
  const { dependents, jobs, unsettled } = step.state;
  const open: Parent[] = [over];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const id of dependents.get(parent.id) ?? []) {
      const child = jobs.get(id);
      if (child === undefined) throw new Error(`${id} waits for ${parent.id} but is not there`);
      if (!step.maySettle()) break;
      if (candidateIds(child).includes(parent.id)) gather(step, child, parent);
      else if (parent.status === "succeeded") unblock(step, child, parent.id);
      else open.push(close(step, child, { status: "canceled", reason: "dependency_failed" }, because(parent)));
    }
    if (dependents.has(parent.id)) unsettled.set(parent.id, parent.status);
    else unsettled.delete(parent.id);
  }
}

/** Erases what is kept for a job only until it ends, and says that it ended. */
export function closeBooks(step: Step, job: Job): void {
  for (const name of job.secrets) step.put("secrets", secretId(job.id, name), null);
  step.effect({ type: "ended", jobId: job.id, fence: job.run?.fence ?? null });
}

/** What an event says of a job that ended because another did not succeed. */
export function because(parent: Parent): Telling {
  return { data: { dependency: parent.id, message: `the job it depends on, ${parent.id}, ended ${parent.status}` } };
}

function close(step: Step, job: Job, to: Move, telling: Telling): Job {
  const ended = move(step, job, to, telling);
  if (!isTerminal(ended.status)) throw new Error(`${job.id} did not end`);
  closeBooks(step, ended);
  return ended;
}

/** A candidate is over, however it ended; once all are, the job is decided about by the next sweep. */
function gather(step: Step, job: Job, candidate: Parent): void {
  const left = job.waitsFor.filter((id) => id !== candidate.id).length;
  const message = `candidate ${candidate.id} ${candidate.status}; ${left === 0 ? "all are over" : `waiting for ${left} more`}`;
  step.event("job.progress", job, { phase: "candidates", message, percent: null });
  unblock(step, job, candidate.id);
}

function unblock(step: Step, child: Job, parent: string): void {
  const waitsFor = child.waitsFor.filter((id) => id !== parent);
  const next = rung({ ...child, waitsFor }, step.now.wall);
  if (next.status === child.status) amend(step, child, { waitsFor });
  else move(step, child, { ...next, waitsFor });
}

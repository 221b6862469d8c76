/**
 * The end of a job and what follows from it: its secrets are erased in the same commit, jobs that waited for its success
 * go on, and jobs that waited in vain are canceled, with all that wait for those.
 */

import { secretId } from "./document.ts";
import type { Job } from "./job.ts";
import { isTerminal } from "./job.ts";
import { rung } from "./ladder.ts";
import type { Step } from "./step.ts";
import { type Move, type Telling, amend, move } from "./transitions.ts";

/** Ends a job and settles everything that waited for it. Gives the ended job. */
export function endJob(step: Step, job: Job, to: Move, telling: Telling = {}): Job {
  const ended = close(step, job, to, telling);
  const open = [ended];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const id of step.state.dependents.get(parent.id) ?? []) {
      const child = step.state.jobs.get(id);
      if (child === undefined) continue;
      if (parent.status === "succeeded") unblock(step, child, parent.id);
      else open.push(close(step, child, { status: "canceled", reason: "dependency_failed" }, because(parent)));
    }
  }
  return ended;
}

/** Erases what is kept for a job only until it ends, and says that it ended. */
export function closeBooks(step: Step, job: Job): void {
  for (const name of job.secrets) step.put("secrets", secretId(job.id, name), null);
  step.effect({ type: "ended", jobId: job.id, fence: job.run?.fence ?? null });
}

/** What an event says of a job that ended because another did not succeed. */
export function because(parent: Pick<Job, "id" | "status">): Telling {
  return { data: { dependency: parent.id, message: `the job it depends on, ${parent.id}, ended ${parent.status}` } };
}

function close(step: Step, job: Job, to: Move, telling: Telling): Job {
  const ended = move(step, job, to, telling);
  if (!isTerminal(ended.status)) throw new Error(`${job.id} did not end`);
  closeBooks(step, ended);
  return ended;
}

function unblock(step: Step, child: Job, parent: string): void {
  const waitsFor = child.waitsFor.filter((id) => id !== parent);
  const next = rung({ ...child, waitsFor }, step.now.wall);
  if (next.status === child.status) amend(step, child, { waitsFor });
  else move(step, child, { ...next, waitsFor });
}

/**
 * Begins a new generation of a job that failed or was canceled: fresh counters, a new place at the end of the queue, the
 * same fence that only rises. A job that was canceled while it was held is held again, so that no approval is got around
 * by canceling and retrying; work that was approved and could not be published is published again, not done again.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Docs } from "../command.ts";
import { docKey } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Job, Run } from "../job.ts";
import { isTerminal } from "../job.ts";
import { rung } from "../ladder.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { move } from "../transitions.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

/** The job first; once it was read, also the jobs it still waited for when it ended. */
export function needs(state: State, command: CommandOf<"retry">, docs: Docs): Key[] {
  const keys = findNeeds(state, command.jobId);
  const stored: unknown = keys[0] === undefined ? null : docs.get(docKey(keys[0]));
  if (stored === null || stored === undefined) return keys;
  const { waitsFor } = stored as Job;
  return [...keys, ...waitsFor.filter((id) => !state.jobs.has(id)).map((id) => ({ collection: "jobs", id }))];
}

/**
 * @throws HiveError not_found, queue_full; wrong_status when the job has not failed or been canceled, or waits for a job
 * that has not succeeded
 */
export function retry(step: Step, command: CommandOf<"retry">): Replies["retry"] {
  const job = find(step, command.jobId);
  if (job.status !== "failed" && job.status !== "canceled") {
    throw wrongStatus(job, `job ${job.id} is ${job.status}; only a failed or canceled job can be retried`);
  }
  const { state } = step;
  if (state.waiting >= state.rules.maxWaiting) {
    throw new HiveError("queue_full", `${state.waiting} jobs are waiting already; retry later`, {
      waiting: state.waiting,
    });
  }
  const waitsFor = job.waitsFor.filter((id) => !isMet(step, job, id));
  const hold = job.hold === "publish" ? null : job.hold;
  const runAt = job.run === null ? job.runAt : null;
  const order = state.nextOrder;
  state.nextOrder += 1;
  const generation = job.generation + 1;
  const next = move(
    step,
    state.compact(job),
    { ...rung({ hold, waitsFor, runAt }, step.now.wall), hold, waitsFor, runAt, order, generation, run: again(job) },
    { data: { by: command.by, retry: true } },
  );
  return { status: next.status, generation };
}

function again(job: Job): Run | null {
  if (job.run === null) return null;
  const approved = job.status === "failed" && job.hold === null;
  return {
    ...job.run,
    attempts: 0,
    failures: 0,
    losses: 0,
    returns: 0,
    lease: null,
    cancel: null,
    bundle: approved ? job.run.bundle : null,
  };
}

function isMet(step: Step, job: Job, id: string): boolean {
  if (step.state.jobs.has(id)) return false;
  const stored: unknown = step.doc({ collection: "jobs", id });
  const parent = stored as Job | null;
  if (parent?.status === "succeeded") return true;
  if (parent !== null && !isTerminal(parent.status))
    throw new Error(`${id} is stored as ${parent.status} but not in memory`);
  const end = parent === null ? "is gone" : `ended ${parent.status}`;
  throw wrongStatus(job, `job ${job.id} waits for ${id}, which ${end}; retry ${id} first`);
}

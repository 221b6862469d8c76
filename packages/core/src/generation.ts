/**
 * A new generation of a job that is over: fresh counters, a new place at the end of the queue, the same fence that only
 * rises. A retry by hand begins one, and so does a comment. A job that was canceled while it was held is held again, so
 * that no approval is got around by canceling and going on.
 */

import type { Docs } from "./command.ts";
import { docKey } from "./command.ts";
import { wrongStatus } from "./commands/find.ts";
import type { Key } from "./document.ts";
import { HiveError } from "./errors.ts";
import type { Job, Run } from "./job.ts";
import { isTerminal } from "./job.ts";
import { rung } from "./ladder.ts";
import { remembered, rememberedKey } from "./remembered-ids.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";
import { move } from "./transitions.ts";

/** What a new generation brings with it. */
export interface Fresh {
  /** For the event that tells of it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What approved work that could not be published does: it is published again, or dropped for new work. */
  readonly bundle: "publish" | "drop";
}

/** Once the job was read: the jobs it still waited for when it ended. */
export function generationNeeds(state: State, jobId: string, docs: Docs): Key[] {
  const stored: unknown = docs.get(docKey({ collection: "jobs", id: jobId }));
  if (stored === null || stored === undefined) return [];
  const { waitsFor } = stored as Job;
  return waitsFor.filter((id) => !state.jobs.has(id)).flatMap((id) => [{ collection: "jobs", id }, rememberedKey(id)]);
}

/** @throws HiveError queue_full when no more jobs may wait */
export function mustHaveRoom({ waiting, rules }: State): void {
  if (waiting < rules.maxWaiting) return;
  throw new HiveError("queue_full", `${waiting} jobs are waiting already; retry later`, { waiting });
}

/**
 * Begins a generation of a job that is over. Gives the job as it is now.
 * @throws HiveError wrong_status when it waits for a job that has not succeeded
 */
export function beginGeneration(step: Step, job: Job, { data, bundle }: Fresh): Job {
  const { state } = step;
  const waitsFor = unmet(step, job);
  const hold = job.hold === "publish" ? null : job.hold;
  const runAt = job.run === null ? job.runAt : null;
  const order = state.nextOrder;
  state.nextOrder += 1;
  const generation = job.generation + 1;
  const run = again(job, bundle);
  const place = rung({ ...job, hold, waitsFor, runAt }, step.now.wall);
  const to = { ...place, hold, waitsFor, runAt, order, generation, run };
  return move(step, state.compact(job), to, { data });
}

function again(job: Job, bundle: Fresh["bundle"]): Run | null {
  if (job.run === null) return null;
  const approved = bundle === "publish" && job.status === "failed" && job.hold === null;
  return {
    ...job.run,
    attempts: 0,
    failures: 0,
    losses: 0,
    returns: 0,
    lease: null,
    cancel: null,
    stop: null,
    spentMs: 0,
    bundle: approved ? job.run.bundle : null,
  };
}

/**
 * The jobs this one still waits for.
 * @throws HiveError wrong_status when one of them has not succeeded and is over
 */
export function unmet(step: Step, job: Job): readonly string[] {
  return job.waitsFor.filter((id) => !isMet(step, job, id));
}

function isMet(step: Step, job: Job, id: string): boolean {
  if (step.state.jobs.has(id)) return false;
  const stored: unknown = step.doc({ collection: "jobs", id });
  const parent = stored as Job | null;
  if (parent?.status === "succeeded") return true;
  if (parent !== null && !isTerminal(parent.status))
    throw new Error(`${id} is stored as ${parent.status} but not in memory`);
  const gone = parent === null ? remembered(step, id) : null;
  if (gone?.status === "succeeded") return true;
  if (parent === null) {
    const end = gone === null ? "is gone" : `ended ${gone.status} and is not kept any more`;
    throw wrongStatus(job, `job ${job.id} waits for ${id}, which ${end}; enqueue both anew`);
  }
  throw wrongStatus(job, `job ${job.id} waits for ${id}, which ended ${parent.status}; retry ${id} first`);
}

/**
 * The only place where a job's status changes. A job enters in one of five ways, waits on its way down the ladder
 * held → blocked → scheduled → queued, runs under a lease, goes back or ends; only a retry by hand, a comment or a choice
 * among its candidates brings an ended job back. One step leads up: from waiting for candidates to a person's choice of
 * one, and where none will do, such a job fails without having run. The table says what may follow what; whoever asks for anything else has a bug and is stopped. Counts and indexes
 * move with the status, and each change writes the job's record and its event in the same step.
 */

import type { Candidates } from "./candidates.ts";
import type { EventType } from "./event.ts";
import type { CommentCounts, HeldReason, Job, Run, Status } from "./job.ts";
import { isTerminal } from "./job.ts";
import type { Step } from "./step.ts";

/** What may follow what. `new` is a job that was not there before. */
export const MAY_FOLLOW: Readonly<Record<Status | "new", readonly Status[]>> = {
  new: ["held", "blocked", "scheduled", "queued", "canceled"],
  held: ["held", "blocked", "scheduled", "queued", "canceled"],
  blocked: ["held", "scheduled", "queued", "failed", "canceled"],
  scheduled: ["queued", "canceled"],
  queued: ["running", "canceled"],
  running: ["held", "scheduled", "queued", "succeeded", "failed", "canceled"],
  succeeded: ["queued"],
  failed: ["held", "blocked", "scheduled", "queued"],
  canceled: ["held", "blocked", "scheduled", "queued"],
};

/** What changes with the status. What is not named stays as it was, but `reason` is null unless given. */
export interface Move {
  readonly status: Status;
  readonly reason?: string | null;
  readonly hold?: HeldReason | null;
  readonly agent?: string | null;
  readonly runAt?: number | null;
  readonly order?: number;
  readonly waitsFor?: readonly string[];
  readonly generation?: number;
  readonly run?: Run | null;
  readonly comments?: CommentCounts;
  readonly secrets?: readonly string[];
  readonly candidates?: Candidates;
}

/** The event that tells of a move. Default: the status's own. */
export interface Telling {
  readonly type?: EventType;
  readonly data?: Readonly<Record<string, unknown>>;
}

const EVENT_OF: Readonly<Record<Status, EventType>> = {
  held: "job.held",
  blocked: "job.blocked",
  scheduled: "job.scheduled",
  queued: "job.queued",
  running: "job.leased",
  succeeded: "job.succeeded",
  failed: "job.failed",
  canceled: "job.canceled",
};

/** Takes in a job that was not there before, in the status it has. */
export function admit(step: Step, job: Job, telling: Telling = {}): Job {
  return change(step, "new", null, job, telling);
}

/** Moves a job to another status, with all that goes with it. Gives the job as it is now. */
export function move(step: Step, job: Job, to: Move, telling: Telling = {}): Job {
  const endedAt = isTerminal(to.status) ? step.now.wall : null;
  return change(step, job.status, job, { ...job, reason: null, ...to, endedAt }, telling);
}

/** What may change of a live job that keeps its status. */
export type Amendment = Partial<Pick<Job, "waitsFor" | "secrets">> & {
  readonly run?: Run;
  readonly comments?: CommentCounts;
  readonly candidates?: Candidates;
};

/** Changes a live job that keeps its status, and its place in the queue with it. */
export function amend(step: Step, job: Job, what: Amendment): Job {
  const { state } = step;
  const next: Job = { ...job, ...what };
  if (isTerminal(job.status)) throw new Error(`a ${job.status} job (${job.id}) cannot be amended`);
  if (job.status === "running") state.jobs.set(job.id, next);
  else {
    state.remove(job);
    state.put(next, step.now.mono);
  }
  step.put("jobs", job.id, next);
  return next;
}

function change(step: Step, from: Status | "new", old: Job | null, next: Job, telling: Telling): Job {
  if (!MAY_FOLLOW[from].includes(next.status)) throw new Error(`${next.id} cannot go from ${from} to ${next.status}`);
  const { state } = step;
  const opened = old === null ? [] : state.remove(old);
  for (const requirement of opened) step.ready(requirement);
  const claimable = state.put(next, step.now.mono);
  if (claimable !== null) step.ready(claimable);
  step.put("jobs", next.id, next);
  step.event(telling.type ?? EVENT_OF[next.status], next, details(next, telling.data));
  return next;
}

function details(job: Job, data: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  switch (job.status) {
    case "blocked":
      return { waitsFor: job.waitsFor, ...data };
    case "scheduled":
      return { runAt: job.runAt, ...data };
    case "queued":
      return { priority: job.priority, ...data };
    default:
      return data;
  }
}

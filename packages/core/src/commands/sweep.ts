/**
 * What time alone brings about: scheduled jobs become due, leases run out, attempts take too long; and what an earlier
 * step left to do because it was too much for one commit. A sweep too does a bounded part of it, so that one commit stays small; `nextDeadline` then still lies in the past and the caller sweeps again.
 */

import { candidatesNeeds } from "../candidate-facts.ts";
import { decide } from "../choose-candidate.ts";
import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { type Ending, type Held, endLease, held } from "../ending.ts";
import type { Job, Status } from "../job.ts";
import type { LiveLease } from "../lease.ts";
import { deadlineOf } from "../lease.ts";
import type { State } from "../state.ts";
import { dueAt } from "../state.ts";
import type { Step } from "../step.ts";
import { settle } from "../terminate.ts";
import { move } from "../transitions.ts";

/** Jobs that become due in one sweep, and leases that end in one. */
const SWEPT_AT_ONCE = 500;
/** Jobs whose candidates one sweep chooses from: each needs up to two dozen documents. */
const DECIDED_AT_ONCE = 20;

/** After a start, how those ended that others still wait for; what the candidates made that are to be chosen from. */
export function needs(state: State, _command: CommandOf<"sweep">, docs: Docs): Key[] {
  if (state.unsettled.size === 0 && state.undecided.size === 0) return [];
  const parents = unsettledParents(state)
    .filter(([, status]) => status === null)
    .map(([id]) => ({ collection: "jobs", id }));
  return [...parents, ...someUndecided(state).flatMap((id) => candidatesNeeds(state, id, docs))];
}

export function sweep(step: Step, _command: CommandOf<"sweep">): Replies["sweep"] {
  // Before more of them are: what they need was read.
  for (const id of someUndecided(step.state)) {
    const job = step.state.jobs.get(id);
    if (job !== undefined) decide(step, job);
  }
  if (step.state.unsettled.size > 0) settleRest(step);
  return { expired: expire(step), queued: queueDue(step) };
}

function someUndecided(state: State): readonly string[] {
  return state.undecided.size === 0 ? [] : [...state.undecided].slice(0, DECIDED_AT_ONCE);
}

function settleRest(step: Step): void {
  for (const [id, known] of unsettledParents(step.state)) settle(step, { id, status: known ?? storedStatus(step, id) });
}

/** Some of the jobs that are over while others still wait for them. */
function unsettledParents(state: State): (readonly [string, Status | null])[] {
  const some: (readonly [string, Status | null])[] = [];
  for (const one of state.unsettled) {
    if (some.length === SWEPT_AT_ONCE) break;
    some.push(one);
  }
  return some;
}

/** How a job ended; one that is gone from the store did not succeed as far as anybody can tell. */
function storedStatus(step: Step, id: string): Status {
  const stored: unknown = step.doc({ collection: "jobs", id });
  return stored === null ? "canceled" : (stored as Job).status;
}

function expire(step: Step): number {
  const { leases, jobs } = step.state;
  for (let expired = 0; ; expired += 1) {
    const lease = leases.first();
    if (lease === undefined || deadlineOf(lease) > step.now.mono || expired === SWEPT_AT_ONCE) return expired;
    const job = jobs.get(lease.jobId);
    if (job === undefined) throw new Error(`lease ${lease.fence} of ${lease.jobId} outlived its job`);
    const { workerId, fence, jobId } = lease;
    const ending = endingOf(step, lease, held(job));
    endLease(step, held(job), ending);
    const reason = ending.end === "failed" ? "timeout" : "expired";
    step.effect({ type: "signal", workerId, signal: "stale", jobId, fence, reason });
  }
}

function endingOf(step: Step, live: LiveLease, { job, lease }: Held): Ending {
  const { rules } = step.state;
  if (live.timeoutAt !== null && live.timeoutAt <= step.now.mono) {
    const message = `the attempt took longer than ${step.state.timeoutOf(job, live.workerId)} ms`;
    return { end: "failed", error: { code: "timeout", kind: "work", message }, result: null };
  }
  const message =
    lease.begunAt === null
      ? `the worker did not begin within ${rules.firstBeatMs} ms`
      : `the worker was not heard of for ${rules.leaseMs} ms`;
  return { end: "lost", message };
}

function queueDue(step: Step): number {
  const { due } = step.state;
  for (let queued = 0; ; queued += 1) {
    const job = due.peek();
    if (job === undefined || dueAt(job) > step.now.wall || queued === SWEPT_AT_ONCE) return queued;
    move(step, job, { status: "queued" });
  }
}

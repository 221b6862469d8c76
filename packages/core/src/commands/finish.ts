/**
 * A worker says how its attempt ended. The first finish of a lease counts; the same call again, at any time later, gets
 * the same answer from the attempt's record, and any other is refused because the lease is over.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { attemptId } from "../document.ts";
import { endLease } from "../ending.ts";
import { HiveError } from "../errors.ts";
import type { AttemptRecord, Usage } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { holder, leaseLost, mustHaveBegun } from "./holder.ts";
import { usageOf } from "./usage.ts";

/** While the lease lives there is no record of its end; once it is over only the record matters. */
export function needs(state: State, { lease }: CommandOf<"finish">): Key[] {
  const live = holder(state, lease) !== null;
  return live ? [usageKey(lease.jobId)] : [recordKey(lease)];
}

/**
 * @throws HiveError lease_lost; not_begun for anything but giving the job back; wrong_status for `unlessBegun` after a
 * first heartbeat
 */
export function finish(step: Step, command: CommandOf<"finish">): Replies["finish"] {
  const { lease, finishId, outcome, log } = command;
  const live = holder(step.state, lease);
  if (live === null) return repeated(step, command);
  if (command.unlessBegun && live.lease.begunAt !== null) {
    const message = `the worker has begun lease ${lease.fence} of job ${lease.jobId}; it is not taken back`;
    throw new HiveError("wrong_status", message, { jobId: lease.jobId, fence: lease.fence });
  }
  if (outcome.end !== "returned" && outcome.end !== "canceled") mustHaveBegun(step.state, lease);
  const usage: Usage | null = usageOf(step.doc(usageKey(lease.jobId)), true);
  const job = endLease(step, live, outcome, { finishId, log, usage });
  return { status: job.status, repeated: false };
}

function repeated(step: Step, { lease, finishId }: CommandOf<"finish">): Replies["finish"] {
  const stored: unknown = step.doc(recordKey(lease));
  const record = stored as AttemptRecord | null;
  if (record === null || record.finishId !== finishId) throw leaseLost(lease);
  return { status: record.statusAfter, repeated: true };
}

function recordKey(lease: CommandOf<"finish">["lease"]): Key {
  return { collection: "attempts", id: attemptId(lease.jobId, lease.fence) };
}

function usageKey(jobId: string): Key {
  return { collection: "usage", id: jobId };
}

/**
 * Tells that a job wanted to reach a place it may not: an event of the job, once for each place and reason of an attempt.
 * How many are kept of an attempt is bounded: code that tries every host must not fill the store.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { mustHold } from "./holder.ts";

/** Refused places told of one attempt. */
const TOLD_PER_ATTEMPT = 50;

/** A place that was refused, and why. */
export interface BlockedPlace {
  readonly host: string;
  readonly port: number;
  /** A code. */
  readonly reason: string;
}

/** Which places one attempt was told of; the record of the job's latest attempt that had any. */
export interface BlockedRecord {
  readonly jobId: string;
  readonly fence: number;
  /** Each once, at most fifty. */
  readonly told: readonly BlockedPlace[];
}

export function needs(_state: State, { lease }: CommandOf<"egressBlocked">): Key[] {
  return [{ collection: "egress", id: lease.jobId }];
}

/**
 * @throws HiveError lease_lost
 */
export function egressBlocked(step: Step, command: CommandOf<"egressBlocked">): Replies["egressBlocked"] {
  const { lease, host, port, reason, message } = command;
  const { job } = mustHold(step.state, lease);
  const stored: unknown = step.doc({ collection: "egress", id: lease.jobId });
  const before = stored as BlockedRecord | null;
  const told = before?.fence === lease.fence ? before.told : [];
  const known = told.some((place) => place.host === host && place.port === port && place.reason === reason);
  if (known || told.length >= TOLD_PER_ATTEMPT) return { told: false };
  const record: BlockedRecord = { jobId: lease.jobId, fence: lease.fence, told: [...told, { host, port, reason }] };
  step.put("egress", lease.jobId, record);
  step.event("job.egress_blocked", job, { fence: lease.fence, host, port, reason, message });
  return { told: true };
}

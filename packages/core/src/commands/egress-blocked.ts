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

/** Which places one attempt was told of; the record of the job's latest attempt that had any. */
interface BlockedRecord {
  readonly jobId: string;
  readonly fence: number;
  /** `host:port reason`, each once. */
  readonly told: readonly string[];
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
  const known = stored as BlockedRecord | null;
  const told = known?.fence === lease.fence ? known.told : [];
  const what = `${host}:${port} ${reason}`;
  if (told.includes(what) || told.length >= TOLD_PER_ATTEMPT) return { told: false };
  const record: BlockedRecord = { jobId: lease.jobId, fence: lease.fence, told: [...told, what] };
  step.put("egress", lease.jobId, record);
  step.event("job.egress_blocked", job, { fence: lease.fence, host, port, reason, message });
  return { told: true };
}

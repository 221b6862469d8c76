/**
 * Adds what one call to a model used to the job's account. The call's id makes it count once. The bill of a call that
 * was cut off when the lease ended arrives a little later and is counted too: the money is spent.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Document, Key } from "../document.ts";
import type { Usage } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { find } from "./find.ts";
import { leaseLost } from "./holder.ts";

/** Ids of calls that are remembered, so that none counts twice. */
const CALLS_REMEMBERED = 200;

/** What the gateway counted for one job, over all its attempts. */
export interface UsageRecord extends Usage {
  readonly jobId: string;
  /** The last calls counted. */
  readonly recent: readonly string[];
}

export function needs(state: State, { lease }: CommandOf<"usage">): Key[] {
  const usage = { collection: "usage", id: lease.jobId };
  return state.jobs.has(lease.jobId) ? [usage] : [usage, { collection: "jobs", id: lease.jobId }];
}

/**
 * @throws HiveError not_found; lease_lost for a lease that was never granted
 */
export function usage(step: Step, command: CommandOf<"usage">): Replies["usage"] {
  const { lease, callId } = command;
  const job = find(step, lease.jobId);
  if (job.run === null || lease.fence < 1 || lease.fence > job.run.fence) throw leaseLost(lease);
  const stored: unknown = step.doc({ collection: "usage", id: lease.jobId });
  const known = stored as UsageRecord | null;
  if (known?.recent.includes(callId)) return { counted: false };
  const record: UsageRecord = {
    jobId: lease.jobId,
    ...sum(usageOf(known === null ? null : { ...known }), command.usage),
    recent: [...(known?.recent ?? []), callId].slice(-CALLS_REMEMBERED),
  };
  step.put("usage", lease.jobId, record);
  return { counted: true };
}

/** The sums in a stored usage document; null when nothing was counted. */
export function usageOf(doc: Document | null): Usage | null {
  if (doc === null) return null;
  const stored: unknown = doc;
  const { calls, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd } = stored as UsageRecord;
  return { calls, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd };
}

function sum(known: Usage | null, call: Omit<Usage, "calls">): Usage {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd } = call;
  if (known === null) return { calls: 1, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd };
  return {
    calls: known.calls + 1,
    inputTokens: known.inputTokens + inputTokens,
    outputTokens: known.outputTokens + outputTokens,
    cacheReadTokens: known.cacheReadTokens + cacheReadTokens,
    cacheWriteTokens: known.cacheWriteTokens + cacheWriteTokens,
    costUsd: known.costUsd === null ? costUsd : known.costUsd + (costUsd ?? 0),
  };
}

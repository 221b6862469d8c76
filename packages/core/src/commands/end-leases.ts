/**
 * Ends every live lease, uncounted. After a restore from a backup: whoever had them works for a life of this store that is
 * not continued, and must not be waited for. A step ends a bounded number; `left` says whether there are more.
 */

import type { CommandOf, Replies } from "../command.ts";
import { endLease, held } from "../ending.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** Leases that end in one step. */
const AT_ONCE = 500;

export function needs(_state: State, _command: CommandOf<"endLeases">): [] {
  return [];
}

export function endLeases(step: Step, { message }: CommandOf<"endLeases">): Replies["endLeases"] {
  const { leases, jobs } = step.state;
  const some = [...leases.values()].slice(0, AT_ONCE);
  for (const { jobId, fence, workerId } of some) {
    const job = jobs.get(jobId);
    if (job === undefined) throw new Error(`lease ${fence} of ${jobId} outlived its job`);
    endLease(step, held(job), { end: "returned", message });
    step.effect({ type: "signal", workerId, signal: "stale", jobId, fence, reason: "restored" });
  }
  return { ended: some.length, left: leases.size };
}

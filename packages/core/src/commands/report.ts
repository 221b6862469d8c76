/**
 * Stores what an agent did, as events of the job. `from` counts within the lease, so a repeated or overlapping report
 * adds nothing twice, and one that would leave a gap is told where to go on. How many are kept is bounded: an agent that
 * babbles fills its log, not the store.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { amend } from "../transitions.ts";
import { mustHaveBegun } from "./holder.ts";

/** Events taken from one report; the reply says where the rest goes on. */
const EVENTS_PER_REPORT = 200;

/** Events kept of one lease; those beyond are accepted and not kept. */
const EVENTS_PER_LEASE = 10_000;

export function needs(_state: State, _command: CommandOf<"report">): [] {
  return [];
}

/**
 * @throws HiveError lease_lost, not_begun
 */
export function report(step: Step, command: CommandOf<"report">): Replies["report"] {
  const { job, run, lease } = mustHaveBegun(step.state, command.lease);
  const known = lease.reported;
  if (command.from > known) return { accepted: known };
  const fresh = command.events.slice(known - command.from, known - command.from + EVENTS_PER_REPORT);
  if (fresh.length === 0) return { accepted: known };
  const reported = known + fresh.length;
  const next = amend(step, job, { run: { ...run, lease: { ...lease, reported } } });
  for (const [place, event] of fresh.entries()) {
    const index = known + place;
    if (index > EVENTS_PER_LEASE) break;
    const kept = index < EVENTS_PER_LEASE ? event : { type: "truncated", message: "further events are not kept" };
    step.event("job.agent", next, { fence: lease.fence, index, event: kept });
  }
  return { accepted: reported };
}

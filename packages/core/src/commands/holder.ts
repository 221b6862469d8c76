/**
 * The check before every write of a worker: does it still have the lease it names? An old fence is refused with
 * `lease_lost` and leaves no trace.
 */

import type { LeaseRef } from "../command.ts";
import { type Held, held } from "../ending.ts";
import { HiveError } from "../errors.ts";
import type { LiveLease } from "../lease.ts";
import type { State } from "../state.ts";

/** The job under this lease, or null when the lease is over (or never was). */
export function holder(state: State, lease: LeaseRef): (Held & { readonly live: LiveLease }) | null {
  const live = state.leases.of(lease.jobId);
  const job = state.jobs.get(lease.jobId);
  if (live === undefined || job === undefined || live.fence !== lease.fence) return null;
  return { ...held(job), live };
}

/** The same, refused when the lease is over. @throws HiveError lease_lost */
export function mustHold(state: State, lease: LeaseRef): Held & { readonly live: LiveLease } {
  const found = holder(state, lease);
  if (found === null) throw leaseLost(lease);
  return found;
}

/** The same, refused too before the first heartbeat. @throws HiveError lease_lost, not_begun */
export function mustHaveBegun(state: State, lease: LeaseRef): Held & { readonly live: LiveLease } {
  const found = mustHold(state, lease);
  if (found.lease.begunAt !== null) return found;
  throw new HiveError("not_begun", `lease ${lease.fence} of job ${lease.jobId} has had no heartbeat; send one first`, {
    jobId: lease.jobId,
    fence: lease.fence,
  });
}

export function leaseLost(lease: LeaseRef): HiveError {
  return new HiveError("lease_lost", `lease ${lease.fence} of job ${lease.jobId} is over; stop the work`, {
    jobId: lease.jobId,
    fence: lease.fence,
  });
}

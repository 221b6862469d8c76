/**
 * From a lease's token to the lease: the signature (`lease-tokens.ts`) and then the queue's word that this fence is
 * still this lease. The queue is asked once per token and election; afterwards the fence alone decides, inside the
 * command itself, because within one election a fence belongs to one lease only.
 */

import { HiveError } from "@hive/core";
import type { Audience } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import type { LeaseTokens, VerifiedLease } from "./lease-tokens.ts";

export interface LeaseAccess {
  /**
   * The lease a token stands for.
   * `ended`: also takes a token whose lease is over, for calls that repeat (finish): the command then answers by itself.
   * @throws HiveError `unauthorized` for a token that is not ours or not for this audience, `lease_lost` for an old fence.
   */
  admit(
    token: string,
    audience: Audience | readonly Audience[],
    options?: { readonly ended?: boolean },
  ): Promise<VerifiedLease>;
}

/** The error every worker write gets once its fence is old: the worker kills its agent on it. */
export function leaseLost(jobId: string, fence: number): HiveError {
  return new HiveError(
    "lease_lost",
    `Lease ${fence} of job ${jobId} is over; kill the agent and ask for the next job`,
    { jobId, fence },
  );
}

export function createLeaseAccess(
  tokens: LeaseTokens,
  queue: Pick<Queue, "read" | "election">,
  clock: Pick<Clock, "wall">,
): LeaseAccess {
  return {
    async admit(token, audience, { ended = false } = {}) {
      const lease = tokens.verify(token, audience, clock.wall());
      const { electionId } = queue.election();
      if (lease.boundIn === electionId) return lease;
      const live = await queue.read((state) => state.jobs.get(lease.jobId)?.run?.lease ?? null);
      if (live !== null && live.fence === lease.fence) {
        // The same number given twice, once before a backup was restored: only one of them has this salt.
        if (!lease.boundTo(live.salt)) throw leaseLost(lease.jobId, lease.fence);
        lease.boundIn = electionId;
        return lease;
      }
      if (ended) return lease;
      throw leaseLost(lease.jobId, lease.fence);
    },
  };
}

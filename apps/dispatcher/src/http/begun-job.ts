/** The job behind a lease, for calls that are answered only while it is in work. */

import { HiveError, type Job } from "@hive/core";
import { leaseLost } from "../auth/lease-access.ts";
import type { Queue } from "../queue/contract.ts";

/** The job under a lease that has begun. @throws HiveError lease_lost, not_begun */
export async function begunJob(
  queue: Pick<Queue, "read">,
  { jobId, fence }: { readonly jobId: string; readonly fence: number },
): Promise<Job> {
  const job = await queue.read((state) =>
    state.leases.of(jobId)?.fence === fence ? (state.jobs.get(jobId) ?? null) : null,
  );
  if (job === null) throw leaseLost(jobId, fence);
  if (job.run?.lease?.begunAt === null) {
    throw new HiveError("not_begun", `Lease ${fence} of job ${jobId} has had no heartbeat; send one first`, {
      jobId,
      fence,
    });
  }
  return job;
}

/** All jobs that a server lists, as a client sees them. */
import type { HiveClient, JobDetail } from "@hive/sdk";

/** Every job there is, with its status, the oldest first. */
export async function everyJob(hive: HiveClient): Promise<ReadonlyMap<string, JobDetail["status"]>> {
  const found = new Map<string, JobDetail["status"]>();
  let cursor: string | undefined;
  do {
    const page = await hive.list({ order: "oldest", limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { jobId, status } of page.jobs) found.set(jobId, status);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

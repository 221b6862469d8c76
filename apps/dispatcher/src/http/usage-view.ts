/** What a job used of models: itself, and its candidates, which work for it and are paid from its account. */

import { candidateIds, sumUsage, usageOf, type Job, type Usage } from "@hive/core";
import type { Queue } from "../queue/contract.ts";

/** Null: nothing was counted. Where no worker has the job, calls without final figures count at their worst. */
export async function usageOfJob(queue: Pick<Queue, "documents" | "read">, job: Job): Promise<Usage | null> {
  const ids = [job.id, ...candidateIds(job)];
  const [docs, live] = await Promise.all([
    queue.documents.get(ids.map((id) => ({ collection: "usage", id }))),
    queue.read((state) => new Set(ids.filter((id) => state.jobs.get(id)?.status === "running"))),
  ]);
  return sumUsage(ids.map((id, place) => usageOf(docs[place] ?? null, !live.has(id))));
}

/** What the server knows of an attempt's work and its worker cannot: it goes into the text of a pull request. */

import type { Job } from "@hive/core";
import type { LeaseFacts } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { blockedOf } from "./job-view.ts";
import { usageOfJob } from "./usage-view.ts";

/** The facts of a job under a lease that was checked. */
export async function workFacts(queue: Pick<Queue, "documents" | "read">, job: Job): Promise<LeaseFacts> {
  const [usage, [refused]] = await Promise.all([
    usageOfJob(queue, job),
    queue.documents.get([{ collection: "egress", id: job.id }]),
  ]);
  const places = blockedOf(refused ?? null).filter(({ fence }) => fence === job.run?.lease?.fence);
  // A place refused for two reasons is one place.
  const apart = new Map(places.map(({ host, port }) => [`${host}:${port}`, { host, port }]));
  return { usage, blocked: [...apart.values()] };
}

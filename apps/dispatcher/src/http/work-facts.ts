/** What the server knows of an attempt's work and its worker cannot: it goes into the text of a pull request. */

import { usageOf } from "@hive/core";
import type { LeaseFacts } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { blockedOf } from "./job-view.ts";

/** The facts of a lease that was checked. */
export async function workFacts(
  queue: Pick<Queue, "documents">,
  lease: { readonly jobId: string; readonly fence: number },
): Promise<LeaseFacts> {
  const [usage, refused] = await queue.documents.get([
    { collection: "usage", id: lease.jobId },
    { collection: "egress", id: lease.jobId },
  ]);
  const places = blockedOf(refused ?? null).filter(({ fence }) => fence === lease.fence);
  // A place refused for two reasons is one place.
  const apart = new Map(places.map(({ host, port }) => [`${host}:${port}`, { host, port }]));
  return { usage: usageOf(usage ?? null, false), blocked: [...apart.values()] };
}

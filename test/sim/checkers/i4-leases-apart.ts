/** I4: leases of one job never overlap, as far as workers act on them, and fences rise. */

import { all, type Checker } from "./checker.ts";

export const leasesApart: Checker = (seen) => [...fencesRise(seen), ...actsApart(seen)];

const fencesRise: Checker = (seen) => {
  const broken: string[] = [];
  const highest = new Map<string, number>();
  for (const { id, type, jobId, data } of seen.events) {
    if (type !== "job.leased" || jobId === null) continue;
    const fence = Number(data["fence"]);
    const before = highest.get(jobId) ?? 0;
    if (fence <= before) broken.push(`I4: ${jobId} got fence ${fence} after ${before}, in event ${id}`);
    highest.set(jobId, fence);
  }
  const holders = new Map<string, string>();
  for (const { jobId, fence, worker, at } of all(seen, "granted")) {
    const lease = `${jobId}/${fence}`;
    const other = holders.get(lease);
    if (other !== undefined && other !== worker)
      broken.push(`I4: ${lease} was given to ${other} and ${worker}, at ${at}`);
    holders.set(lease, worker);
  }
  return broken;
};

/** Once anybody acted under a fence, nobody acts under a lower one. */
const actsApart: Checker = (seen) => {
  const broken: string[] = [];
  const highest = new Map<string, { readonly fence: number; readonly at: number; readonly worker: string }>();
  for (const { jobId, fence, worker, at, what } of all(seen, "act")) {
    const top = highest.get(jobId);
    if (top !== undefined && fence < top.fence) {
      broken.push(
        `I4: ${worker} did "${what}" for ${jobId}/${fence} at ${at}, ${top.worker} had acted under fence ${top.fence} at ${top.at}`,
      );
    } else highest.set(jobId, { fence, at, worker });
  }
  return broken;
};

/** I9: failures ≤ maxAttempts and losses ≤ 3 in every generation, and only a lease that began can be a loss. */

import { briefs, type Checker, leaseStories } from "./checker.ts";

const MOST_LOSSES = 3;

export const countsHold: Checker = (seen) => {
  const broken: string[] = [];
  const asked = briefs(seen);
  const failures = new Map<string, number>();
  const losses = new Map<string, number>();
  for (const { jobId, fence, generation, started, ended } of leaseStories(seen.events)) {
    const error = ended?.data["error"] as { readonly code: string } | undefined;
    if (error === undefined) continue;
    const name = `${jobId} generation ${generation}`;
    if (error.code !== "worker_lost") {
      const count = (failures.get(name) ?? 0) + 1;
      failures.set(name, count);
      const most = asked.get(jobId)?.maxAttempts ?? 0;
      if (count > most) broken.push(`I9: ${name} failed ${count} times, allowed are ${most}`);
    } else if (started === null) {
      // The record keeps why it ended; what must not happen is that it counts.
      if (ended?.type !== "job.queued" && ended?.type !== "job.scheduled" && ended?.type !== "job.canceled") {
        broken.push(`I9: ${jobId}/${fence} was counted as a loss and never began`);
      }
    } else if (ended?.type === "job.retrying" || ended?.type === "job.failed") {
      const count = (losses.get(name) ?? 0) + 1;
      losses.set(name, count);
      if (count > MOST_LOSSES) broken.push(`I9: ${name} was lost ${count} times`);
      if (count === MOST_LOSSES && ended.type !== "job.failed")
        broken.push(`I9: ${name} was lost ${count} times and goes on`);
    }
  }
  return broken;
};

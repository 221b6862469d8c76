/**
 * I12: an attempt that a used-up quota stopped costs its job nothing but time. Once the dispatcher took the word of it,
 * the attempt ends parked, whatever its worker did, unless it had succeeded or was canceled; no failure and no loss is
 * told of it; and nobody gets the job again before the quota is there.
 */

import { all, type Checker, leaseStories } from "./checker.ts";

/** How an attempt may end after that: parked, by its own success, or by somebody's will. */
const MAY_END = new Set(["job.succeeded", "job.canceled", "job.held"]);

export const quotasCostNothing: Checker = (seen) => {
  const broken: string[] = [];
  const stories = new Map(leaseStories(seen.events).map((story) => [`${story.jobId}/${story.fence}`, story]));
  for (const { jobId, fence, parked, at, until } of all(seen, "quota")) {
    const ended = stories.get(`${jobId}/${fence}`)?.ended ?? null;
    if (!parked || ended === null || MAY_END.has(ended.type)) continue;
    const name = `the quota of ${jobId}/${fence} told at ${at}`;
    const { reason, error } = ended.data;
    if (ended.type !== "job.retrying" || reason !== "quota" || error !== undefined) {
      broken.push(`I12: ${name} ended in event ${ended.id}, ${ended.type} ${JSON.stringify(error ?? reason)}`);
      continue;
    }
    const goesOnAt = Number(ended.data["runAt"]);
    if (goesOnAt < until) broken.push(`I12: ${name} is there at ${until}, the job is parked until ${goesOnAt}`);
    const next = seen.events.find(
      (event) => event.id > ended.id && event.type === "job.leased" && event.jobId === jobId,
    );
    if (next !== undefined && next.at < goesOnAt && next.data["generation"] === ended.data["generation"]) {
      broken.push(
        `I12: ${name} parked the job until ${goesOnAt}, but it was given out in event ${next.id} at ${next.at}`,
      );
    }
  }
  return broken;
};

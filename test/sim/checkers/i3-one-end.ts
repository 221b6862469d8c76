/** I3: exactly one accepted end per generation, by the highest fence, and a finish that was taken is the end that counted. */

import type { HiveEvent } from "@hive/core";
import { all, type Checker, isEnd, leaseStories } from "./checker.ts";

export const oneEnd: Checker = (seen) => [...endsOnce(seen), ...finishesCount(seen)];

const endsOnce: Checker = (seen) => {
  const broken: string[] = [];
  const ended = new Map<string, number>();
  const highest = new Map<string, number>();
  for (const { id, type, jobId, data } of seen.events) {
    if (jobId === null) continue;
    if (type === "job.leased") highest.set(jobId, Number(data["fence"]));
    if (!isEnd(type)) continue;
    const generation = `${jobId} generation ${String(data["generation"])}`;
    const before = ended.get(generation);
    if (before !== undefined) broken.push(`I3: ${generation} ended in event ${before} and again in ${id}`);
    ended.set(generation, id);
    const fence = data["fence"] === undefined ? null : Number(data["fence"]);
    if (fence !== null && fence !== highest.get(jobId)) {
      broken.push(`I3: ${generation} ended under fence ${fence}, the highest is ${highest.get(jobId)}`);
    }
  }
  for (const [id, job] of seen.jobs) {
    const over = job.status === "succeeded" || job.status === "failed" || job.status === "canceled";
    if (over && !ended.has(`${id} generation ${job.generation}`)) broken.push(`I3: ${id} is over and no event says so`);
  }
  return broken;
};

/** Every finish the dispatcher took ended exactly that lease, and the worker was told the status it led to. */
const finishesCount: Checker = (seen) => {
  const broken: string[] = [];
  const stories = new Map(leaseStories(seen.events).map((story) => [`${story.jobId}/${story.fence}`, story]));
  for (const { what, outcome, jobId, fence, token, status, at } of all(seen, "write")) {
    if (what !== "finish" || outcome !== "ok" || token === null) continue;
    const end = stories.get(`${jobId}/${fence}`)?.ended ?? null;
    if (end === null) broken.push(`I3: the finish of ${jobId}/${fence} taken at ${at} ended nothing`);
    // A cancel that was asked for meanwhile has the word; its event may not show the finish's mark.
    else if (end.type !== "job.canceled" && !isMarked(end.data, token)) {
      broken.push(`I3: the finish of ${jobId}/${fence} taken at ${at} is not the one event ${end.id} tells of`);
    } else if (end.data["status"] !== status) {
      broken.push(
        `I3: the finish of ${jobId}/${fence} was told ${status}, event ${end.id} says ${String(end.data["status"])}`,
      );
    }
  }
  return broken;
};

/** Does the event show this finish? A used-up budget or quota says what the worker said behind its own words. */
function isMarked(data: HiveEvent["data"], token: string): boolean {
  const { message } = (data["error"] ?? data) as { readonly message?: unknown };
  // Work that was given back leaves no mark on a job that is parked.
  const isParked = data["reason"] === "quota" || data["reason"] === "budget";
  if (isParked && data["result"] === undefined && data["error"] === undefined) return true;
  return JSON.stringify(data).includes(JSON.stringify(token)) || String(message).endsWith(`: ${token}`);
}

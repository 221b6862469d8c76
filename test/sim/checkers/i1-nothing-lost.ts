/** I1: no acknowledged job is lost. I10: nothing unfinished is without an owner, a timer or a named person's decision. */

import type { JobSeen } from "../history.ts";
import { all, type Checker } from "./checker.ts";

/** I1: whatever was accepted is there at the end, with the body that was accepted, and has ended or waits by name. */
export const nothingIsLost: Checker = (seen) => {
  const broken: string[] = [];
  for (const { id, bodyHash, outcome, at } of all(seen, "enqueue")) {
    if (outcome !== "ok") continue;
    const job = seen.jobs.get(id);
    // `kept.ts` says whether it had a right to be.
    if (job === undefined && seen.forgotten.has(id)) continue;
    if (job === undefined) broken.push(`I1: ${id}, accepted at ${at}, does not exist`);
    else if (job.bodyHash !== bodyHash) broken.push(`I1: ${id} has the body ${job.bodyHash}, accepted was ${bodyHash}`);
  }
  return [...new Set(broken)];
};

/** I10: at rest every job has ended, is held for a person, or waits for one that is. */
export const nothingIsStuck: Checker = (seen) => {
  const broken: string[] = [];
  const hasReason = (job: JobSeen | undefined, depth: number): boolean => {
    if (job === undefined || depth > 50) return false;
    if (job.status === "held") return job.reason !== null;
    return job.status === "blocked" && job.waitsFor.some((id) => hasReason(seen.jobs.get(id), depth + 1));
  };
  for (const [id, job] of seen.jobs) {
    if (job.status === "succeeded" || job.status === "failed" || job.status === "canceled") continue;
    if (!hasReason(job, 0)) broken.push(`I10: ${id} is still ${job.status} at rest, fence ${job.fence}`);
  }
  return broken;
};

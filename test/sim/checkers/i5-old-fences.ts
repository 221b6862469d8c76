/** I5: nothing is written under an old fence: no log, event, announcement, heartbeat or end. */

import { all, type Checker, leaseStories, type Seen } from "./checker.ts";

export const oldFencesWriteNothing: Checker = (seen) => [...refused(seen), ...noTrace(seen), ...logsAreTheirs(seen)];

/** A write sent after somebody got the next lease is refused. Only a finish that was first sent before may be told again. */
const refused: Checker = (seen) => {
  const broken: string[] = [];
  const grants = all(seen, "granted");
  for (const { jobId, fence, what, outcome, sentAt, worker, finishId } of all(seen, "write")) {
    if (outcome !== "ok") continue;
    const newer = grants.find((one) => one.jobId === jobId && one.fence > fence && one.at < sentAt);
    if (newer === undefined) continue;
    const firstSentAt = finishId === null ? undefined : seen.finishes.get(`${jobId}/${fence} ${finishId}`);
    if (firstSentAt !== undefined && firstSentAt < newer.at && endedUnder(seen, jobId, fence)) continue;
    broken.push(
      `I5: ${worker} sent ${what} for ${jobId}/${fence} at ${sentAt} and it was taken; ${newer.worker} had fence ${newer.fence} since ${newer.at}`,
    );
  }
  return broken;
};

/** Whether the stream tells the end of this lease, which a finish that is told again must have made. */
function endedUnder(seen: Seen, jobId: string, fence: number): boolean {
  return leaseStories(seen.events).some(
    (lease) => lease.jobId === jobId && lease.fence === fence && lease.ended !== null,
  );
}

/** In the stream of events, nothing under a fence comes after a higher one was given. */
const noTrace: Checker = (seen) => {
  const broken: string[] = [];
  const highest = new Map<string, number>();
  const over = new Set<string>();
  for (const { id, type, jobId, data } of seen.events) {
    const { fence } = data;
    if (jobId === null || typeof fence !== "number") continue;
    if (type === "job.leased") highest.set(jobId, fence);
    else if (fence < (highest.get(jobId) ?? 0))
      broken.push(`I5: event ${id} (${type}) of ${jobId} is under old fence ${fence}`);
    else if (over.has(`${jobId}/${fence}`))
      broken.push(`I5: event ${id} (${type}) of ${jobId}/${fence} comes after its end`);
    if (type !== "job.leased" && data["status"] !== "running") over.add(`${jobId}/${fence}`);
  }
  return broken;
};

/** The log of a lease holds what its own worker wrote, from the first byte on. */
const logsAreTheirs: Checker = (seen) => {
  const broken: string[] = [];
  for (const [lease, text] of seen.logs) {
    if (!(seen.written.get(lease) ?? "").startsWith(text))
      broken.push(`I5: the log of ${lease} is not what its worker wrote`);
  }
  return broken;
};

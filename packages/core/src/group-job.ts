/** What a group does to its job: tells it what is new, cancels it when the trouble is gone, learns that it is over. */

import { cancelCandidates, cancelJob } from "./cancel-job.ts";
import type { FloodPolicy, Group } from "./group.ts";
import type { GroupBook } from "./group-book.ts";
import { decide, hasOpenJob, out } from "./group-rules.ts";
import type { Job } from "./job.ts";
import { isTerminal } from "./job.ts";
import { gravity } from "./signal.ts";

/** Is this the group's job, live? A job that ended and was retried by hand lives again, and is the group's again. */
export function liveJob(book: GroupBook, { job }: Group): Job | null {
  return job === null ? null : (book.step.state.jobs.get(job.id) ?? null);
}

/**
 * Tells an open job what is new about its trouble: that it got worse, that it was seen ten times as often, that it
 * stopped or began again. These are events of the job; nothing of it changes.
 */
export function tellJob(book: GroupBook, before: Group, after: Group, policy: FloodPolicy): void {
  const job = liveJob(book, after);
  if (job === null) return;
  const say = (kind: string, message: string): void => {
    const { source, fingerprint, count, severity } = after;
    book.step.event("job.signal", job, { kind, message, source, fingerprint, count, severity });
  };
  if (gravity(after.severity) > gravity(before.severity)) say("worse", `it is ${after.severity} by now`);
  const mark = 10 ** Math.floor(Math.log10(Math.max(1, after.count)));
  if (mark >= 10 && before.count < mark) say("count", `it was seen ${after.count} times by now`);
  if (before.firing === null || after.firing === null || before.firing.state === after.firing.state) return;
  if (after.firing.state === "firing") say("firing", "it began again");
  else if (isTold(job, policy)) say("resolved", "it stopped by itself");
}

/**
 * The trouble is gone, by its source's word or a person's: a job that waits is canceled where the policy says so, one
 * that runs is told; a group without one has nothing to do any more. Gives the canceled job's id.
 */
export function resolve(book: GroupBook, group: Group, policy: FloodPolicy, by: string): string | null {
  const gone: Group = { ...out(group), released: false };
  if (!hasOpenJob(group)) {
    const { mute } = group;
    book.set({ ...gone, stage: mute === null ? "resolved" : "muted", wakeAt: mute?.until ?? null });
    if (group.stage !== "resolved" && group.stage !== "quiet") book.tell("group.resolved", gone, { by });
    return null;
  }
  book.tell("group.resolved", gone, { by });
  const job = liveJob(book, group);
  if (job !== null && waits(job) && policy.resolve.waiting === "cancel") {
    cancelJob(book.step, job, { by, reason: "resolved" });
    cancelCandidates(book.step, job, { by, reason: "resolved" });
    jobOver(book, group, policy, book.now);
    return job.id;
  }
  book.set(group);
  return null;
}

/** Its job is over: the place is free, and what came up meanwhile is decided about. */
export function jobOver(book: GroupBook, group: Group, policy: FloodPolicy, endedAt: number): void {
  if (group.job === null) return;
  book.closed(group.fingerprint);
  // What happened while the job worked on it is what it worked on; what lasts says itself when it began again.
  const recent = group.firing === null ? group.recent.filter(({ at }) => at > endedAt) : group.recent;
  const over: Group = { ...group, job: { ...group.job, endedAt }, recent, regressed: false };
  if (over.mute === null) decideAbout(book, over, policy);
  else book.set(over);
}

/** Decides where a group without an open job stands. Where its last job was retried by hand and lives, it is that job's. */
export function decideAbout(book: GroupBook, group: Group, policy: FloodPolicy): void {
  const live = liveJob(book, group);
  if (live === null || group.job === null) {
    book.set(decide({ group, tally: book.tally, policy, now: book.now }));
    return;
  }
  book.reopened(group.fingerprint, live.id);
  book.set({ ...out(group), stage: "open", job: { ...group.job, endedAt: null }, released: false });
}

/** Is the job told when its trouble is gone? */
function isTold(job: Job, { resolve: rule }: FloodPolicy): boolean {
  return (waits(job) ? rule.waiting : rule.running) === "note";
}

/** Has nothing been done for it yet? What waits for approval is done, and one with candidates has them at work. */
function waits(job: Job): boolean {
  if (isTerminal(job.status) || job.status === "running") return false;
  return (job.run?.bundle ?? null) === null && job.candidates == null;
}

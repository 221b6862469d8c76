/**
 * Nobody saw anything that was taken back later: what a reader, a client, a worker or a receiver was shown is part of
 * the history that everybody sees at the end.
 */

import { all, type Checker, leaseStories } from "./checker.ts";

export const nothingIsTakenBack: Checker = (seen) => [
  ...streamIsOne(seen),
  ...readsHappened(seen),
  ...grantsHappened(seen),
];

/** Event numbers have no gap, and what was seen live is what is there. */
const streamIsOne: Checker = (seen) => {
  const broken: string[] = [];
  seen.events.forEach(({ id }, place) => {
    if (id !== place + 1) broken.push(`stream: event ${id} stands at place ${place + 1}`);
  });
  const kept = new Map(seen.events.map((event) => [event.id, JSON.stringify(event)]));
  for (const { event, at } of all(seen, "event")) {
    const { id, type, jobId } = event;
    if (kept.get(id) !== JSON.stringify(event))
      broken.push(`taken back: event ${id} (${type} of ${jobId}), seen at ${at}`);
  }
  return broken;
};

/** Each state of a job that a client read is one the stream tells of. */
const readsHappened: Checker = (seen) => {
  const broken: string[] = [];
  const states = new Set<string>();
  const known = new Set<string>();
  for (const { jobId, data } of seen.events) {
    if (jobId === null) continue;
    known.add(jobId);
    states.add(`${jobId} ${String(data["generation"])} ${String(data["status"])}`);
  }
  const leases = new Set(
    leaseStories(seen.events).map(({ jobId, fence, workerId }) => `${jobId}/${fence} ${workerId}`),
  );
  for (const { id, job, at } of all(seen, "read")) {
    if (job === null) continue;
    const { generation, status, fence, workerId } = job;
    if (!known.has(id)) broken.push(`taken back: ${id} was read at ${at} and never existed`);
    else if (!states.has(`${id} ${generation} ${status}`))
      broken.push(`taken back: ${id} was read as ${status} (generation ${generation}) at ${at}`);
    if (workerId !== null && !leases.has(`${id}/${fence} ${workerId}`)) {
      broken.push(`taken back: ${id} was read at ${at} as being with ${workerId} under fence ${fence}`);
    }
  }
  return broken;
};

/** A lease that a worker got, began or wrote under is in the stream. */
const grantsHappened: Checker = (seen) => {
  const broken: string[] = [];
  const stories = new Map(leaseStories(seen.events).map((story) => [`${story.jobId}/${story.fence}`, story]));
  for (const { jobId, fence, worker, at } of all(seen, "granted")) {
    if (stories.get(`${jobId}/${fence}`)?.workerId !== worker)
      broken.push(`taken back: ${worker} got ${jobId}/${fence} at ${at}`);
  }
  for (const { jobId, fence, what, outcome, at } of all(seen, "write")) {
    if (what !== "heartbeat" || outcome !== "ok") continue;
    if (stories.get(`${jobId}/${fence}`)?.started == null)
      broken.push(`taken back: the begin of ${jobId}/${fence}, told at ${at}`);
  }
  for (const { what, id, outcome, at } of all(seen, "ask")) {
    if (what === "retry" && outcome !== "unknown" && !/_|not_/.test(outcome)) {
      const retried = seen.events.some((event) => event.jobId === id && event.data["retry"] === true);
      if (!retried) broken.push(`taken back: the retry of ${id}, told at ${at}`);
    }
    if (what === "approve" && !/_/.test(outcome) && outcome !== "unknown") {
      const approved = seen.events.some((event) => event.jobId === id && event.type === "job.approved");
      if (!approved) broken.push(`taken back: the approval of ${id}, told at ${at}`);
    }
  }
  return broken;
};

/**
 * I11: what was said to a job is heard: each comment is there once, in the order of its number, is given to every attempt
 * from the next lease on until a generation with it succeeds, and to none after that; and no job rests while one waits,
 * unless somebody wanted it to end.
 */

import { all, type Checker } from "./checker.ts";

export const commentsAreHeard: Checker = (seen) => [...saidOnce(seen), ...givenUntilDone(seen)];

/** Every comment its author knows of is in the stream, once, under the number the author was told. */
const saidOnce: Checker = (seen) => {
  const broken: string[] = [];
  const places = new Map<string, string[]>();
  for (const { type, jobId, data } of seen.events) {
    if (type !== "job.commented") continue;
    const text = String(data["message"]);
    places.set(text, [...(places.get(text) ?? []), `${jobId} ${String(data["n"])}`]);
  }
  for (const [text, found] of places) {
    if (found.length > 1) broken.push(`I11: "${text}" is there ${found.length} times: ${found.join(", ")}`);
  }
  for (const { id, text, outcome, n, at } of all(seen, "comment")) {
    if (outcome === "ok" && !places.get(text)?.includes(`${id} ${n}`))
      broken.push(`I11: "${text}" was taken at ${at} as comment ${n} of ${id} and is not there`);
  }
  return broken;
};

interface Heard {
  count: number;
  given: number;
  done: number;
  /** Somebody wanted its attempt to end: it does not go on by itself, whatever became of that. */
  canceled: boolean;
}

const givenUntilDone: Checker = (seen) => {
  const broken: string[] = [];
  const jobs = new Map<string, Heard>();
  for (const { id, type, jobId, data } of seen.events) {
    if (jobId === null) continue;
    const heard = jobs.get(jobId) ?? { count: 0, given: 0, done: 0, canceled: false };
    jobs.set(jobId, heard);
    if (type === "job.cancel_requested") heard.canceled = true;
    else if (type === "job.leased") heard.canceled = false;
    if (type === "job.commented") {
      heard.count += 1;
      if (data["n"] !== heard.count) broken.push(`I11: event ${id} is comment ${String(data["n"])} of ${jobId}`);
    } else if (type === "job.leased" && data["purpose"] === "work") {
      const wanted = heard.count === heard.done ? undefined : { after: heard.done, upTo: heard.count };
      const was = JSON.stringify(data["comments"]);
      if (was !== JSON.stringify(wanted))
        broken.push(`I11: the lease of event ${id} was given ${was} of ${jobId}, not ${JSON.stringify(wanted)}`);
      heard.given = heard.count;
    } else if (type === "job.succeeded") heard.done = heard.given;
  }
  for (const [jobId, { count, given, canceled }] of jobs) {
    const { status } = seen.jobs.get(jobId) ?? {};
    if (count > given && !canceled && (status === "succeeded" || status === "failed"))
      broken.push(`I11: ${jobId} is over (${status}) and ${count - given} comments wait`);
  }
  return broken;
};

/**
 * Each job is one thing, whoever of the dispatchers is asked: what a client reads is never older than what somebody was
 * told before he asked. The event stream is the one order in which things happened; an answer stands for a place in it,
 * and an answer that was there before a question was sent holds up the question's own.
 */

import type { JobSeen } from "../history.ts";
import { all, type Checker, type Seen } from "./checker.ts";

/** The job between two events of its own: from this one on. */
interface Version {
  readonly status: string;
  readonly generation: number;
  readonly fence: number;
}

/** After its last event: the job is not kept any more. */
const FORGOTTEN = "forgotten";

/** An answer about a job: it was given within this time, and fits to some versions. */
interface Answer {
  readonly sentAt: number;
  readonly at: number;
  readonly what: string;
  /** The first version from `lowest` on that it fits to; null: none. */
  readonly place: (lowest: number) => number | null;
}

export const readsAreLinear: Checker = (seen) => {
  const broken: string[] = [];
  const stories = versions(seen);
  for (const [id, answers] of answersByJob(seen, stories)) {
    /** Where the answers that were there so far stand at least, in order of when they were there. */
    const told: { readonly at: number; readonly place: number }[] = [];
    for (const answer of answers.toSorted((one, other) => one.sentAt - other.sentAt)) {
      const lowest = Math.max(-1, ...told.filter(({ at }) => at < answer.sentAt).map(({ place }) => place));
      const place = answer.place(lowest);
      if (place === null)
        broken.push(`linear: ${id}, asked at ${answer.sentAt}: ${answer.what} at ${answer.at}, which was over before`);
      else told.push({ at: answer.at, place });
    }
  }
  return broken;
};

/** Every state of every job, in order. */
function versions({ events, forgotten }: Seen): ReadonlyMap<string, readonly Version[]> {
  const jobs = new Map<string, Version[]>();
  for (const { jobId, data } of events) {
    const { status } = data;
    if (jobId === null || typeof status !== "string") continue;
    let story = jobs.get(jobId);
    if (story === undefined) jobs.set(jobId, (story = []));
    const fence = Math.max(Number(data["fence"] ?? 0), story.at(-1)?.fence ?? 0);
    story.push({ status, generation: Number(data["generation"]), fence });
  }
  for (const id of forgotten.keys()) {
    const story = jobs.get(id);
    const last = story?.at(-1);
    if (last !== undefined) story?.push({ ...last, status: FORGOTTEN });
  }
  return jobs;
}

function answersByJob(
  seen: Seen,
  stories: ReadonlyMap<string, readonly Version[]>,
): ReadonlyMap<string, readonly Answer[]> {
  const jobs = new Map<string, Answer[]>();
  const add = (
    id: string,
    { sentAt, at, what }: Pick<Answer, "sentAt" | "at" | "what">,
    fits: (version: Version, place: number) => boolean,
  ): void => {
    const story = stories.get(id) ?? [];
    const place = (lowest: number): number | null => {
      const found = story.findIndex((version, n) => n >= lowest && fits(version, n));
      return found === -1 ? null : found;
    };
    let answers = jobs.get(id);
    if (answers === undefined) jobs.set(id, (answers = []));
    answers.push({ sentAt, at, what, place });
  };

  for (const { id, job, sentAt, at } of all(seen, "read")) {
    if (job !== null && sentAt !== undefined)
      add(id, { sentAt, at, what: `it was ${inWords(job)}` }, (version) => isSame(version, job));
  }
  for (const { id, sentAt, at } of all(seen, "forgotten")) {
    add(id, { sentAt, at, what: "it was forgotten" }, ({ status }) => status === FORGOTTEN);
  }
  for (const { id, outcome, sentAt, at } of all(seen, "enqueue")) {
    if (outcome === "ok") add(id, { sentAt, at, what: "it was taken" }, () => true);
  }
  for (const { jobId, fence, at, worker } of all(seen, "granted")) {
    add(jobId, { sentAt: at, at, what: `${worker} got fence ${fence}` }, (version) => version.fence >= fence);
  }
  for (const { jobId, fence, what, outcome, status, sentAt, at, worker } of all(seen, "write")) {
    if (outcome !== "ok" || what !== "finish") continue;
    const isOver = (version: Version, place: number): boolean =>
      version.fence > fence || (version.fence === fence && version.status !== "running" && place > 0);
    add(jobId, { sentAt, at, what: `${worker} ended fence ${fence} as ${status}` }, isOver);
  }
  return jobs;
}

function isSame(version: Version, job: JobSeen): boolean {
  return version.status === job.status && version.generation === job.generation && version.fence === job.fence;
}

function inWords({ status, generation, fence }: JobSeen): string {
  return `${status} in generation ${generation} under fence ${fence}`;
}

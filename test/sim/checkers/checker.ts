/** What a checker is: it reads a history and the last look, and names every promise it finds broken. */

import type { HiveEvent } from "@hive/core";
import type { Entry, FinalLook, JobBrief } from "../history.ts";

/** What was seen, as the checkers get it. */
export interface Seen extends FinalLook {
  readonly entries: readonly Entry[];
  /** What each worker wrote into a log, by `job/fence`. */
  readonly written: ReadonlyMap<string, string>;
  /** When each finish was first sent, by `job/fence finishId`. */
  readonly finishes: ReadonlyMap<string, number>;
}

/** Complains in one line for each break, naming job and moment. */
export type Checker = (seen: Seen) => readonly string[];

/** The entries of one kind. */
export function all<K extends Entry["kind"]>(seen: Seen, kind: K): readonly Extract<Entry, { readonly kind: K }>[] {
  return seen.entries.filter((entry): entry is Extract<Entry, { readonly kind: K }> => entry.kind === kind);
}

/** What was asked for under each accepted id. */
export function briefs(seen: Seen): ReadonlyMap<string, JobBrief> {
  const told = all(seen, "enqueue").filter(({ outcome }) => outcome !== "id_conflict");
  // A late copy of a request may be taken after its client was told no: what was asked for is what is there then.
  const sorted = told.toSorted((one, two) => Number(one.outcome === "ok") - Number(two.outcome === "ok"));
  return new Map(sorted.map(({ id, brief }) => [id, brief]));
}

/** One lease, as the event stream tells of it. */
export interface LeaseStory {
  readonly jobId: string;
  readonly fence: number;
  readonly workerId: string;
  readonly generation: number;
  /** Numbers of the events: given, begun and ended; null while it did not. */
  readonly leased: number;
  readonly started: number | null;
  readonly ended: HiveEvent | null;
}

const ENDS = new Set([
  "job.succeeded",
  "job.failed",
  "job.canceled",
  "job.retrying",
  "job.queued",
  "job.held",
  "job.scheduled",
]);

/** All leases of all jobs in the order they were given. */
export function leaseStories(events: readonly HiveEvent[]): readonly LeaseStory[] {
  const stories: LeaseStory[] = [];
  const open = new Map<string, number>();
  for (const event of events) {
    const { type, jobId, data } = event;
    if (jobId === null) continue;
    const fence = Number(data["fence"]);
    if (type === "job.leased") {
      open.set(jobId, stories.length);
      const generation = Number(data["generation"]);
      const workerId = String(data["workerId"]);
      stories.push({ jobId, fence, workerId, generation, leased: event.id, started: null, ended: null });
      continue;
    }
    const place = open.get(jobId);
    const story = place === undefined ? undefined : stories[place];
    if (place === undefined || story === undefined || story.fence !== fence) continue;
    if (type === "job.started") stories[place] = { ...story, started: event.id };
    if (ENDS.has(type)) {
      stories[place] = { ...story, ended: event };
      open.delete(jobId);
    }
  }
  return stories;
}

/** True for the events that end a job. */
export function isEnd(type: string): boolean {
  return type === "job.succeeded" || type === "job.failed" || type === "job.canceled";
}

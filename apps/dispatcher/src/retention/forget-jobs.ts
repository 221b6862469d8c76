/** Which jobs are old or too many, and taking them out of the store; the core has the last word on each. */

import { candidateIds, type Forgettable, type Job } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import type { Cursor } from "../store/contract.ts";
import { everyDocument } from "../store/every-document.ts";
import type { Sweeping } from "./retention.ts";

const DAY_MS = 86_400_000;
/** However many there are, nobody's job goes before whoever waits for its end had this long to look. */
const FIRST_HOUR_MS = 3_600_000;
/** Jobs of one commit: about fifteen documents each. */
const JOBS_AT_ONCE = 50;
/** Callbacks that are looked at for one commit. */
const CALLBACKS_AT_ONCE = 1_000;
const PAGE = 1_000;

/** Jobs that ended before this are due, in wall time; null: none are. */
export async function endedBefore({ queue, keep, clock, pause }: Sweeping): Promise<number | null> {
  const wall = clock.wall();
  const byAge = keep.days === 0 ? null : wall - keep.days * DAY_MS;
  const nth = keep.jobs === 0 ? null : await endOfNth(queue, keep.jobs, pause);
  const byCount = nth === null ? null : Math.min(nth, wall - FIRST_HOUR_MS);
  return byAge === null || byCount === null ? (byAge ?? byCount) : Math.max(byAge, byCount);
}

/** When the last one of so many ended, counted from the newest; null: there are not more. */
async function endOfNth(queue: Queue, jobs: number, pause: () => Promise<void>): Promise<number | null> {
  const newestFirst = { collection: "jobs", index: "ended", equals: {}, order: "descending" } as const;
  let after: Cursor | undefined;
  for (let left = jobs; ; await pause()) {
    const limit = Math.min(PAGE, left);
    const page = await queue.documents.list({ ...newestFirst, limit, ...(after === undefined ? {} : { after }) });
    if (page.next === null) return null;
    after = page.next;
    left -= page.items.length;
    if (left === 0) return Number(after.range);
  }
}

/** Forgets the jobs that ended before this, the oldest first. Gives how many went. */
export async function forgetJobs({ queue, pause }: Sweeping, cutoff: number): Promise<number> {
  const oldestFirst = { collection: "jobs", index: "ended", equals: {}, below: cutoff, limit: JOBS_AT_ONCE } as const;
  let forgotten = 0;
  for (let after: Cursor | undefined; ; await pause()) {
    const page = await queue.documents.list({ ...oldestFirst, ...(after === undefined ? {} : { after }) });
    for (const jobs of groups(await Promise.all(page.items.map(({ doc }) => asked(queue, doc))))) {
      const reply = await queue.submit<"forget">({ type: "forget", jobs });
      forgotten += reply.forgotten.length;
    }
    if (page.next === null) return forgotten;
    // Those that must stay are looked at again by the next sweep.
    after = page.next;
  }
}

async function asked(queue: Queue, doc: unknown): Promise<Forgettable> {
  const job = doc as Job;
  const told = await Promise.all([job.id, ...candidateIds(job)].map((id) => callbacksOf(queue, id)));
  return { jobId: job.id, endedAt: job.endedAt ?? 0, callbacks: told.flat() };
}

async function callbacksOf(queue: Queue, jobId: string): Promise<number[]> {
  const numbers: number[] = [];
  const ofJob = { collection: "callbacks", index: "job", equals: { jobId } };
  for await (const { doc } of everyDocument(queue.documents, ofJob)) numbers.push(Number(doc["n"]));
  return numbers;
}

/** The jobs in groups whose callbacks one command can look at; one with very many is alone. */
function* groups(jobs: readonly Forgettable[]): Generator<readonly Forgettable[]> {
  let group: Forgettable[] = [];
  let callbacks = 0;
  for (const job of jobs) {
    if (group.length > 0 && callbacks + job.callbacks.length > CALLBACKS_AT_ONCE) {
      yield group;
      group = [];
      callbacks = 0;
    }
    group.push(job);
    callbacks += job.callbacks.length;
  }
  if (group.length > 0) yield group;
}

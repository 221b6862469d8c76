/**
 * Removes what is left of jobs that were forgotten: events, callbacks, attempts, comments, logs, artifacts. Which jobs
 * those are is stored, so that a crash in the middle costs nothing.
 */

import type { Key } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import type { Cursor, Query } from "../store/contract.ts";
import type { Sweeping } from "./retention.ts";

const JOBS_AT_ONCE = 50;
/** Documents of one kind that are removed of one job in one commit. */
const DOCUMENTS_AT_ONCE = 500;
/** Documents of one commit. */
const COMMIT = 2_000;

/** What there is of a job, as far as one look shows. */
interface Left {
  readonly keys: readonly Key[];
  /** False: there is more than was looked at, or it must stay for now. */
  readonly whole: boolean;
}

/** Clears all jobs that were forgotten. One whose last event is the newest of all stays for a later sweep. */
export async function clearForgotten({ queue, logs, pause }: Sweeping): Promise<void> {
  const forgotten = { collection: "ids", index: "state", equals: { state: "clearing" }, limit: JOBS_AT_ONCE } as const;
  for (let after: Cursor | undefined; ; await pause()) {
    const page = await queue.documents.list({ ...forgotten, ...(after === undefined ? {} : { after }) });
    let keys: Key[] = [];
    let cleared: string[] = [];
    const flush = async (): Promise<void> => {
      if (keys.length + cleared.length > 0) await queue.submit<"prune">({ type: "prune", keys, cleared });
      keys = [];
      cleared = [];
    };
    for (const { id } of page.items) {
      let left = await leftOf(queue, id);
      for (let more = left.keys.length > 0 && !left.whole; more; ) {
        const { pruned } = await queue.submit<"prune">({ type: "prune", keys: left.keys, cleared: [] });
        await pause();
        left = await leftOf(queue, id);
        more = pruned > 0 && left.keys.length > 0 && !left.whole;
      }
      await logs.remove(id);
      if (keys.length + left.keys.length > COMMIT) await flush();
      keys.push(...left.keys);
      if (left.whole) cleared.push(id);
    }
    await flush();
    if (page.next === null) return;
    after = page.next;
  }
}

async function leftOf(queue: Queue, jobId: string): Promise<Left> {
  const ofJob = { index: "job", equals: { jobId } } as const;
  // The ids of these begin with the job's, and "0" is the character after "/".
  const below = { from: `${jobId}/`, below: `${jobId}0` } as const;
  const kinds: readonly Query[] = [
    { collection: "events", ...ofJob },
    { collection: "callbacks", ...ofJob },
    { collection: "attempts", ...below },
    { collection: "comments", ...below },
  ];
  const newest = queue.lastEvent();
  const pages = await Promise.all(
    kinds.map(async (query) => ({
      collection: query.collection,
      ...(await queue.documents.list({ ...query, limit: DOCUMENTS_AT_ONCE })),
    })),
  );
  const keys = pages.flatMap(({ collection, items }) => items.map(({ id }) => ({ collection, id })));
  const going = keys.filter(({ collection, id }) => collection !== "events" || Number(id) !== newest);
  return { keys: going, whole: going.length === keys.length && pages.every(({ next }) => next === null) };
}

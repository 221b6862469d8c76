/**
 * Small things that outlived their use: answers to repeated requests, accounts of past days, ids that were remembered long
 * enough, what became of the slots of schedules, and events that belong to no job.
 */

import { dayAccountId, dayOf, type Key, numberId } from "@hive/core";
import type { Cursor, Query } from "../store/contract.ts";
import type { Sweeping } from "./retention.ts";

const DAY_MS = 86_400_000;
/** A call that began before midnight is billed after it. */
const ACCOUNTS_DAYS = 2;
const AT_ONCE = 500;

/** Gives how many documents it removed. */
export async function removeLeftovers(sweeping: Sweeping): Promise<number> {
  const { keep, clock } = sweeping;
  const wall = clock.wall();
  const old = { index: "age", equals: {}, below: wall - keep.idDays * DAY_MS } as const;
  let removed = await remove(sweeping, { collection: "answers", ...old });
  removed += await remove(sweeping, { collection: "ids", ...old }, (doc) => doc["state"] === "clear");
  // As long as the ids of their jobs are known: until then nobody can make the job of a slot a second time.
  removed += await remove(sweeping, { collection: "slots", ...old });
  if (keep.days === 0) return removed;
  const day = dayOf(wall - Math.max(keep.days, ACCOUNTS_DAYS) * DAY_MS);
  removed += await remove(sweeping, { collection: "accounts", from: "day/", below: dayAccountId(day) });
  removed += await remove(sweeping, { collection: "accounts", from: "project/", below: `project/${day}` });
  removed += await remove(sweeping, { collection: "accounts", from: "source/", below: `source/${day}` });
  return removed + (await removeEvents(sweeping, wall - keep.days * DAY_MS));
}

async function remove(
  { queue, pause }: Sweeping,
  query: Query,
  isDue: (doc: Readonly<Record<string, unknown>>) => boolean = () => true,
): Promise<number> {
  let removed = 0;
  for (let after: Cursor | undefined; ; await pause()) {
    const page = await queue.documents.list({ ...query, limit: AT_ONCE, ...(after === undefined ? {} : { after }) });
    const keys = page.items
      .filter(({ doc }) => isDue(doc))
      .map(({ id }): Key => ({ collection: query.collection, id }));
    if (keys.length > 0) removed += (await queue.submit<"prune">({ type: "prune", keys, cleared: [] })).pruned;
    if (page.next === null) return removed;
    after = page.next;
  }
}

/** Events stand in order of their time, near enough; those of jobs go with their job. */
async function removeEvents({ queue, pause }: Sweeping, cutoff: number): Promise<number> {
  let removed = 0;
  for (let from = numberId(0); ; await pause()) {
    const page = await queue.documents.list({ collection: "events", from, limit: AT_ONCE });
    const old = page.items.filter(({ doc }) => Number(doc["at"]) < cutoff);
    const keys = old.filter(({ doc }) => doc["jobId"] === null).map(({ id }): Key => ({ collection: "events", id }));
    if (keys.length > 0) removed += (await queue.submit<"prune">({ type: "prune", keys, cleared: [] })).pruned;
    const last = page.items.at(-1);
    if (last === undefined || page.next === null || old.length < page.items.length) return removed;
    from = numberId(Number(last.id) + 1);
  }
}

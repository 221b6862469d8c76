/**
 * What sources left: deliveries that were looked at, groups of which nothing was heard for long, and what sources that
 * stand in the settings no more had read and remembered.
 */

import type { CommandOf, Key, Tally } from "@hive/core";
import { everyDocument } from "../store/every-document.ts";
import type { Cursor, Query } from "../store/contract.ts";
import type { Sweeping } from "./retention.ts";

const DAY_MS = 86_400_000;
/** A delivery is kept so long after it came, to be looked at and replayed; of one source at most so many. */
export const DELIVERY_DAYS = 7;
export const DELIVERIES_MAX = 1_000;
/** A group is kept so long after it was last heard of. */
export const GROUP_DAYS = 90;
/** A source that was taken out of the settings may come back within so long and go on where it was. */
export const READING_DAYS = 7;
const AT_ONCE = 200;
/** Of deliveries, each of which may hold a megabyte, so many are read from the store at once. */
const DELIVERIES_AT_ONCE = 20;

/** Gives how many documents it removed. */
export async function removeOldFromSources(sweeping: Sweeping): Promise<number> {
  const { queue, sources } = sweeping;
  const known = sources === undefined ? null : new Set(sources());
  let removed = 0;
  for await (const { doc } of everyDocument(queue.documents, { collection: "tallies" })) {
    const stored: unknown = doc;
    const tally = stored as Tally;
    removed += await removeDeliveries(sweeping, tally);
    removed += await removeGroups(sweeping, tally);
  }
  if (known === null) return removed;
  for await (const { id, doc } of everyDocument(queue.documents, { collection: "cursors" })) {
    if (known.has(id) || Number(doc["at"]) >= sweeping.clock.wall() - READING_DAYS * DAY_MS) continue;
    removed += await removeReading(sweeping, id);
  }
  return removed;
}

/** The oldest go first: those that are too old, and those that are too many. */
export async function removeDeliveries(
  sweeping: Pick<Sweeping, "pause"> & Places & { readonly clock: Pick<Sweeping["clock"], "wall"> },
  { source, deliveries }: Pick<Tally, "source" | "deliveries">,
): Promise<number> {
  const old = sweeping.clock.wall() - DELIVERY_DAYS * DAY_MS;
  let tooMany = deliveries - DELIVERIES_MAX;
  const query = { collection: "deliveries", index: "source", equals: { source }, limit: DELIVERIES_AT_ONCE } as const;
  return inPages(sweeping, query, (docs) => {
    const ids: string[] = [];
    for (const doc of docs) {
      if (Number(doc["receivedAt"]) >= old && tooMany <= 0) break;
      if (doc["state"] === "received") continue;
      ids.push(String(doc["id"]));
      tooMany -= 1;
    }
    return ids.length === 0 ? null : { type: "forgetDeliveries", source, ids };
  });
}

async function removeGroups(sweeping: Sweeping, { source }: Tally): Promise<number> {
  const before = sweeping.clock.wall() - GROUP_DAYS * DAY_MS;
  const query = { collection: "groups", index: "source", equals: { source }, below: before } as const;
  return inPages(sweeping, query, (docs) => {
    const fingerprints = docs.map((doc) => String(doc["fingerprint"]));
    return { type: "forgetGroups", source, fingerprints, before };
  });
}

/** The cursor goes last: while it is there, the next sweep finds what is left. */
async function removeReading({ queue, pause }: Sweeping, source: string): Promise<number> {
  const query = { collection: "memories", index: "source", equals: { source }, limit: AT_ONCE } as const;
  let removed = 0;
  for (; ; await pause()) {
    const { items } = await queue.documents.list(query);
    const keys = items.map(({ id }): Key => ({ collection: "memories", id }));
    if (keys.length === 0) keys.push({ collection: "cursors", id: source });
    removed += (await queue.submit<"prune">({ type: "prune", keys, cleared: [] })).pruned;
    if (items.length === 0) return removed;
  }
}

/** Where documents are, and where they are taken away. */
interface Places {
  readonly queue: Pick<Sweeping["queue"], "documents" | "submit">;
}

type Forgetting = CommandOf<"forgetDeliveries"> | CommandOf<"forgetGroups">;

/** Goes through what a query finds while a page has anything to forget. */
async function inPages(
  { queue, pause }: Pick<Sweeping, "pause"> & Places,
  query: Query,
  toForget: (docs: readonly Readonly<Record<string, unknown>>[]) => Forgetting | null,
): Promise<number> {
  let forgotten = 0;
  for (let after: Cursor | undefined; ; await pause()) {
    const page = await queue.documents.list({ limit: AT_ONCE, ...query, ...(after === undefined ? {} : { after }) });
    const command = page.items.length === 0 ? null : toForget(page.items.map(({ doc }) => doc));
    if (command !== null) forgotten += (await queue.submit<Forgetting["type"]>(command)).forgotten;
    if (command === null || page.next === null) return forgotten;
    after = page.next;
  }
}

/** Builds the queue's state from the store: at a start, and again after every election. */

import { createState, type Job, type Rules, type State, type WorkerRecord } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/contract.ts";

/** Statuses whose jobs are kept in memory. */
const LIVE = ["held", "blocked", "scheduled", "queued", "running"] as const;

async function last(store: Store, collection: string, index?: string): Promise<{ id: string; doc: Readonly<Record<string, unknown>> } | null> {
  const page = await store.list({ collection, order: "descending", limit: 1, ...(index === undefined ? {} : { index, equals: {} }) });
  return page.items[0] ?? null;
}

/**
 * The state as the store has it now. Live leases get one full term from now, since nobody knows how long the store was
 * without a dispatcher.
 */
export async function loadState(store: Store, rules: Rules, clock: Clock): Promise<{ state: State; lastEvent: number }> {
  const state = createState(rules);
  // Documents were written by this program from these very types, and every one carries a checksum.
  for await (const page of store.load({ collection: "workers" })) {
    for (const { doc } of page) state.loadWorker(doc as unknown as WorkerRecord);
  }
  for (const status of LIVE) {
    for await (const page of store.load({ collection: "jobs", index: "status", equals: { status } })) {
      for (const { doc } of page) state.loadJob(doc as unknown as Job);
    }
  }
  const newest = await last(store, "jobs", "all");
  const lastSeq = Number(newest?.doc["seq"] ?? 0);
  const lastEvent = Number((await last(store, "events"))?.id ?? 0);
  state.loaded({ nextSeq: lastSeq + 1, nextEvent: lastEvent + 1 }, { mono: clock.mono(), wall: clock.wall() });
  return { state, lastEvent };
}

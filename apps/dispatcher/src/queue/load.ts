/** Builds the queue's state from the store: at a start, and again after every election. */

import {
  createState,
  floorsOf,
  MARKS,
  type Document,
  type Job,
  type Rules,
  type State,
  type StoredWorker,
} from "@hive/core";
import type { Clock } from "../clock.ts";
import { type Store, StoreCorrupt } from "../store/contract.ts";

/** Statuses whose jobs are kept in memory. */
const LIVE = ["held", "blocked", "scheduled", "queued", "running"] as const;

/** What the state was built from, beyond the state itself. */
export interface Loaded {
  readonly state: State;
  /** The number of the last event in the store. */
  readonly lastEvent: number;
  /**
   * Gives every live lease one full term from now, since nobody knows how long the store was without a dispatcher. To be
   * called before anything is applied, and again when workers can be heard only later.
   */
  readonly giveTerms: () => void;
}

/** The state as the store has it now. */
export async function loadState(store: Store, rules: Rules, clock: Clock): Promise<Loaded> {
  const [restoring = null] = await store.get([MARKS.restoring]);
  if (restoring === null) return buildState(store, rules, clock);
  throw new StoreCorrupt(
    "This store is half restored: the restore of a backup was cut short. Run it again: npm run hive -- restore FILE",
  );
}

/** As `loadState`, of a store that is being restored too. */
export async function buildState(store: Store, rules: Rules, clock: Clock): Promise<Loaded> {
  const state = createState(rules);
  // The casts below: documents were written by this program from these very types, and each carries a checksum.
  for await (const page of store.load({ collection: "workers" })) {
    for (const { doc } of page) state.loadWorker(doc as Document & StoredWorker);
  }
  let lastOrder = 0;
  for (const status of LIVE) {
    for await (const page of store.load({ collection: "jobs", index: "status", equals: { status } })) {
      for (const { doc } of page) {
        const job = doc as Document & Job;
        lastOrder = Math.max(lastOrder, job.order);
        state.loadJob(job);
      }
    }
  }
  const newestJob = await store.list({ collection: "jobs", index: "all", equals: {}, order: "descending", limit: 1 });
  const newestEvent = await store.list({ collection: "events", order: "descending", limit: 1 });
  const [floors = null] = await store.get([MARKS.floors]);
  const floor = floorsOf(floors);
  const lastSeq = Number(newestJob.items[0]?.doc["seq"] ?? 0);
  const lastEvent = Number(newestEvent.items[0]?.id ?? 0);
  const counters = {
    nextSeq: lastSeq + 1,
    nextOrder: Math.max(lastOrder, lastSeq) + 1,
    nextEvent: Math.max(lastEvent, floor.event) + 1,
    fenceFloor: floor.fence,
  };
  const giveTerms = (): void => state.loaded(counters, { mono: clock.mono() });
  giveTerms();
  return { state, lastEvent, giveTerms };
}

/**
 * Puts a backup into a store, whichever it is. The file is read to its end before anything is touched. While the store is
 * not whole, a mark in it keeps every dispatcher from starting on it; a restore that was cut short is run again.
 *
 * A restored store is another life of the one that was copied, and the first may have gone on since. So nothing is given
 * twice: the epoch, the fences and the event numbers begin far above all that the other life can have reached, and
 * whoever had a job when the copy was made has it no more.
 */

import {
  apply,
  COLLECTIONS,
  docKey,
  type Floors,
  floorsOf,
  MARKS,
  type Change,
  type Document,
  type Rules,
} from "@hive/core";
import { type BackupHeader, BackupRefused, type BackupSum, type OpenBackup } from "@hive/protocol/backup-file";
import type { Clock } from "../clock.ts";
import type { ArtifactStore, LogStore } from "../logs/contract.ts";
import { buildState } from "../queue/load.ts";
import type { Election, Store } from "../store/contract.ts";
import { restoreFiles } from "./restore-files.ts";

/** Added to what the other life had when it was copied: more than it can have used since. */
const BEYOND = 1_000_000;
/** What one commit writes at most: changes, and characters of them. */
const CHANGES = 1_000;
const CHARACTERS = 2_000_000;
const PAGE = 1_000;

/** What was restored. */
export interface Restored extends BackupSum {
  readonly header: BackupHeader;
  /** Jobs that ran when the backup was made; they run again. */
  readonly interrupted: number;
  /** Logs and files that could not be taken over, a sentence each. */
  readonly skipped: readonly string[];
}

/** The store has something in it already; nothing was changed. */
export class StoreNotEmpty extends Error {
  override readonly name = "StoreNotEmpty";
}

export interface RestoreOptions {
  /** Opens the backup; called twice. */
  readonly read: () => Promise<OpenBackup>;
  /** Looks at the header before anything is opened; refuses by throwing. */
  readonly accept: (header: BackupHeader) => void;
  /** Takes the store for this process, with an epoch of at least this. */
  readonly open: (minEpoch: number) => Promise<{ readonly store: Store; readonly election: Election }>;
  /** Logs and files of that store; called once it is open. */
  readonly openLogs: (election: Election) => { readonly logs: LogStore; readonly artifacts: ArtifactStore };
  readonly rules: Rules;
  readonly clock: Clock;
  /** Whether what is in the store may go. */
  readonly replace: boolean;
}

/**
 * @throws BackupRefused before anything was touched. @throws StoreNotEmpty
 * @throws what `Store.open` throws: `StoreInUse` and `StoreHeld` while a dispatcher runs on the store
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { header, sum } = await check(options);
  const { store, election } = await options.open(header.epoch + BEYOND);
  const writer = new Writer(store, election);
  const { logs, artifacts } = options.openLogs(election);
  try {
    const replaced = await makeRoom(options, store, writer, logs);
    const backup = await options.read();
    const skipped = await restoreFiles({
      lines: backup.lines,
      logs,
      artifacts,
      document: ({ collection, id, doc }) => writer.put({ collection, id, doc }),
    });
    await writer.flush();
    const interrupted = await beginAnew(options, store, writer, replaced);
    await writer.put({ ...MARKS.restoring, doc: null });
    await writer.flush();
    return { header, ...sum, interrupted, skipped };
  } finally {
    await logs.close();
    await store.close();
  }
}

/** Reads the whole file: what cannot be restored must not be found out when the store is empty already. */
async function check({ read, accept }: RestoreOptions): Promise<{ header: BackupHeader; sum: BackupSum }> {
  const { header, lines, sum } = await read();
  accept(header);
  const known = new Set<string>(COLLECTIONS.map(({ name }) => name));
  for await (const line of lines) {
    if (line.kind !== "document" || known.has(line.collection)) continue;
    const message = `the backup holds ${line.collection}, which this Hive knows nothing of; it was made by Hive ${header.version}: restore it with that one`;
    throw new BackupRefused(message);
  }
  const found = sum();
  if (found === null) throw new Error("a backup was read to its end, and has none");
  return { header, sum: found };
}

/** What is in the store while it is not whole. */
interface Restoring {
  readonly since: number;
  /** What was in the store before: neither is its life continued. */
  readonly replaced: Floors;
}

/** Empties the store, and marks it as not whole. Gives how far it had come. @throws StoreNotEmpty */
async function makeRoom(
  { clock, replace }: RestoreOptions,
  store: Store,
  writer: Writer,
  logs: LogStore,
): Promise<Floors> {
  const [unfinished = null, floors = null] = await store.get([MARKS.restoring, MARKS.floors]);
  const firsts = await Promise.all(COLLECTIONS.map(({ name }) => store.list({ collection: name, limit: 1 })));
  if (unfinished === null && !replace && firsts.some(({ items }) => items.length > 0)) {
    throw new StoreNotEmpty(
      "There are jobs here already. With --replace they are removed, with their logs; make a backup of them first.",
    );
  }
  const earlier: unknown = unfinished;
  const replaced = (earlier as Restoring | null)?.replaced ?? {
    ...floorsOf(floors),
    event: Math.max(floorsOf(floors).event, await newestEvent(store)),
  };
  const mark: Restoring = { since: clock.wall(), replaced };
  await writer.put({ ...MARKS.restoring, doc: { ...mark } });
  await writer.flush();
  for (const { name } of COLLECTIONS) {
    for (;;) {
      const page = await store.list({ collection: name, limit: PAGE });
      const going = page.items.filter(({ id }) => docKey({ collection: name, id }) !== docKey(MARKS.restoring));
      if (going.length === 0) break;
      for (const { id } of going) {
        if (name === "jobs" || name === "ids") await logs.remove(id);
        await writer.put({ collection: name, id, doc: null });
      }
      await writer.flush();
    }
  }
  return replaced;
}

async function newestEvent(store: Store): Promise<number> {
  const page = await store.list({ collection: "events", order: "descending", limit: 1 });
  return Number(page.items[0]?.id ?? 0);
}

/** Raises what must never be given twice, and ends the leases of the other life. Gives how many jobs ran. */
async function beginAnew(
  { rules, clock }: RestoreOptions,
  store: Store,
  writer: Writer,
  replaced: Floors,
): Promise<number> {
  const [doc = null] = await store.get([MARKS.floors]);
  const floors = floorsAbove([floorsOf(doc), replaced], await newestEvent(store), clock.wall());
  await writer.put({ ...MARKS.floors, doc: { ...floors } });
  await writer.flush();
  const { state } = await buildState(store, rules, clock);
  const message = "the server was restored from a backup; the work begins again";
  for (let interrupted = 0; ; ) {
    const now = { mono: clock.mono(), wall: clock.wall(), random: clock.random };
    const { changes, reply } = apply(state, { type: "endLeases", message }, new Map(), now);
    for (const change of changes) await writer.put(change);
    await writer.flush();
    interrupted += reply.ended;
    if (reply.left === 0) return interrupted;
  }
}

/**
 * Far above both lives that are known. One backup may be restored several times, and each of these lives knows nothing of
 * the others: so the time is counted in too, in tenths of a minute since 2020, which no job can be leased as often as.
 */
function floorsAbove(known: readonly Floors[], lastEvent: number, wall: number): Floors {
  const sixSeconds = Math.floor((wall - Date.UTC(2020, 0, 1)) / 6_000);
  const fence = Math.max(...known.map((floors) => floors.fence)) + BEYOND;
  const event = Math.max(lastEvent, ...known.map((floors) => floors.event)) + BEYOND;
  return { fence: Math.max(fence, sixSeconds), event, lastEvent };
}

/** Gathers changes into commits of a size that every store takes. */
class Writer {
  readonly #store: Store;
  readonly #election: Election;
  #sequence = 0;
  #changes = new Map<string, Change>();
  #characters = 0;

  constructor(store: Store, election: Election) {
    this.#store = store;
    this.#election = election;
  }

  async put(change: Change): Promise<void> {
    this.#changes.set(docKey(change), change);
    this.#characters += sizeOf(change.doc);
    if (this.#changes.size >= CHANGES || this.#characters >= CHARACTERS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#changes.size === 0) return;
    const changes = [...this.#changes.values()];
    this.#changes = new Map();
    this.#characters = 0;
    this.#sequence += 1;
    await this.#store.commit({ election: this.#election, sequence: this.#sequence, changes });
  }
}

function sizeOf(doc: Document | null): number {
  return doc === null ? 0 : JSON.stringify(doc).length;
}

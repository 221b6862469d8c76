/**
 * The promises a store makes. It keeps documents in declared collections and knows nothing of jobs, so a feature adds a
 * collection and never code here.
 *
 * Order of calls: `open` once, then any number of `commit`, `get`, `list`, `last` at the same time, then `close`.
 * Only one `commit` runs at a time (the committer sees to it); reads never wait for a commit.
 *
 * 1. A commit is all or nothing, and durable (on the disk, not in a cache) before its promise resolves.
 * 2. A commit carries the election it was made under and a sequence that counts up by one from 1 within the election;
 *    any other is refused with `StoreFenced` and leaves no trace, also when another process opened the store since.
 * 3. A commit that rejects with anything but `StoreFenced` or `StoreExpectation` has an unknown outcome: it may have
 *    landed. It is never sent again; the caller opens a new election and loads.
 * 4. `get`, `list` and `last` show committed documents only, and every commit whose promise resolved before the call.
 * 5. Several dispatchers may share a store that allows it: one of them is the queen, the others get `StoreHeld` from
 *    `open` and ask again with a new handle. Safety never rests on time: whoever was elected last can commit, nobody
 *    else. Only how soon another is elected, and answers that commit nothing, rest on the term (`leader/watch.ts`).
 * 6. Each document carries a checksum; one that does not match rejects with `StoreCorrupt` naming the document, and
 *    never reads as another value.
 *
 * `contract.suite.ts` holds every adapter to this.
 */

import type { Change, CollectionDeclaration, Document, Key } from "@hive/core";

/** Who may write: `epoch` rises with every `open`, `electionId` is random. */
export interface Election {
  readonly epoch: number;
  readonly electionId: string;
  /** The format of the documents in the store. */
  readonly format: number;
}

/**
 * Where a store stands for the process that leads: its election, and the last commit of it that was acknowledged. A store
 * that lost that commit (a replica took its place, or it was started again without the last second) is not the one the
 * election was won on, although the election's name may be in it.
 */
export interface StorePosition extends Pick<Election, "epoch" | "electionId"> {
  /** 0: none yet. */
  readonly sequence: number;
}

export interface Commit {
  readonly election: Election;
  /** 1 for the first commit of an election, then one more each time. */
  readonly sequence: number;
  readonly changes: readonly Change[];
  /** Refused with `StoreExpectation`, whole, unless each of these documents is absent. */
  readonly expectAbsent?: readonly Key[];
}

/** Documents with all `equals` fields, in order of the index's range field (or of the id without an index). */
export interface Query {
  readonly collection: string;
  /** A declared index; without it documents come in order of id. */
  readonly index?: string;
  /** Exactly the `equals` fields the index declares. */
  readonly equals?: Readonly<Record<string, string | number | boolean>>;
  /** Only beyond this range value and id (exclusive), as a page's `next` gave it. */
  readonly after?: Cursor;
  /** Only range values (or ids, without an index) at or above / below this. */
  readonly from?: number | string;
  readonly below?: number | string;
  readonly order?: "ascending" | "descending";
  /** 1 … 1,000, how many a page may have. Default 100. */
  readonly limit?: number;
}

export interface Cursor {
  readonly range: number | string;
  readonly id: string;
}

/** At most as many documents as the query's `limit`, and fewer where they are large: see `PAGE_BYTES`. */
export interface Page {
  readonly items: readonly { readonly id: string; readonly doc: Document }[];
  /** Give this as `after` for the rest; null at the end. */
  readonly next: Cursor | null;
}

/**
 * A page ends with the document that makes its texts this long, in characters or bytes, whatever the `limit`; it has at
 * least one. A job's body may have many megabytes: a hundred of them at once stop Redis, or this process, for seconds.
 */
export const PAGE_BYTES: number = 4 * 1024 * 1024;

export interface Store {
  /** A short name for people: `sqlite`, `memory`. */
  readonly name: string;
  /** Several dispatchers may have it open: one that stops hands the leadership over first. Absent: one process at a time. */
  readonly shared?: boolean;
  /**
   * Takes the store for this process and begins a new election. Its epoch is one more than the last, or `minEpoch` where
   * that is higher: a restored store is put above everything that its other life can have had.
   * @throws StoreInUse when another process holds it. @throws StoreHeld while another dispatcher is the queen.
   * @throws StoreSecretsDiffer, StoreCorrupt, StoreTooNew, StoreTooOld
   */
  open(collections: readonly CollectionDeclaration[], minEpoch?: number): Promise<Election>;
  /** All documents of an index's value (or of a collection), in pages, for building the state at a start. */
  load(
    query: Omit<Query, "after" | "limit">,
  ): AsyncIterable<readonly { readonly id: string; readonly doc: Document }[]>;
  /** The documents, null where there is none, in the order asked. */
  get(keys: readonly Key[]): Promise<readonly (Document | null)[]>;
  /** @throws RangeError for an undeclared collection, index or filter. */
  list(query: Query): Promise<Page>;
  /** @throws StoreFenced @throws StoreExpectation; anything else is an unknown outcome. */
  commit(commit: Commit): Promise<void>;
  /**
   * True while nobody else can have been elected: a renewal or a commit of this election that was *sent* less than half a
   * term ago was accepted. Always true for stores that one process holds by a lock. An answer that commits nothing is
   * given only while it is true, or after `confirm` made it so.
   */
  readonly confirmed: boolean;
  /**
   * Renews this election; resolves at once while that is fresh (sent less than a quarter of a term ago).
   * @throws StoreFenced when another was elected; anything else is an unknown outcome.
   */
  confirm(): Promise<void>;
  /**
   * Waits for the running commit, then lets go of the store: the next `open` of anybody succeeds at once, unless a commit
   * failed before. Safe to call twice, and on a handle whose `open` failed.
   */
  close(): Promise<void>;
}

/** The commit came from an old election or out of sequence: somebody else is the queen. */
export class StoreFenced extends Error {
  override readonly name = "StoreFenced";
}

/** A document that had to be absent is there; nothing was written. */
export class StoreExpectation extends Error {
  override readonly name = "StoreExpectation";
}

/** Another process holds the store. The message says which and what to do. */
export class StoreInUse extends Error {
  override readonly name = "StoreInUse";
}

/** Another dispatcher on this store is the queen, and was heard of less than a term ago. */
export class StoreHeld extends Error {
  override readonly name = "StoreHeld";
  /** Where the queen is reached; null when that is not known, or not proven to be one of ours. */
  readonly queen: { readonly url: string } | null;

  constructor(message: string, queen: { readonly url: string } | null) {
    super(message);
    this.queen = queen;
  }
}

/**
 * The dispatchers of this store have other secrets than this one: it could neither read their tokens nor they its own.
 * Other secrets are taken over only by the first `open` after all dispatchers stopped cleanly (the record is released).
 */
export class StoreSecretsDiffer extends Error {
  override readonly name = "StoreSecretsDiffer";
}

/** A stored document, or the file itself, is not what was written. */
export class StoreCorrupt extends Error {
  override readonly name = "StoreCorrupt";
}

/** The store was written by a newer Hive. */
export class StoreTooNew extends Error {
  override readonly name = "StoreTooNew";
}

/** The store was written by a Hive so old that this one cannot read it. The message says what to do. */
export class StoreTooOld extends Error {
  override readonly name = "StoreTooOld";
}

/**
 * The embedded store: one SQLite file, nothing to install. This side checks queries, turns documents into text and back,
 * and hands the work to two threads: one that writes, one that reads. So a slow disk never stops the event loop, and a
 * read never waits for a flush.
 */

import { randomUUID } from "node:crypto";
import type { CollectionDeclaration, Document, Key } from "@hive/core";
import {
  type Commit,
  type Election,
  type Page,
  type Query,
  type Store,
  StoreExpectation,
  StoreFenced,
} from "../contract.ts";
import {
  type Column,
  type CompiledCollection,
  type CompiledQuery,
  canBeId,
  checkId,
  collectionOf,
  compileCollections,
  compileQuery,
  encodeDocument,
  indexColumns,
} from "../declared.ts";
import type { RawPage, ReaderCalls, WriterCalls } from "./calls.ts";
import { Thread } from "./thread.ts";

/** Documents per page of `load`: parsing one page keeps the event loop for some milliseconds. */
const LOAD_PAGE = 2000;

const WRITER = new URL("./writer-thread.ts", import.meta.url);
const READER = new URL("./reader-thread.ts", import.meta.url);

interface Opened {
  readonly writer: Thread<WriterCalls>;
  readonly reader: Thread<ReaderCalls>;
  readonly declarations: readonly CollectionDeclaration[];
  readonly collections: Map<string, CompiledCollection>;
}

export class SqliteStore implements Store {
  readonly name = "sqlite";
  /** The file's lock is held as long as this process lives: nobody else can be elected. */
  readonly confirmed = true;
  readonly #path: string;
  #opened: Opened | null = null;
  #used = false;
  /** Set once the outcome of a commit is unknown: this election writes nothing more. */
  #failed = false;
  #running: Promise<unknown> = Promise.resolve();

  /** @param path the database file, such as `hive-data/hive.db`; it and its folder are made when missing */
  constructor(path: string) {
    this.#path = path;
  }

  async open(declarations: readonly CollectionDeclaration[], minEpoch = 1): Promise<Election> {
    if (this.#used) throw new Error("this store was opened before: make a new one to open it again");
    this.#used = true;
    const collections = compileCollections(declarations);
    const writer = new Thread<WriterCalls>(WRITER, "writer");
    const reader = new Thread<ReaderCalls>(READER, "reader");
    try {
      const command = process.argv.slice(1).join(" ").slice(0, 200);
      const asked = { path: this.#path, declarations, electionId: randomUUID(), minEpoch, command };
      const election = await writer.call("open", asked);
      await reader.call("open", { path: this.#path, declarations });
      this.#opened = { writer, reader, declarations, collections };
      return election;
    } catch (error) {
      await writer.call("close", null).catch(() => {});
      await Promise.all([writer.terminate(), reader.terminate()]);
      throw error;
    }
  }

  async get(keys: readonly Key[]): Promise<readonly (Document | null)[]> {
    const { reader, collections } = this.#open();
    if (keys.length === 0) return [];
    const lists = await reader.call("get", flatKeys(collections, keys));
    return lists.flatMap((json) => JSON.parse(json) as (Document | null)[]);
  }

  async list(query: Query): Promise<Page> {
    const { reader, collections } = this.#open();
    const page = await reader.call("list", compileQuery(collections, query));
    return { items: parse(page), next: page.next };
  }

  async *load(query: Omit<Query, "after" | "limit">): AsyncGenerator<Page["items"]> {
    const { reader, collections } = this.#open();
    const compiled: CompiledQuery = { ...compileQuery(collections, query), limit: LOAD_PAGE };
    let coming: Promise<RawPage> | null = reader.call("list", compiled);
    while (coming !== null) {
      const page: RawPage = await coming;
      // The thread reads the next page while this one is parsed and used.
      coming = page.next === null ? null : reader.call("list", { ...compiled, after: page.next });
      coming?.catch(() => {});
      if (page.ids.length > 0) yield parse(page);
    }
  }

  async commit({ election, sequence, changes, expectAbsent }: Commit): Promise<void> {
    const { writer, collections } = this.#open();
    if (this.#failed) throw new StoreFenced("a commit of this election failed before: open the store again");
    const flat: Column[] = [];
    for (const { collection, id, doc } of changes) {
      const compiled = collectionOf(collections, collection);
      flat.push(compiled.number, checkId(id), doc === null ? null : encodeDocument(doc));
      if (doc !== null) flat.push(...indexColumns(compiled, doc));
    }
    const absent = flatKeys(collections, expectAbsent ?? []);
    const done = writer.call("commit", { election, sequence, absent, changes: flat });
    this.#running = done.catch(() => {});
    try {
      await done;
    } catch (error) {
      if (!(error instanceof StoreFenced || error instanceof StoreExpectation)) this.#failed = true;
      throw error;
    }
  }

  async confirm(): Promise<void> {
    this.#open();
  }

  /**
   * Reads the whole file while the store runs and says what is damaged; empty when nothing is. `open` does this by
   * itself only for small files.
   */
  async verify(): Promise<readonly string[]> {
    return this.#inOwnThread((thread) => thread.call("verify", null));
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null) return;
    await this.#running;
    const { reader, writer } = opened;
    // The writer last: the connection that closes last moves the log into the database and removes it.
    await reader.call("close", null).catch(() => {});
    await reader.terminate();
    try {
      await writer.call("close", null);
    } finally {
      await writer.terminate();
    }
  }

  /** Long reads get a thread and a connection of their own, so that short ones do not wait behind them. */
  async #inOwnThread<T>(work: (thread: Thread<ReaderCalls>) => Promise<T>): Promise<T> {
    const { declarations } = this.#open();
    const thread = new Thread<ReaderCalls>(READER, "copying");
    try {
      await thread.call("open", { path: this.#path, declarations });
      const result = await work(thread);
      await thread.call("close", null);
      return result;
    } finally {
      await thread.terminate();
    }
  }

  #open(): Opened {
    if (this.#opened === null) throw new Error("the store is not open");
    return this.#opened;
  }
}

function flatKeys(collections: ReadonlyMap<string, CompiledCollection>, keys: readonly Key[]): Column[] {
  // SQLite would look for another text than the one given; the empty one is nobody's id.
  return keys.flatMap(({ collection, id }) => [collectionOf(collections, collection).number, canBeId(id) ? id : ""]);
}

function parse({ ids, json }: RawPage): Page["items"] {
  const documents = JSON.parse(json) as Document[];
  return documents.map((doc, i) => ({ id: ids[i] ?? "", doc }));
}

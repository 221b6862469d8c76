/**
 * The store for several dispatchers: documents and indexes in Redis, one script for each commit. Redis runs one script at
 * a time, so the election and the sequence are checked in the same step that writes, and nobody sees half a commit.
 *
 * What Redis acknowledged is as safe as its settings: `durability.ts` looks at them before a store is opened.
 */

import type { CollectionDeclaration, Document, Key } from "@hive/core";
import type { Leadership } from "../../leader/leadership.ts";
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
  canBeId,
  type CompiledCollection,
  type CompiledQuery,
  collectionOf,
  compileCollections,
  compileQuery,
  cursorOf,
} from "../declared.ts";
import { checkWhole } from "./check-whole.ts";
import { commitArguments } from "./commit-arguments.ts";
import type { RedisConnection, RedisScript } from "./connection.ts";
import { declareIndexes } from "./declare-indexes.ts";
import { corrupt, decode } from "./documents.ts";
import { elect, release, renew, throwIfFenced } from "./election.ts";
import { redisKeys, type RedisKeys } from "./keys.ts";
import { LIST, listArguments } from "./list-script.ts";
import { maybeTextsIn, pageIn, pairsIn, textsIn } from "./replies.ts";
import { commitScript, GET } from "./scripts.ts";
import { Shapes } from "./shapes.ts";

/** Documents per page of `load`: parsing one page keeps the event loop for some milliseconds. */
const LOAD_PAGE = 1000;

export interface RedisStoreOptions {
  /** For elections, renewals and commits. Shared by all handles of a process; `close` of a store leaves it open. */
  readonly writing: RedisConnection;
  /** For everything else, so that a renewal never waits behind a page of documents. */
  readonly reading: RedisConnection;
  /** `HIVE_REDIS_PREFIX` */
  readonly prefix: string;
  readonly leadership: Leadership;
  /** Milliseconds of a clock that never goes back. */
  readonly mono: () => number;
  /** Runs before this handle looks who leads, and before it elects itself; each refuses by throwing. Default: nothing. */
  readonly beforeLook?: () => Promise<void>;
  readonly beforeElection?: () => Promise<void>;
}

interface Opened {
  readonly election: Election;
  readonly collections: ReadonlyMap<string, CompiledCollection>;
  readonly shapes: Shapes;
  readonly commitScript: RedisScript;
}

export class RedisStore implements Store {
  readonly name = "redis";
  readonly shared = true;
  readonly #options: RedisStoreOptions;
  readonly #keys: RedisKeys;
  #opened: Opened | null = null;
  #used = false;
  /** Set once the outcome of a commit is unknown, or another was elected: this election writes nothing more. */
  #failed = false;
  #running: Promise<unknown> = Promise.resolve();
  #renewing: Promise<void> | null = null;
  /** The last commit that was acknowledged. */
  #sequence = 0;
  /** When the last accepted renewal or commit was sent. */
  #acceptedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#keys = redisKeys(options.prefix);
  }

  async open(declarations: readonly CollectionDeclaration[], minEpoch = 1): Promise<Election> {
    if (this.#used) throw new Error("this store was opened before: make a new one to open it again");
    this.#used = true;
    const { writing: connection, leadership, beforeLook, beforeElection = async () => {} } = this.#options;
    const keys = this.#keys;
    const collections = compileCollections(declarations);
    await beforeLook?.();
    const election = await elect({
      connection,
      keys,
      leadership,
      minEpoch,
      beforeElection: async () => {
        await beforeElection();
        this.#acceptedAt = this.#options.mono();
      },
    });
    const shapes = new Shapes();
    try {
      shapes.load(pairsIn(await connection.command(["HGETALL", keys.shapes])));
      await declareIndexes({ connection, keys, election, shapes, declarations, collections });
      await checkWhole({ connection, keys, election, shapes, collections });
    } catch (error) {
      // Elected, but not of any use: another may try at once.
      await release(connection, keys, election).catch(() => {});
      throw error;
    }
    this.#opened = { election, collections, shapes, commitScript: commitScript(collections.values()) };
    return election;
  }

  async get(wanted: readonly Key[]): Promise<readonly (Document | null)[]> {
    const { collections, shapes } = this.#open();
    if (wanted.length === 0) return [];
    // By collection, as the script wants it; each knows its place among those asked for.
    const groups = new Map<string, { readonly id: string; readonly place: number }[]>();
    for (const [place, { collection, id }] of wanted.entries()) {
      collectionOf(collections, collection);
      // Redis would look for another text than the one given, where it is not one that UTF-8 can hold.
      if (!canBeId(id)) continue;
      const group = groups.get(collection);
      if (group === undefined) groups.set(collection, [{ id, place }]);
      else group.push({ id, place });
    }
    const args = [this.#keys.start];
    for (const [collection, group] of groups) {
      args.push(collection, String(group.length));
      for (const { id } of group) args.push(id);
    }
    const found: (Document | null)[] = wanted.map(() => null);
    if (groups.size === 0) return found;
    const texts = maybeTextsIn(await this.#options.reading.script(GET, [this.#keys.meta], args));
    let next = 0;
    for (const [collection, group] of groups) {
      for (const { id, place } of group) {
        const text = texts[next];
        next += 1;
        if (text != null) found[place] = decode(collection, id, text, shapes);
      }
    }
    return found;
  }

  async list(query: Query): Promise<Page> {
    return this.#page(compileQuery(this.#open().collections, query));
  }

  async *load(query: Omit<Query, "after" | "limit">): AsyncGenerator<Page["items"]> {
    const compiled: CompiledQuery = { ...compileQuery(this.#open().collections, query), limit: LOAD_PAGE };
    let coming: Promise<Page> | null = this.#page(compiled);
    while (coming !== null) {
      const page: Page = await coming;
      // Redis looks for the next page while this one is used.
      coming = page.next === null ? null : this.#page({ ...compiled, after: page.next });
      coming?.catch(() => {});
      if (page.items.length > 0) yield page.items;
    }
  }

  async commit({ election, sequence, changes, expectAbsent = [] }: Commit): Promise<void> {
    const { collections, shapes, commitScript: script } = this.#open();
    if (this.#failed) throw new StoreFenced("a commit of this election failed before: open the store again");
    const absent = expectAbsent.filter(({ collection, id }) => collectionOf(collections, collection) && canBeId(id));
    const keys = this.#keys;
    const args = commitArguments({ keys, collections, shapes, election, sequence, absent, changes });
    const sent = this.#options.mono();
    const done = this.#options.writing.script(script, [keys.meta, keys.shapes], args);
    this.#running = done.catch(() => {});
    let answer: readonly string[];
    try {
      answer = textsIn(await done);
    } catch (error) {
      this.#failed = true;
      throw error;
    }
    throwIfFenced(answer, `commit ${sequence}`, election);
    if (answer[0] === "there") throw new StoreExpectation(`${answer[1]}/${answer[2]} is there already`);
    shapes.stored();
    this.#sequence = sequence;
    this.#acceptedAt = Math.max(this.#acceptedAt, sent);
  }

  get confirmed(): boolean {
    return this.#isFresh(this.#options.leadership.termMs / 2);
  }

  async confirm(): Promise<void> {
    const { election } = this.#open();
    if (this.#failed) throw new StoreFenced("a commit of this election failed before: open the store again");
    if (this.#isFresh(this.#options.leadership.termMs / 4)) return;
    this.#renewing ??= this.#renew(election).finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null) return;
    await this.#running;
    // Nobody follows sooner than a term then. That costs time; an end that fails because Redis is away helps nobody.
    if (!this.#failed) await release(this.#options.writing, this.#keys, opened.election).catch(() => {});
  }

  async #renew(election: Election): Promise<void> {
    const sent = this.#options.mono();
    await renew(this.#options.writing, this.#keys, election, this.#sequence);
    this.#acceptedAt = Math.max(this.#acceptedAt, sent);
  }

  #isFresh(ms: number): boolean {
    return this.#opened !== null && !this.#failed && this.#options.mono() - this.#acceptedAt < ms;
  }

  async #page(query: CompiledQuery): Promise<Page> {
    const { shapes } = this.#open();
    const { collection, index, equals } = query;
    const { name } = collection;
    const set = index === null ? this.#keys.ids(name) : this.#keys.index(name, index.name, equals);
    const { ids, texts, more } = pageIn(
      await this.#options.reading.script(LIST, [set, this.#keys.documents(name)], listArguments(query)),
    );
    const items = ids.map((id, i) => {
      const text = texts[i];
      // The index names a document that is not there: one of the two is not what was written.
      if (text == null) throw corrupt(name, id);
      return { id, doc: decode(name, id, text, shapes) };
    });
    const last = items.at(-1);
    return { items, next: more && last !== undefined ? cursorOf(query, last.id, last.doc) : null };
  }

  #open(): Opened {
    if (this.#opened === null) throw new Error("the store is not open");
    return this.#opened;
  }
}

/**
 * The store without a disk: for tests, and for the simulation, which needs thousands of stores a second that fail on
 * request. Its durable part is a `MemoryContent` that outlives the store, so a crash is a new store over the same content.
 */

import { randomUUID } from "node:crypto";
import type { CollectionDeclaration, Document, Key } from "@hive/core";
import type { Leadership } from "../../leader/leadership.ts";
import {
  PAGE_BYTES,
  type Commit,
  type Election,
  type Page,
  type Query,
  type Store,
  StoreExpectation,
  StoreFenced,
  StoreInUse,
  StoreTooNew,
} from "../contract.ts";
import {
  type CompiledCollection,
  type CompiledQuery,
  checkId,
  collectionOf,
  compileQuery,
  cursorOf,
  encodeDocument,
} from "../declared.ts";
import { MemoryContent } from "./memory-content.ts";
import { type LeaderFaults, MemoryLeader } from "./memory-leader.ts";
import { compareKeys, type OrderedKeys } from "./ordered-keys.ts";

/** The newest format of documents this adapter knows. */
const FORMAT = 1;
const LOAD_PAGE = 1000;

/** What `beforeCommit` may ask for besides waiting and throwing. */
export interface LateCommit {
  /** The caller's promise rejects with this at once ... */
  readonly failsWith: Error;
  /** ... and the commit is checked and lands when this resolves: like a network store's write after its time-out. */
  readonly landsAfter: Promise<void>;
}

/** Where a test makes commits fail. A hook that never resolves and a `crash()` are a death at that point. */
export interface MemoryFaults extends LeaderFaults {
  /** Before a commit is checked. Wait to delay it; throw to fail it without a trace; or let it land late. */
  readonly beforeCommit?: (commit: Commit) => void | LateCommit | Promise<void | LateCommit>;
  /** After a commit landed, before its promise resolves. Wait to delay the answer; throw to land and then fail. */
  readonly afterCommit?: (commit: Commit) => void | Promise<void>;
  /** Before each `get`, `list` and page of `load`. Wait or throw. */
  readonly beforeRead?: () => void | Promise<void>;
}

export interface MemoryStoreOptions {
  /** What is on the "disk". Default: nothing yet. */
  readonly content?: MemoryContent;
  readonly faults?: MemoryFaults;
  /**
   * `exclusive`: a second opener gets `StoreInUse`, as with SQLite. `takeover`: it fences the first. Default `exclusive`;
   * without meaning where `shared` is given.
   */
  readonly openers?: "exclusive" | "takeover";
  /** For several dispatchers, as with Redis: one leads, the others get `StoreHeld` until she is not heard of any more. */
  readonly shared?: { readonly leadership: Leadership; readonly mono: () => number };
  /** Makes the random `electionId`. Default: `randomUUID`; a simulation passes its seeded one. */
  readonly newElectionId?: () => string;
}

/** What is written, ready to land. */
interface Encoded {
  readonly collection: CompiledCollection;
  readonly id: string;
  readonly json: string | null;
}

export class MemoryStore implements Store {
  readonly name = "memory";
  readonly #content: MemoryContent;
  readonly #options: MemoryStoreOptions;
  readonly #leader: MemoryLeader | null;
  #collections: Map<string, CompiledCollection> = new Map();
  #state: "new" | "open" | "closed" | "crashed" = "new";
  #failed = false;
  #electionId = "";
  #running: Promise<void> = Promise.resolve();

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options;
    this.#content = options.content ?? new MemoryContent();
    const newElectionId = options.newElectionId ?? randomUUID;
    this.#leader =
      options.shared === undefined
        ? null
        : new MemoryLeader({ ...options.shared, content: this.#content, newElectionId, faults: options.faults ?? {} });
  }

  async open(declarations: readonly CollectionDeclaration[], minEpoch = 1): Promise<Election> {
    const content = this.#content;
    if (this.#state !== "new") throw new Error(`the store is ${this.#state}: make a new one to open it again`);
    if (content.format > FORMAT) {
      throw new StoreTooNew(`the store has format ${content.format}, this Hive knows up to ${FORMAT}`);
    }
    if (this.#leader !== null) return this.#openShared(this.#leader, declarations, minEpoch);
    if (this.#options.openers !== "takeover") {
      if (content.holder !== null) throw new StoreInUse("another store in this process has this content open");
      content.holder = this;
    }
    try {
      this.#collections = content.declare(declarations);
    } catch (error) {
      if (content.holder === this) content.holder = null;
      throw error;
    }
    content.epoch = Math.max(content.epoch + 1, minEpoch);
    content.electionId = (this.#options.newElectionId ?? randomUUID)();
    content.sequence = 0;
    this.#electionId = content.electionId;
    this.#state = "open";
    return { epoch: content.epoch, electionId: content.electionId, format: content.format };
  }

  async #openShared(
    leader: MemoryLeader,
    declarations: readonly CollectionDeclaration[],
    minEpoch: number,
  ): Promise<Election> {
    const content = this.#content;
    await leader.elect(minEpoch);
    await this.#checkAlive();
    this.#collections = content.declare(declarations);
    const { epoch, electionId } = leader.election;
    this.#state = "open";
    return { epoch, electionId, format: content.format };
  }

  /** The process dies here: nothing it was asked to do is answered any more, and the content is free for the next store. */
  crash(): void {
    this.#state = "crashed";
    if (this.#content.holder === this) this.#content.holder = null;
  }

  async get(keys: readonly Key[]): Promise<readonly (Document | null)[]> {
    await this.#beforeRead();
    return keys.map(({ collection, id }) => {
      const json = this.#content.read(collectionOf(this.#collections, collection), id);
      return json === null ? null : (JSON.parse(json) as Document);
    });
  }

  async list(query: Query): Promise<Page> {
    await this.#beforeRead();
    return this.#page(compileQuery(this.#collections, query));
  }

  async *load(query: Omit<Query, "after" | "limit">): AsyncGenerator<Page["items"]> {
    await this.#beforeRead();
    let compiled: CompiledQuery = { ...compileQuery(this.#collections, query), limit: LOAD_PAGE };
    for (;;) {
      const { items, next } = this.#page(compiled);
      if (items.length > 0) yield items;
      if (next === null) return;
      await this.#beforeRead();
      compiled = { ...compiled, after: next };
    }
  }

  async commit(commit: Commit): Promise<void> {
    this.#checkOpen();
    const encoded = commit.changes.map(({ collection, id, doc }) => ({
      collection: collectionOf(this.#collections, collection),
      id: checkId(id),
      json: doc === null ? null : encodeDocument(doc),
    }));
    const absent = (commit.expectAbsent ?? []).map(({ collection, id }) => ({
      collection: collectionOf(this.#collections, collection),
      id,
    }));
    const sentAt = this.#options.shared?.mono() ?? 0;
    const done = this.#running.then(() => this.#run(commit, encoded, absent));
    this.#running = done.catch(() => {});
    await done;
    this.#leader?.accepted(sentAt);
  }

  get shared(): boolean {
    return this.#options.shared !== undefined;
  }

  get confirmed(): boolean {
    return this.#leader?.confirmed ?? this.#ownsElection();
  }

  async confirm(): Promise<void> {
    this.#checkOpen();
    if (this.#state === "crashed") await this.#checkAlive();
    if (this.#leader !== null) {
      await this.#leader.confirm();
      return this.#checkAlive();
    }
    if (!this.#ownsElection()) throw new StoreFenced("another store was elected since");
  }

  async close(): Promise<void> {
    if (this.#state === "crashed") return;
    await this.#running;
    const hasLed = this.#state === "open" && !this.#failed;
    this.#state = "closed";
    // A hand-over that fails costs the next one a term, and nobody else anything.
    if (hasLed) await this.#leader?.release().catch(() => undefined);
    if (this.#content.holder === this) this.#content.holder = null;
  }

  async #run(commit: Commit, encoded: readonly Encoded[], absent: readonly Omit<Encoded, "json">[]): Promise<void> {
    const { beforeCommit, afterCommit } = this.#options.faults ?? {};
    try {
      const late = beforeCommit === undefined ? undefined : await beforeCommit(commit);
      if (late) {
        void late.landsAfter.then(() => this.#land(commit, encoded, absent)).catch(() => {});
        throw late.failsWith;
      }
      await this.#checkAlive();
      if (this.#failed) throw new StoreFenced("a commit of this election failed before: open the store again");
      this.#land(commit, encoded, absent);
      if (afterCommit !== undefined) await afterCommit(commit);
      await this.#checkAlive();
    } catch (error) {
      if (!(error instanceof StoreFenced || error instanceof StoreExpectation)) this.#failed = true;
      await this.#checkAlive();
      throw error;
    }
  }

  #land(commit: Commit, encoded: readonly Encoded[], absent: readonly Omit<Encoded, "json">[]): void {
    const content = this.#content;
    const { election, sequence } = commit;
    if (election.epoch !== content.epoch || election.electionId !== content.electionId) {
      throw new StoreFenced(`election ${election.epoch} is over: the store is at election ${content.epoch}`);
    }
    if (sequence !== content.sequence + 1) {
      throw new StoreFenced(`commit ${sequence} came after commit ${content.sequence} of this election`);
    }
    for (const { collection, id } of absent) {
      if (content.has(collection, id)) throw new StoreExpectation(`${collection.name}/${id} is there already`);
    }
    content.sequence = sequence;
    for (const { collection, id, json } of encoded) {
      if (json === null) content.remove(collection, id);
      else content.put(collection, id, json);
    }
  }

  #page(query: CompiledQuery): Page {
    const { collection, index } = query;
    const keys = this.#content.keys(collection, index?.name ?? null, query.equals);
    const [low, high] = bounds(keys, query);
    const items: { id: string; doc: Document }[] = [];
    const step = query.descending ? -1 : 1;
    let place = query.descending ? high - 1 : low;
    let size = 0;
    for (; place >= low && place < high && items.length < query.limit && size < PAGE_BYTES; place += step) {
      const id = keys.at(place)?.id ?? "";
      const json = this.#content.read(collection, id);
      if (json === null) continue;
      items.push({ id, doc: JSON.parse(json) as Document });
      size += json.length;
    }
    const last = items.at(-1);
    const more = place >= low && place < high;
    return { items, next: more && last !== undefined ? cursorOf(query, last.id, last.doc) : null };
  }

  async #beforeRead(): Promise<void> {
    this.#checkOpen();
    await this.#options.faults?.beforeRead?.();
    await this.#checkAlive();
  }

  #ownsElection(): boolean {
    return this.#electionId === this.#content.electionId;
  }

  #checkOpen(): void {
    if (this.#state !== "open" && this.#state !== "crashed") throw new Error(`the store is not open (${this.#state})`);
  }

  /** A dead process answers nobody. */
  async #checkAlive(): Promise<void> {
    if (this.#state === "crashed") await new Promise<never>(() => {});
  }
}

/** The half-open range of places that a query covers, its cursor included. */
function bounds(keys: OrderedKeys, query: CompiledQuery): [low: number, high: number] {
  // In order of id, every range is 0 and the bounds are ids.
  const key = (bound: number | string, id: string) =>
    typeof bound === "number" ? { range: bound, id } : { range: 0, id: bound };
  let low = 0;
  let high = keys.size;
  const { from, below, after } = query;
  if (from !== null) low = keys.before((other) => compareKeys(other, key(from, "")) < 0);
  if (below !== null) high = keys.before((other) => compareKeys(other, key(below, "")) < 0);
  if (after !== null) {
    const edge = key(after.range, after.id);
    if (query.descending)
      high = Math.min(
        high,
        keys.before((other) => compareKeys(other, edge) < 0),
      );
    else
      low = Math.max(
        low,
        keys.before((other) => compareKeys(other, edge) <= 0),
      );
  }
  return [low, high];
}

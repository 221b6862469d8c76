/**
 * The committer: the one place where the queue's rules meet the store. It applies commands one after the other in order
 * of arrival, writes their changes as one atomic batch, and lets nobody know anything before that batch is durable.
 * While one batch is being flushed the next gathers, so one fsync pays for everything that arrived meanwhile.
 *
 * When a commit fails, or its outcome is unknown, the state in memory can no longer be trusted: both batches are
 * dropped, their callers get 503, and the committer takes a new election and loads everything from the store again. A
 * commit is never sent a second time.
 */

import {
  apply,
  COLLECTIONS,
  createState,
  docKey,
  HiveError,
  lacking,
  nextDeadline,
  type Command,
  type CommandOf,
  type CommandType,
  type Document,
  type Effect,
  type Key,
  type Replies,
  type Rules,
  type State,
} from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Election, Store } from "../store/contract.ts";
import { Batch, type Waiter } from "./batch.ts";
import type { Queue, Readiness } from "./contract.ts";
import { loadState } from "./load.ts";
import { RecentBodies } from "./recent-bodies.ts";

/** Changes one commit may hold before the committer waits for the flush; what a store adapter must take. */
const BATCH_CHANGES = 5000;
/** Commands whose documents are read together. */
const READ_AHEAD = 1000;
/** Turns of the microtask queue that a woken claim needs to be submitted. */
const WAKE_HOPS = 4;
/** The longest pause between two looks at the clock, in milliseconds. */
const TICK_MS = 250;
/** Back-off of a new election, in milliseconds. */
const RECOVER_MIN_MS = 50;
const RECOVER_MAX_MS = 5000;

export interface CommitterOptions {
  /** Makes the store's handle; called again for each new election. */
  readonly openStore: () => Store;
  readonly rules: Rules;
  readonly clock: Clock;
  /** Called when a commit failed or a listener threw: for the log. */
  readonly onTrouble: (message: string, error: unknown) => void;
  /** Milliseconds and changes of each commit: for the metrics. */
  readonly onCommit?: (ms: number, changes: number) => void;
}

interface Pending {
  readonly command: Command;
  readonly resolve: (reply: Replies[CommandType]) => void;
  readonly reject: (error: Error) => void;
}

type Phase = "starting" | "ready" | "recovering" | "stopped";

export class Committer implements Queue {
  readonly #options: CommitterOptions;
  readonly #listeners = new Set<(effect: Effect) => void>();
  readonly #watchers = new Set<(readiness: Readiness) => void>();
  #phase: Phase = "starting";
  #store: Store;
  #state: State;
  #election: Election = { epoch: 0, electionId: "", format: 0 };
  #sequence = 0;
  #pending: Pending[] = [];
  #pumping = false;
  #gathering = new Batch();
  #flushing: Batch | null = null;
  /** Documents read for the commands being applied, kept true by every change since. */
  #docs = new Map<string, Document | null>();
  readonly #recent = new RecentBodies();
  #lastEvent = 0;
  #lastTick = 0;
  #sweeping = false;
  /** Work became ready while commands were applied, and whoever waits for it was woken. */
  #woke = false;
  #cancelTick: () => void = () => {};
  #flushed: () => void = () => {};

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#store = options.openStore();
    this.#state = createState(options.rules);
  }

  get storeName(): string {
    return this.#store.name;
  }

  readonly documents: Pick<Store, "get" | "list"> = {
    get: async (keys) => this.#recent.find(keys) ?? this.#store.get(keys),
    list: (query) => this.#store.list(query),
  };

  /** Takes the store, loads the live jobs and begins to answer. @throws what `Store.open` throws. */
  async start(): Promise<void> {
    await this.#elect();
    this.#tick();
  }

  /** Answers nothing more, waits for the running commit and lets go of the store. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#phase === "stopped") return;
    this.#cancelTick();
    while (this.#phase === "ready" && (this.#flushing !== null || this.#gathering.size > 0 || this.#pumping)) {
      this.#flush();
      await new Promise<void>((resolve) => {
        this.#flushed = resolve;
      });
    }
    this.#enter("stopped");
    this.#dropPending(new HiveError("not_ready", "the server is stopping; try again in a moment"));
    await this.#store.close();
  }

  readiness(): Readiness {
    if (this.#phase === "ready") return { ready: true };
    const why =
      this.#phase === "stopped" ? "the server is stopping" : `the store (${this.#store.name}) is being opened`;
    return { ready: false, role: this.#phase, why, retryAfterMs: 1000, queen: null };
  }

  onReadiness(listener: (readiness: Readiness) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    const readiness = this.readiness();
    for (const listener of this.#watchers) {
      try {
        listener(readiness);
      } catch (error) {
        this.#options.onTrouble("a listener for readiness broke", error);
      }
    }
  }

  election(): Election {
    return this.#election;
  }

  lastEvent(): number {
    return this.#lastEvent;
  }

  onEffect(listener: (effect: Effect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise<Replies[T]>((resolve, reject) => {
      // The reply belongs to the command's type: `apply` is typed by it, only the list of waiting commands is not.
      this.#pending.push({ command, resolve: (reply) => resolve(reply as Replies[T]), reject });
      this.#pump();
    });
  }

  read<R>(look: (state: State) => R): Promise<R> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise<R>((resolve, reject) => {
      try {
        const seen = look(this.#state);
        this.#whenDurable({ settle: () => resolve(seen), fail: reject });
      } catch (error) {
        reject(error);
      }
    });
  }

  #refusal(): HiveError | null {
    const readiness = this.readiness();
    return readiness.ready
      ? null
      : new HiveError("not_ready", `${readiness.why}; try again in a moment`, { retryAfterMs: readiness.retryAfterMs });
  }

  // ---- applying -----------------------------------------------------------------------------------------------------

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#applyAll().finally(() => {
      this.#pumping = false;
      if (this.#pending.length > 0 && this.#phase === "ready") this.#pump();
      else this.#flushed();
    });
  }

  async #applyAll(): Promise<void> {
    // One turn of the event loop's microtasks: requests that arrived together are read and applied together.
    await Promise.resolve();
    let next = 0;
    const queue = this.#pending;
    while (next < queue.length && this.#phase === "ready") {
      if (this.#gathering.size >= BATCH_CHANGES) {
        queue.splice(0, next);
        next = 0;
        await this.#flushOnce();
        continue;
      }
      const item = queue[next];
      if (item === undefined) break;
      if (this.#missing(item.command).length > 0) {
        if (await this.#readAhead(queue, next)) continue;
        return;
      }
      next += 1;
      this.#applyOne(item);
      if (next < queue.length || !this.#woke) continue;
      // Workers were woken: their claims arrive within a turn of microtasks and join this batch, so that a job that
      // somebody waits for costs one flush from enqueue to lease, and not two.
      this.#woke = false;
      for (let hop = 0; hop < WAKE_HOPS; hop += 1) await Promise.resolve();
    }
    // In place: `submit` appends to this same array, unless a failure has replaced it meanwhile.
    queue.splice(0, next);
    if (this.#docs.size > READ_AHEAD) this.#docs.clear();
    this.#flush();
  }

  /** What must be read from the store before this command can be applied, after what unflushed batches know. */
  #missing(command: Command): readonly Key[] {
    for (;;) {
      const wanted = lacking(this.#state, command, this.#docs);
      const missing = wanted.filter((key) => {
        const change = this.#gathering.find(docKey(key)) ?? this.#flushing?.find(docKey(key));
        if (change !== undefined) this.#docs.set(docKey(key), change.doc);
        return change === undefined;
      });
      // What was found may lead to more (the dependents of a dependent): ask again until nothing new turns up.
      if (missing.length === wanted.length) return missing;
    }
  }

  /**
   * Reads what the waiting commands need, in one call. Nothing is applied meanwhile, and documents that an unflushed
   * batch touches were taken from there, so what the store answers is the truth of this moment.
   */
  async #readAhead(queue: readonly Pending[], from: number): Promise<boolean> {
    const wanted = new Map<string, Key>();
    for (let i = from; i < Math.min(queue.length, from + READ_AHEAD); i += 1) {
      const command = queue[i]?.command;
      if (command === undefined) break;
      for (const key of this.#missing(command)) wanted.set(docKey(key), key);
    }
    const keys = [...wanted.values()];
    const store = this.#store;
    try {
      const found = await store.get(keys);
      if (store !== this.#store) return false;
      keys.forEach((key, i) => this.#docs.set(docKey(key), found[i] ?? null));
      return true;
    } catch (error) {
      if (store === this.#store) this.#fail("the store could not be read", error);
      return false;
    }
  }

  #applyOne(item: Pending): void {
    const { clock } = this.#options;
    try {
      const applied = apply(this.#state, item.command, this.#docs, {
        mono: clock.mono(),
        wall: clock.wall(),
        random: clock.random,
      });
      this.#gathering.add(applied.changes);
      for (const change of applied.changes) {
        // Only what somebody asked for: bodies can be large, and an unflushed batch is looked at anyway.
        const place = docKey(change);
        if (this.#docs.has(place)) this.#docs.set(place, change.doc);
      }
      for (const effect of applied.effects) {
        if (effect.type === "event") this.#gathering.lastEvent = effect.event.id;
      }
      const { reply } = applied;
      const later = applied.effects.filter((effect) => effect.type !== "ready");
      this.#whenDurable({ settle: () => item.resolve(reply), fail: item.reject }, later);
      // Not told of anything: only that it may be worth asking. What the asker then gets waits for this batch.
      for (const effect of applied.effects) {
        if (effect.type !== "ready") continue;
        this.#woke = true;
        this.#emit(effect);
      }
    } catch (error) {
      const refused = error instanceof Error ? error : new Error(String(error));
      // A refusal tells of the state too ("the id is taken"): it waits like any other answer.
      this.#whenDurable({ settle: () => item.reject(refused), fail: item.reject });
      if (!(error instanceof HiveError)) this.#options.onTrouble(`the command ${item.command.type} broke`, error);
    }
  }

  /** Lets `waiter` know once everything applied so far is durable. */
  #whenDurable(waiter: Waiter, effects: readonly Effect[] = []): void {
    const batch = this.#gathering.size > 0 ? this.#gathering : this.#flushing;
    if (batch === null) {
      waiter.settle();
      for (const effect of effects) this.#emit(effect);
      return;
    }
    batch.waiters.push(waiter);
    for (const effect of effects) batch.effects.push(effect);
  }

  // ---- flushing -----------------------------------------------------------------------------------------------------

  #flush(): void {
    if (this.#flushing !== null || this.#gathering.size === 0 || this.#phase !== "ready") return;
    const batch = this.#gathering;
    this.#gathering = new Batch();
    this.#flushing = batch;
    this.#sequence += 1;
    const store = this.#store;
    const begun = this.#options.clock.mono();
    const changes = batch.changes();
    store.commit({ election: this.#election, sequence: this.#sequence, changes }).then(
      () => {
        if (store !== this.#store || this.#flushing !== batch) return;
        this.#options.onCommit?.(this.#options.clock.mono() - begun, batch.size);
        this.#flushing = null;
        this.#recent.add(changes);
        if (batch.lastEvent > 0) this.#lastEvent = batch.lastEvent;
        this.#flush();
        for (const waiter of batch.waiters) waiter.settle();
        for (const effect of batch.effects) this.#emit(effect);
        this.#flushed();
      },
      (error: unknown) => {
        if (store === this.#store) this.#fail("a commit failed or its outcome is unknown", error);
      },
    );
  }

  /** Starts a flush if none runs and resolves when the running one is over, either way. */
  #flushOnce(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#flush();
      const batch = this.#flushing;
      if (batch === null) return resolve();
      batch.waiters.push({ settle: resolve, fail: () => resolve() });
    });
  }

  #emit(effect: Effect): void {
    for (const listener of this.#listeners) {
      try {
        listener(effect);
      } catch (error) {
        this.#options.onTrouble(`a listener for ${effect.type} broke`, error);
      }
    }
  }

  // ---- failing and coming back --------------------------------------------------------------------------------------

  #fail(what: string, error: unknown): void {
    if (this.#phase !== "ready") return;
    this.#enter("recovering");
    this.#options.onTrouble(`${what}; everything unconfirmed is dropped and the store is loaded again`, error);
    const lost = new HiveError(
      "store_failed",
      `${what}; nothing was confirmed, send the request again`,
      { retryAfterMs: 1000 },
      { cause: error },
    );
    const batches = [this.#flushing, this.#gathering];
    this.#flushing = null;
    this.#gathering = new Batch();
    for (const batch of batches) for (const waiter of batch?.waiters ?? []) waiter.fail(lost);
    this.#dropPending(lost);
    this.#flushed();
    void this.#recover(RECOVER_MIN_MS);
  }

  #dropPending(error: Error): void {
    // A new array: a loop that still walks the old one must not see later commands in it.
    const dropped = this.#pending;
    this.#pending = [];
    for (const item of dropped) item.reject(error);
    this.#docs.clear();
  }

  async #recover(backOffMs: number): Promise<void> {
    const old = this.#store;
    this.#store = this.#options.openStore();
    await old.close().catch((error: unknown) => this.#options.onTrouble("the store did not close cleanly", error));
    if (this.#phase !== "recovering") return;
    try {
      await this.#elect();
    } catch (error) {
      this.#options.onTrouble(`the store cannot be opened; trying again in ${backOffMs} ms`, error);
      const wait = backOffMs * (0.5 + this.#options.clock.random() / 2);
      this.#options.clock.after(wait, () => void this.#recover(Math.min(backOffMs * 2, RECOVER_MAX_MS)));
    }
  }

  async #elect(): Promise<void> {
    const store = this.#store;
    const election = await store.open(COLLECTIONS);
    const loaded = await loadState(store, this.#options.rules, this.#options.clock);
    if (store !== this.#store || this.#phase === "stopped") return;
    this.#election = election;
    this.#sequence = 0;
    this.#state = loaded.state;
    this.#lastEvent = loaded.lastEvent;
    this.#lastTick = this.#options.clock.mono();
    this.#enter("ready");
    this.#emit({ type: "reloaded" });
  }

  /** A sweep does a bounded part of the work, so that no commit grows large: as many as it takes. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      while (this.#phase === "ready" && this.#isDue()) await this.submit<"sweep">({ type: "sweep" });
    } catch (error) {
      // The next tick tries again; a failed commit was told of already.
      if (!(error instanceof HiveError)) this.#options.onTrouble("the sweep broke", error);
    } finally {
      this.#sweeping = false;
    }
  }

  #isDue(): boolean {
    const { clock } = this.#options;
    const { mono, wall } = nextDeadline(this.#state);
    return (mono !== null && mono <= clock.mono()) || (wall !== null && wall <= clock.wall());
  }

  // ---- the clock ----------------------------------------------------------------------------------------------------

  /** Looks at the clock. A gap much longer than a tick means this process slept: leases get a full term first. */
  #tick(): void {
    const { clock, rules } = this.#options;
    const mono = clock.mono();
    if (this.#phase === "ready") {
      if (mono - this.#lastTick > TICK_MS + rules.leaseMs / 4) this.#state.extendAll({ mono });
      void this.#sweep();
    }
    this.#lastTick = mono;
    if (this.#phase !== "stopped") this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
  }
}

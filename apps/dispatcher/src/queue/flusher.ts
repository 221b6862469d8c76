/**
 * From what was applied to what may be told. Changes gather in a batch while the one before is being flushed; every answer
 * and effect waits for the last batch it could have observed. What waits for no commit waits until it is sure that
 * nobody else was elected: else it could tell of a state that is not true any more.
 */

import type { Change, Effect } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/contract.ts";
import { Batch, type Waiter } from "./batch.ts";
import type { StorePace } from "./store-pace.ts";
import type { Tenure } from "./tenure.ts";

/** Changes, and bytes of them, at which a batch takes no more before it was flushed; what a store adapter must take. */
const BATCH_CHANGES = 5000;
const BATCH_BYTES = 4 * 1024 * 1024;

export interface FlusherOptions {
  readonly tenure: Pick<Tenure, "store" | "election" | "role">;
  readonly clock: Pick<Clock, "mono">;
  readonly pace: StorePace;
  /** A batch is durable; called before anybody is told. */
  readonly onDurable: (changes: readonly Change[], lastEvent: number, ms: number) => void;
  /** The outcome of a commit is unknown, or another dispatcher was elected. */
  readonly onFailed: (what: string, error: unknown) => void;
  readonly emit: (effect: Effect) => void;
}

export class Flusher {
  readonly #options: FlusherOptions;
  #sequence = 0;
  #acknowledged = 0;
  #gathering = new Batch();
  #flushing: Batch | null = null;
  /**
   * What was answered without a commit of its own while one is under way. That commit was sent before and proves nothing
   * of the moment of the answer: this process may have been stopped since, and another elected.
   */
  #meanwhile = new Batch();
  /** What was answered without a commit, until it is sure that this is still the queen. */
  #unsure = new Batch();
  #confirming: Store | null = null;

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Whether anything is not durable yet. */
  get busy(): boolean {
    return this.#flushing !== null || this.#gathering.size > 0;
  }

  /** Whether the batch must be flushed before it takes more. */
  get full(): boolean {
    return this.#gathering.size >= BATCH_CHANGES || this.#gathering.bytes >= BATCH_BYTES;
  }

  /** The last commit of this election that the store acknowledged; 0: none yet. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The last change of a document that is not durable yet. */
  find(key: string): Change | undefined {
    return this.#gathering.find(key) ?? this.#flushing?.find(key);
  }

  /** A command was applied. */
  add(changes: readonly Change[], effects: readonly Effect[]): void {
    this.#gathering.add(changes);
    for (const effect of effects) if (effect.type === "event") this.#gathering.lastEvent = effect.event.id;
  }

  /** Lets `waiter` know once everything applied so far is durable, and certainly ours; then come the effects. */
  whenDurable(waiter: Waiter, effects: readonly Effect[] = []): void {
    if (!this.busy && this.#options.tenure.store.confirmed) {
      waiter.settle();
      for (const effect of effects) this.#options.emit(effect);
      return;
    }
    const batch = this.#gathering.size > 0 ? this.#gathering : this.busy ? this.#meanwhile : this.#unsure;
    batch.waiters.push(waiter);
    for (const effect of effects) batch.effects.push(effect);
    if (!this.busy) void this.confirm();
  }

  /** Writes what has gathered, unless a write is under way: then it follows. */
  flush(): void {
    const { tenure, clock, pace, onDurable, onFailed } = this.#options;
    if (this.#flushing !== null || this.#gathering.size === 0 || tenure.role !== "queen") return;
    const batch = this.#gathering;
    this.#gathering = new Batch();
    this.#flushing = batch;
    this.#sequence += 1;
    const { store, election } = tenure;
    const begun = clock.mono();
    const changes = batch.changes();
    const answered = pace.begin();
    store.commit({ election, sequence: this.#sequence, changes }).then(
      () => {
        answered();
        if (store !== tenure.store || this.#flushing !== batch) return;
        // The next one begins below.
        this.#acknowledged = this.#sequence;
        this.#flushing = null;
        const meanwhile = this.#meanwhile;
        this.#meanwhile = new Batch();
        onDurable(changes, batch.lastEvent, clock.mono() - begun);
        this.flush();
        this.#settle(batch);
        if (store.confirmed) return this.#settle(meanwhile);
        this.#unsure.waiters.push(...meanwhile.waiters);
        this.#unsure.effects.push(...meanwhile.effects);
        if (meanwhile.waiters.length > 0) void this.confirm();
      },
      (error: unknown) => {
        answered();
        if (store === tenure.store) onFailed("a commit failed or its outcome is unknown", error);
      },
    );
  }

  /** Starts a flush if none runs and resolves when the running one is over, either way. */
  flushOnce(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.flush();
      const batch = this.#flushing;
      if (batch === null) return resolve();
      batch.waiters.push({ settle: resolve, fail: () => resolve() });
    });
  }

  /** Renews the election where that is due, and lets out what waited for it. */
  async confirm(): Promise<void> {
    const { tenure, onFailed } = this.#options;
    const { store } = tenure;
    if (this.#confirming === store) return;
    this.#confirming = store;
    try {
      // An answer that took half a term proves nothing any more.
      do await store.confirm();
      while (!store.confirmed && store === tenure.store && this.#unsure.waiters.length > 0);
    } catch (error) {
      if (store === tenure.store) onFailed("the election could not be renewed", error);
    }
    if (this.#confirming === store) this.#confirming = null;
    if (store !== tenure.store || tenure.role !== "queen") return;
    const sure = this.#unsure;
    this.#unsure = new Batch();
    this.#settle(sure);
  }

  /** Everything that is not durable is gone, and whoever waits for it is told so. */
  drop(error: Error): void {
    const batches = [this.#flushing, this.#gathering, this.#meanwhile, this.#unsure];
    this.#flushing = null;
    this.#gathering = new Batch();
    this.#meanwhile = new Batch();
    this.#unsure = new Batch();
    for (const batch of batches) for (const waiter of batch?.waiters ?? []) waiter.fail(error);
  }

  /** A new election: its first commit has the number 1. */
  begin(): void {
    this.#sequence = 0;
    this.#acknowledged = 0;
  }

  #settle(batch: Batch): void {
    for (const waiter of batch.waiters) waiter.settle();
    for (const effect of batch.effects) this.#options.emit(effect);
  }
}

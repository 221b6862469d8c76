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
  createState,
  HiveError,
  nextDeadline,
  type Change,
  type CommandOf,
  type CommandType,
  type Effect,
  type Replies,
  type Rules,
  type State,
} from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Election, Store } from "../store/contract.ts";
import { Applier } from "./applier.ts";
import type { Queue, Readiness } from "./contract.ts";
import { Flusher } from "./flusher.ts";
import { RecentBodies } from "./recent-bodies.ts";
import { StorePace } from "./store-pace.ts";
import { Tenure } from "./tenure.ts";

/** The longest pause between two looks at the clock, in milliseconds. */
const TICK_MS = 250;

export interface CommitterOptions {
  /** Makes the store's handle; called again for each new election. */
  readonly openStore: () => Store;
  readonly rules: Rules;
  readonly clock: Clock;
  /** Called when a commit failed or a listener threw: for the log. */
  readonly onTrouble: (message: string, error: unknown) => void;
  /** Of a shared store: `LeaderWatch.abstain`. */
  readonly abstain?: (abstains: boolean) => void;
  /** Milliseconds and changes of each commit: for the metrics. */
  readonly onCommit?: (ms: number, changes: number) => void;
}

export class Committer implements Queue {
  readonly #options: CommitterOptions;
  readonly #listeners = new Set<(effect: Effect) => void>();
  readonly #copiers = new Set<(changes: readonly Change[]) => void>();
  readonly #tenure: Tenure;
  readonly #pace: StorePace;
  readonly #flusher: Flusher;
  readonly #applier: Applier;
  #recent = new RecentBodies();
  #lastEvent = 0;
  #lastTick = 0;
  #sweeping = false;
  /** Nothing new is taken any more: what this dispatcher will be in a moment. */
  #leaving: "standby" | "stopped" | null = null;
  #cancelTick: () => void = () => {};
  /** A stop waits for this: perhaps there is nothing left to do. */
  #wakeStop: () => void = () => {};

  constructor(options: CommitterOptions) {
    this.#options = options;
    const { openStore, rules, clock, onTrouble, abstain } = options;
    this.#tenure = new Tenure({
      openStore,
      rules,
      clock,
      onTrouble,
      ...(abstain === undefined ? {} : { abstain }),
      onElected: ({ state, lastEvent }) => {
        this.#flusher.begin();
        // Another queen may have changed them meanwhile.
        this.#recent = new RecentBodies();
        this.#applier.state = state;
        this.#lastEvent = lastEvent;
        this.#lastTick = clock.mono();
      },
    });
    const pace = new StorePace({ clock, slowMs: rules.leaseMs / 4, onSlow: () => this.#extendLeases() });
    this.#pace = pace;
    this.#flusher = new Flusher({
      tenure: this.#tenure,
      clock,
      pace,
      emit: (effect) => this.#emit(effect),
      onDurable: (changes, lastEvent, ms) => {
        options.onCommit?.(ms, changes.length);
        this.#recent.add(changes);
        for (const copy of this.#copiers) copy(changes);
        if (lastEvent > 0) this.#lastEvent = lastEvent;
        this.#wakeStop();
      },
      onFailed: (what, error) => this.#fail(what, error),
    });
    this.#applier = new Applier({
      state: createState(rules),
      tenure: this.#tenure,
      flusher: this.#flusher,
      clock,
      pace,
      onTrouble,
      emit: (effect) => this.#emit(effect),
      onFailed: (what, error) => this.#fail(what, error),
      onIdle: () => this.#wakeStop(),
    });
    this.#tenure.onReadiness(({ ready }) => {
      if (ready) this.#emit({ type: "reloaded" });
    });
  }

  get storeName(): string {
    return this.#tenure.store.name;
  }

  readonly documents: Pick<Store, "get" | "list"> = {
    get: async (keys) => {
      const store = this.#current();
      // What this process wrote itself may be old news once another was elected; the store's answer never is.
      return (store.confirmed ? this.#recent.find(keys) : null) ?? store.get(keys);
    },
    list: async (query) => this.#current().list(query),
  };

  /** The store of this election. @throws HiveError `not_ready` */
  #current(): Store {
    const refusal = this.#tenure.role === "queen" ? null : this.#refusal();
    if (refusal !== null) throw refusal;
    return this.#tenure.store;
  }

  /**
   * Takes the store, loads the live jobs and begins to answer; or learns that another dispatcher is the queen, and
   * stands by until she is gone. @throws what else `Store.open` throws.
   */
  async start(): Promise<void> {
    await this.#tenure.start();
    this.#tick();
  }

  /**
   * On a shared store: finishes what it accepted and lets another dispatcher be the queen. This one is her standby then,
   * until `stop`; where there is no other it goes on as the queen.
   */
  async handOver(): Promise<void> {
    if (this.#leaving !== null || this.#tenure.store.shared !== true) return;
    this.#leaving = "standby";
    await this.#finishAccepted();
    const over = this.#tenure.handOver();
    this.#drop(new HiveError("not_ready", "another dispatcher takes over; try again in a moment"));
    this.#leaving = null;
    await over;
  }

  /**
   * Answers nothing more, waits for the running commit and lets go of the store: another dispatcher may be the queen from
   * then on. Safe to call twice.
   */
  async stop(): Promise<void> {
    if (this.#leaving === "stopped") return;
    this.#leaving = "stopped";
    this.#cancelTick();
    await this.#finishAccepted();
    const stopped = this.#tenure.stop();
    this.#drop(new HiveError("not_ready", "the server is stopping; try again in a moment"));
    await stopped;
  }

  async #finishAccepted(): Promise<void> {
    while (this.#isQueen() && (this.#flusher.busy || this.#applier.busy)) {
      this.#flusher.flush();
      await new Promise<void>((resolve) => {
        this.#wakeStop = resolve;
      });
    }
  }

  readiness(): Readiness {
    const readiness = this.#tenure.readiness();
    if (!readiness.ready || this.#leaving === null) return readiness;
    return { ready: false, role: this.#leaving, why: "the server is stopping", retryAfterMs: 1000, queen: null };
  }

  onReadiness(listener: (readiness: Readiness) => void): () => void {
    return this.#tenure.onReadiness(listener);
  }

  election(): Election {
    return this.#tenure.election;
  }

  lastEvent(): number {
    return this.#lastEvent;
  }

  onEffect(listener: (effect: Effect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onChanges(listener: (changes: readonly Change[]) => void): () => void {
    this.#copiers.add(listener);
    return () => this.#copiers.delete(listener);
  }

  submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]> {
    const refusal = this.#refusal();
    return refusal === null ? this.#applier.submit(command) : Promise.reject(refusal);
  }

  read<R>(look: (state: State) => R): Promise<R> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise<R>((resolve, reject) => {
      try {
        const seen = look(this.#applier.state);
        this.#flusher.whenDurable({ settle: () => resolve(seen), fail: reject });
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

  #emit(effect: Effect): void {
    for (const listener of this.#listeners) {
      try {
        listener(effect);
      } catch (error) {
        this.#options.onTrouble(`a listener for ${effect.type} broke`, error);
      }
    }
  }

  // ---- failing ------------------------------------------------------------------------------------------------------

  #fail(what: string, error: unknown): void {
    if (!this.#isQueen()) return;
    this.#options.onTrouble(`${what}; everything unconfirmed is dropped and the store is loaded again`, error);
    const lost = new HiveError(
      "store_failed",
      `${what}; nothing was confirmed, send the request again`,
      { retryAfterMs: 1000 },
      { cause: error },
    );
    // First, so that nobody who is told of it finds a dispatcher that still answers.
    this.#tenure.lost();
    this.#drop(lost);
    this.#wakeStop();
  }

  #drop(error: Error): void {
    this.#flusher.drop(error);
    this.#applier.drop(error);
  }

  /** Asked after each wait; waits change it. */
  #isQueen(): boolean {
    return this.#tenure.role === "queen";
  }

  // ---- the clock ----------------------------------------------------------------------------------------------------

  /** A sweep does a bounded part of the work, so that no commit grows large: as many as it takes. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      while (this.#maySweep() && this.#isDue()) await this.submit<"sweep">({ type: "sweep" });
    } catch (error) {
      // The next tick tries again; a failed commit was told of already.
      if (!(error instanceof HiveError)) this.#options.onTrouble("the sweep broke", error);
    } finally {
      this.#sweeping = false;
    }
  }

  /** Not while the store is silent: then nobody could prove that a lease is alive. */
  #maySweep(): boolean {
    return this.#isQueen() && this.#leaving === null && !this.#pace.slow;
  }

  #isDue(): boolean {
    const { clock } = this.#options;
    const { mono, wall } = nextDeadline(this.#applier.state);
    return (mono !== null && mono <= clock.mono()) || (wall !== null && wall <= clock.wall());
  }

  /** Nobody's heartbeats could be answered for a while: every lease has a full term from now. */
  #extendLeases(): void {
    this.#applier.state.extendAll({ mono: this.#options.clock.mono() });
  }

  /** Looks at the clock. A gap much longer than a tick means this process slept: leases get a full term first. */
  #tick(): void {
    const { clock, rules } = this.#options;
    const mono = clock.mono();
    if (this.#isQueen()) {
      if (mono - this.#lastTick > TICK_MS + rules.leaseMs / 4) this.#extendLeases();
      void this.#flusher.confirm();
      void this.#sweep();
    }
    this.#lastTick = mono;
    if (this.#leaving !== "stopped") this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
  }
}

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
import type { Election, Store, StorePosition } from "../store/contract.ts";
import { Applier } from "./applier.ts";
import { Audience } from "./audience.ts";
import type { Queue, Readiness } from "./contract.ts";
import { Flusher } from "./flusher.ts";
import { RecentBodies } from "./recent-bodies.ts";
import { StorePace } from "./store-pace.ts";
import { Tenure } from "./tenure.ts";
import { Ticker } from "./ticker.ts";

export interface CommitterOptions {
  /** Makes the store's handle; called again for each new election. */
  readonly openStore: () => Store;
  readonly rules: Rules;
  readonly clock: Clock;
  /** Called when a commit failed or a listener threw: for the log. */
  readonly onTrouble: (message: string, error: unknown) => void;
  /** Of a shared store: `LeaderWatch.abstain`. */
  readonly abstain?: (abstains: boolean) => void;
  /**
   * The server listens only after `start`, and says so by `listens`: until then nobody could keep a lease, so none is
   * taken away. Default: false, workers are heard from the beginning.
   */
  readonly listensLater?: boolean;
  /** Milliseconds and changes of each commit: for the metrics. */
  readonly onCommit?: (ms: number, changes: number) => void;
}

export class Committer implements Queue {
  readonly #options: CommitterOptions;
  readonly #audience: Audience;
  readonly #tenure: Tenure;
  readonly #pace: StorePace;
  readonly #flusher: Flusher;
  readonly #applier: Applier;
  #recent = new RecentBodies();
  readonly #ticker: Ticker;
  #lastEvent = 0;
  #listens: boolean;
  /** Gives the leases of the state that was loaded last a full term. */
  #giveTerms: () => void = () => {};
  /** Nothing new is taken any more: what this dispatcher will be in a moment. */
  #leaving: "standby" | "stopped" | null = null;
  /** Stops that wait for this: perhaps there is nothing left to do. */
  readonly #stops = new Set<() => void>();

  constructor(options: CommitterOptions) {
    this.#options = options;
    const { openStore, rules, clock, onTrouble, abstain } = options;
    this.#listens = options.listensLater !== true;
    this.#audience = new Audience(onTrouble);
    this.#tenure = new Tenure({
      openStore,
      rules,
      clock,
      onTrouble,
      ...(abstain === undefined ? {} : { abstain }),
      onElected: ({ state, lastEvent, giveTerms }) => {
        this.#flusher.begin();
        // Another queen may have changed them meanwhile.
        this.#recent = new RecentBodies();
        this.#applier.state = state;
        this.#lastEvent = lastEvent;
        this.#giveTerms = giveTerms;
        // Loading, and the last look whether nobody else was elected, may have taken a while.
        giveTerms();
        this.#ticker.begin();
      },
    });
    this.#ticker = new Ticker({
      clock,
      sleptMs: rules.leaseMs / 4,
      isQueen: () => this.#isQueen(),
      maySweep: () => this.#maySweep(),
      nextDeadline: () => nextDeadline(this.#applier.state),
      sweep: () => this.submit<"sweep">({ type: "sweep" }),
      confirm: () => this.#flusher.confirm(),
      onSlept: () => this.#extendLeases(),
      onTrouble,
    });
    this.#pace = new StorePace({ clock, slowMs: rules.leaseMs / 4, onSlow: () => this.#extendLeases() });
    this.#flusher = new Flusher({
      tenure: this.#tenure,
      clock,
      pace: this.#pace,
      emit: (effect) => this.#audience.emit(effect),
      onDurable: (changes, lastEvent, ms) => {
        options.onCommit?.(ms, changes.length);
        this.#recent.add(changes);
        this.#audience.committed(changes);
        if (lastEvent > 0) this.#lastEvent = lastEvent;
        this.#wakeStops();
      },
      onFailed: (what, error) => this.#fail(what, error),
    });
    this.#applier = new Applier({
      state: createState(rules),
      tenure: this.#tenure,
      flusher: this.#flusher,
      clock,
      pace: this.#pace,
      onTrouble,
      emit: (effect) => this.#audience.emit(effect),
      onFailed: (what, error) => this.#fail(what, error),
      onIdle: () => this.#wakeStops(),
    });
    this.#tenure.onReadiness(({ ready }) => {
      if (ready) this.#audience.emit({ type: "reloaded" });
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
    this.#ticker.start();
  }

  /** Workers are heard from now on: each has a full term from this moment to keep its lease. Only after `listensLater`. */
  listens(): void {
    if (this.#listens) return;
    this.#listens = true;
    if (this.#isQueen()) this.#giveTerms();
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
    if (this.#leaving === "standby") this.#leaving = null;
    await over;
  }

  /**
   * Answers nothing more, waits for the running commit and lets go of the store: another dispatcher may be the queen from
   * then on. Safe to call twice.
   */
  async stop(): Promise<void> {
    if (this.#leaving === "stopped") return;
    this.#leaving = "stopped";
    this.#ticker.stop();
    await this.#finishAccepted();
    const stopped = this.#tenure.stop();
    this.#drop(new HiveError("not_ready", "the server is stopping; try again in a moment"));
    await stopped;
  }

  async #finishAccepted(): Promise<void> {
    while (this.#isQueen() && (this.#flusher.busy || this.#applier.busy)) {
      this.#flusher.flush();
      await new Promise<void>((resolve) => this.#stops.add(resolve));
    }
  }

  #wakeStops(): void {
    for (const wake of this.#stops) wake();
    this.#stops.clear();
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

  position(): StorePosition {
    const { epoch, electionId } = this.#tenure.election;
    return { epoch, electionId, sequence: this.#flusher.acknowledged };
  }

  lastEvent(): number {
    return this.#lastEvent;
  }

  onEffect(listener: (effect: Effect) => void): () => void {
    return this.#audience.onEffect(listener);
  }

  onChanges(listener: (changes: readonly Change[]) => void): () => void {
    return this.#audience.onChanges(listener);
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
    this.#wakeStops();
  }

  #drop(error: Error): void {
    this.#flusher.drop(error);
    this.#applier.drop(error);
  }

  #isQueen(): boolean {
    return this.#tenure.role === "queen";
  }

  // ---- the clock ----------------------------------------------------------------------------------------------------

  /** Not while the store is silent, or the server does not listen: then nobody could prove that a lease is alive. */
  #maySweep(): boolean {
    return this.#isQueen() && this.#leaving === null && this.#listens && !this.#pace.slow;
  }

  /** Nobody's heartbeats could be answered for a while: every lease has a full term from now. */
  #extendLeases(): void {
    this.#applier.state.extendAll({ mono: this.#options.clock.mono() });
  }
}

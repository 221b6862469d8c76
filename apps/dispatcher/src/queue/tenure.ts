/**
 * This dispatcher's place among those that share its store: from opening the store to losing it again. It is elected,
 * or learns that somebody else is the queen and asks again until she is gone; when what is in memory cannot be trusted
 * any more it takes a new election and loads everything.
 *
 *     starting ──▶ queen ◀──────────────┐
 *        │          │ lost              │ elected
 *        │          ▼                   │
 *        │      recovering ──held──▶ standby
 *        └───────────held────────────▶──┘          and from everywhere: stopped
 */

import { COLLECTIONS, type Rules } from "@hive/core";
import type { Clock } from "../clock.ts";
import { StoreHeld, type Election, type Store } from "../store/contract.ts";
import type { Readiness, Role } from "./contract.ts";
import { loadState, type Loaded } from "./load.ts";

/** Milliseconds between two looks of a standby at the leader's record, and of renewals while the state is loaded. */
const LOOK_MS = 250;
/** Back-off of a new election, in milliseconds. */
const RECOVER_MIN_MS = 50;
const RECOVER_MAX_MS = 5000;
/** While the leadership is handed over: milliseconds between two looks, and until nobody is expected to take it. */
const HAND_OVER_LOOK_MS = 50;
const HAND_OVER_MS = 1500;
/** After this many milliseconds a caller of a dispatcher that cannot answer may ask again. */
const RETRY_AFTER_MS = 1000;

export interface TenureOptions {
  /** Makes the store's handle; called again for each new election, and for each look of a standby. */
  readonly openStore: () => Store;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly onTrouble: (message: string, error: unknown) => void;
  /** Of a shared store: keeps `open` from electing this dispatcher, or no longer. */
  readonly abstain?: (abstains: boolean) => void;
  /** Elected and loaded: called right before this dispatcher is the queen. */
  readonly onElected: (loaded: Loaded) => void;
}

export class Tenure {
  readonly #options: TenureOptions;
  readonly #listeners = new Set<(readiness: Readiness) => void>();
  #role: Role = "starting";
  #store: Store;
  #election: Election = { epoch: 0, electionId: "", format: 0 };
  #queen: { readonly url: string } | null = null;
  #opening: Promise<unknown> = Promise.resolve();
  #cancelRetry: () => void = () => {};
  #lookMs = LOOK_MS;

  constructor(options: TenureOptions) {
    this.#options = options;
    this.#store = options.openStore();
  }

  get role(): Role {
    return this.#role;
  }

  /** The handle of this moment; another one after each loss. */
  get store(): Store {
    return this.#store;
  }

  /** The last election that was won. */
  get election(): Election {
    return this.#election;
  }

  /** Resolves as queen or as standby. @throws what `Store.open` throws, but for `StoreHeld` */
  async start(): Promise<void> {
    try {
      await this.#elect();
    } catch (error) {
      if (!(error instanceof StoreHeld)) throw error;
      this.#standBy(error.queen);
    }
  }

  /** What is in memory is not the truth any more: another election, or somebody else's. */
  lost(): void {
    this.#enter("recovering", null);
    void this.#again(RECOVER_MIN_MS);
  }

  /**
   * Lets another dispatcher take over before this one stops, and stays as her standby, so that requests still find their
   * way. Is there nobody else, it is the queen again afterwards. Does nothing on a store that is not shared.
   */
  async handOver(): Promise<void> {
    const { abstain, clock } = this.#options;
    if (this.#store.shared !== true || abstain === undefined || this.#role === "stopped") return;
    abstain(true);
    if (this.#role !== "queen") return;
    this.#lookMs = HAND_OVER_LOOK_MS;
    this.#enter("standby", null);
    void this.#again(RECOVER_MIN_MS);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        unlisten();
        cancel();
        resolve();
      };
      const unlisten = this.onReadiness((readiness) => {
        if (readiness.ready || readiness.role !== "standby" || readiness.queen !== null) done();
      });
      let cancel = clock.after(HAND_OVER_MS, () => {
        abstain(false);
        // A store that went away meanwhile must not keep this dispatcher from stopping.
        cancel = clock.after(HAND_OVER_MS, done);
      });
    });
    this.#lookMs = LOOK_MS;
  }

  /** Gives the leadership back. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#role === "stopped") return;
    this.#cancelRetry();
    this.#enter("stopped", null);
    // An election that lands after the handle was closed would have to be waited out by everybody.
    await this.#opening.catch(() => {});
    await this.#store.close();
  }

  readiness(): Readiness {
    if (this.#role === "queen") return { ready: true };
    return {
      ready: false,
      role: this.#role,
      why: this.#why(this.#role),
      retryAfterMs: RETRY_AFTER_MS,
      queen: this.#queen,
    };
  }

  onReadiness(listener: (readiness: Readiness) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #why(role: Exclude<Role, "queen">): string {
    switch (role) {
      case "starting":
      case "recovering":
        return `the store (${this.#store.name}) is being opened`;
      case "standby":
        return this.#queen === null
          ? "this dispatcher is a standby, and the next queen is being elected"
          : `this dispatcher is a standby of ${this.#queen.url}`;
      case "stopped":
        return "the server is stopping";
    }
  }

  #enter(role: Role, queen: { readonly url: string } | null): void {
    const isNews = role !== this.#role || queen?.url !== this.#queen?.url;
    this.#role = role;
    this.#queen = queen;
    if (!isNews) return;
    const readiness = this.readiness();
    for (const listener of this.#listeners) {
      try {
        listener(readiness);
      } catch (error) {
        this.#options.onTrouble("a listener for readiness broke", error);
      }
    }
  }

  #standBy(queen: { readonly url: string } | null): void {
    if (this.#role === "stopped") return;
    this.#enter("standby", queen);
    this.#cancelRetry = this.#options.clock.after(this.#lookMs, () => void this.#again(RECOVER_MIN_MS));
  }

  async #again(backOffMs: number): Promise<void> {
    const { clock, onTrouble, openStore } = this.#options;
    const old = this.#store;
    this.#store = openStore();
    await old.close().catch((error: unknown) => onTrouble("the store did not close cleanly", error));
    if (this.#role === "stopped") return;
    try {
      await this.#elect();
    } catch (error) {
      if (error instanceof StoreHeld) return this.#standBy(error.queen);
      if (this.#isStopped()) return;
      // A standby that cannot see the store goes on handing requests to the queen it knew: she may well see it.
      onTrouble(`the store cannot be opened; trying again in ${backOffMs} ms`, error);
      const wait = backOffMs * (0.5 + clock.random() / 2);
      const next = Math.min(backOffMs * 2, RECOVER_MAX_MS);
      this.#cancelRetry = clock.after(wait, () => void this.#again(next));
    }
  }

  async #elect(): Promise<void> {
    const { rules, clock, onElected } = this.#options;
    const store = this.#store;
    const opening = store.open(COLLECTIONS);
    this.#opening = opening;
    const election = await opening;
    if (this.#isStopped()) return;
    // The one before is not the queen any more: requests wait here for the end of loading.
    if (this.#role === "standby") this.#enter("standby", null);
    const loaded = await this.#renewing(store, () => loadState(store, rules, clock));
    if (store !== this.#store || this.#isStopped()) return;
    this.#election = election;
    onElected(loaded);
    this.#enter("queen", null);
  }

  /** Loading may take longer than a term, and nobody may think this dispatcher dead meanwhile. */
  async #renewing<R>(store: Store, load: () => Promise<R>): Promise<R> {
    const { clock } = this.#options;
    let over = false;
    let cancel = (): void => {};
    const renew = (): void => {
      cancel = clock.after(LOOK_MS, () => {
        // What is wrong, the renewal after loading tells.
        store.confirm().then(
          () => (over ? undefined : renew()),
          () => {},
        );
      });
    };
    renew();
    try {
      const loaded = await load();
      await store.confirm();
      return loaded;
    } finally {
      over = true;
      cancel();
    }
  }

  /** Asked after each wait; the type of `#role` does not know that waits change it. */
  #isStopped(): boolean {
    return this.#role === "stopped";
  }
}

/**
 * Applies commands to the state, one after the other in order of arrival. What they need of the store is read first, for
 * many of them at once; their changes gather in the flusher's batch.
 */

import {
  apply,
  HiveError,
  type Command,
  type CommandOf,
  type CommandType,
  type Effect,
  type Replies,
  type State,
} from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Flusher } from "./flusher.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { StorePace } from "./store-pace.ts";
import type { Tenure } from "./tenure.ts";

/** Turns of the microtask queue that a woken claim needs to be submitted. */
const WAKE_HOPS = 4;

export interface ApplierOptions {
  /** The state before the first election. */
  readonly state: State;
  readonly tenure: Pick<Tenure, "store" | "role">;
  readonly flusher: Flusher;
  readonly clock: Clock;
  readonly pace: StorePace;
  readonly emit: (effect: Effect) => void;
  readonly onTrouble: (message: string, error: unknown) => void;
  /** The store could not be read. */
  readonly onFailed: (what: string, error: unknown) => void;
  /** Nothing is left to apply. */
  readonly onIdle: () => void;
}

interface Pending {
  readonly command: Command;
  readonly resolve: (reply: Replies[CommandType]) => void;
  readonly reject: (error: Error) => void;
}

export class Applier {
  /** Replaced by each election. */
  state: State;
  readonly #options: ApplierOptions;
  readonly #ahead: ReadAhead;
  #pending: Pending[] = [];
  #pumping = false;
  /** Work became ready while commands were applied, and whoever waits for it was woken. */
  #woke = false;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.state = options.state;
    this.#ahead = new ReadAhead((key) => options.flusher.find(key));
  }

  /** Whether commands are being applied. */
  get busy(): boolean {
    return this.#pumping;
  }

  /** Resolves with the reply once it may be told. @throws HiveError as the command's rules say */
  submit<T extends CommandType>(command: CommandOf<T>): Promise<Replies[T]> {
    return new Promise<Replies[T]>((resolve, reject) => {
      // The reply belongs to the command's type: `apply` is typed by it, only the list of waiting commands is not.
      this.#pending.push({ command, resolve: (reply) => resolve(reply as Replies[T]), reject });
      this.#pump();
    });
  }

  /** Whoever waits for a command that was not applied is told so. */
  drop(error: Error): void {
    // A new array: a loop that still walks the old one must not see later commands in it.
    const dropped = this.#pending;
    this.#pending = [];
    for (const item of dropped) item.reject(error);
    this.#ahead.clear();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#applyAll().finally(() => {
      this.#pumping = false;
      if (this.#pending.length > 0 && this.#isQueen()) this.#pump();
      else this.#options.onIdle();
    });
  }

  async #applyAll(): Promise<void> {
    // One turn of the event loop's microtasks: requests that arrived together are read and applied together.
    await Promise.resolve();
    let next = 0;
    const queue = this.#pending;
    while (next < queue.length && this.#isQueen()) {
      if (this.#options.flusher.full) {
        queue.splice(0, next);
        next = 0;
        await this.#options.flusher.flushOnce();
        continue;
      }
      const item = queue[next];
      if (item === undefined) break;
      if (this.#ahead.missing(this.state, item.command).length > 0) {
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
    this.#ahead.trim();
    this.#options.flusher.flush();
  }

  /** False when the store could not be read, or is another one by now. */
  async #readAhead(queue: readonly Pending[], from: number): Promise<boolean> {
    const keys = this.#ahead.wanted(this.state, queue, from);
    const { store } = this.#options.tenure;
    const answered = this.#options.pace.begin();
    try {
      const found = await store.get(keys).finally(answered);
      if (store !== this.#options.tenure.store) return false;
      this.#ahead.found(keys, found);
      return true;
    } catch (error) {
      if (store === this.#options.tenure.store) this.#options.onFailed("the store could not be read", error);
      return false;
    }
  }

  #applyOne(item: Pending): void {
    const { clock } = this.#options;
    try {
      const applied = apply(this.state, item.command, this.#ahead.docs, {
        mono: clock.mono(),
        wall: clock.wall(),
        random: clock.random,
      });
      this.#options.flusher.add(applied.changes, applied.effects);
      this.#ahead.changed(applied.changes);
      const { reply } = applied;
      const later = applied.effects.filter((effect) => effect.type !== "ready");
      this.#options.flusher.whenDurable({ settle: () => item.resolve(reply), fail: item.reject }, later);
      // Not told of anything: only that it may be worth asking. What the asker then gets waits for this batch.
      for (const effect of applied.effects) {
        if (effect.type !== "ready") continue;
        this.#woke = true;
        this.#options.emit(effect);
      }
    } catch (error) {
      const refused = error instanceof Error ? error : new Error(String(error));
      // A refusal tells of the state too ("the id is taken"): it waits like any other answer. So does a bug: it may be none,
      // but the state of a dispatcher that is not the queen any more and does not know it yet.
      const settle = (): void => {
        item.reject(refused);
        if (!(error instanceof HiveError)) this.#options.onTrouble(`the command ${item.command.type} broke`, error);
      };
      this.#options.flusher.whenDurable({ settle, fail: item.reject });
    }
  }

  /** Asked after each wait; waits change it. */
  #isQueen(): boolean {
    return this.#options.tenure.role === "queen";
  }
}

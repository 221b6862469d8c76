/**
 * What the queue does by the clock: four times a second it renews its election, looks whether it slept, and carries out
 * what is due (leases that ran out, jobs whose time has come).
 */

import { HiveError } from "@hive/core";
import type { Clock } from "../clock.ts";

/** The longest pause between two looks at the clock, in milliseconds. */
const TICK_MS = 250;

export interface TickerOptions {
  readonly clock: Pick<Clock, "mono" | "wall" | "after">;
  /** Milliseconds beyond a tick after which this process has slept. */
  readonly sleptMs: number;
  readonly isQueen: () => boolean;
  /** Whether what is due may be carried out at this moment. */
  readonly maySweep: () => boolean;
  /** When the next thing is due, on either clock; null: never. */
  readonly nextDeadline: () => { readonly mono: number | null; readonly wall: number | null };
  /** Carries out a bounded part of what is due. */
  readonly sweep: () => Promise<unknown>;
  readonly confirm: () => Promise<void>;
  /** Nobody was heard while this process slept; called before anything is taken away. */
  readonly onSlept: () => void;
  readonly onTrouble: (message: string, error: unknown) => void;
}

export class Ticker {
  readonly #options: TickerOptions;
  #last: number;
  #sweeping = false;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#last = options.clock.mono();
  }

  /** Looks now, and again and again from then on. */
  start(): void {
    this.#tick();
  }

  /** What was before this moment is no sleep: the state is new. */
  begin(): void {
    this.#last = this.#options.clock.mono();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #tick(): void {
    const { clock, sleptMs, isQueen, onSlept, confirm } = this.#options;
    const mono = clock.mono();
    if (isQueen()) {
      if (mono - this.#last > TICK_MS + sleptMs) onSlept();
      void confirm();
      void this.#sweep();
    }
    this.#last = mono;
    if (!this.#stopped) this.#cancel = clock.after(TICK_MS, () => this.#tick());
  }

  /** A sweep does a bounded part of the work, so that no commit grows large: as many as it takes. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const { maySweep, sweep, onTrouble } = this.#options;
    try {
      while (maySweep() && this.#isDue()) await sweep();
    } catch (error) {
      // The next tick tries again; a failed commit was told of already.
      if (!(error instanceof HiveError)) onTrouble("the sweep broke", error);
    } finally {
      this.#sweeping = false;
    }
  }

  #isDue(): boolean {
    const { clock, nextDeadline } = this.#options;
    const { mono, wall } = nextDeadline();
    return (mono !== null && mono <= clock.mono()) || (wall !== null && wall <= clock.wall());
  }
}

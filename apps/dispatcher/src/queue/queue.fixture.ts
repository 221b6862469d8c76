/** What tests of the queue's neighbours share: a clock moved by hand, and all promises settled. */

import type { Clock } from "../clock.ts";

/** A clock a test moves by hand; timers run when they are due. */
export class HandClock implements Clock {
  time = 1_000_000;
  #timers: { at: number; run: () => void }[] = [];
  readonly mono = (): number => this.time;
  readonly wall = (): number => 1_700_000_000_000 + this.time;
  readonly random = (): number => 0.5;
  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.time + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Lets this much time pass, in steps of a timer, and everything settle after each. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

/** All promises that can go on have gone on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}

/**
 * Whether the store keeps up. While it does not answer, no heartbeat can be answered either, however well the worker is:
 * what it could not say in that time is not held against it.
 */

import type { Clock } from "../clock.ts";

export interface StorePaceOptions {
  readonly clock: Pick<Clock, "mono">;
  /** Milliseconds beyond which a call of the store is slow. */
  readonly slowMs: number;
  /** A slow call was answered: called before anything that waited for it goes on. */
  readonly onSlow: () => void;
}

export class StorePace {
  readonly #options: StorePaceOptions;
  /** When each call that is under way began. */
  readonly #calls = new Set<{ readonly since: number }>();

  constructor(options: StorePaceOptions) {
    this.#options = options;
  }

  /** Whether a call is under way for longer than it should be. */
  get slow(): boolean {
    for (const call of this.#calls) if (this.#isSlow(call)) return true;
    return false;
  }

  /** A call begins; what is returned is to be called when it was answered, in whatever way. */
  begin(): () => void {
    const call = { since: this.#options.clock.mono() };
    this.#calls.add(call);
    return () => {
      if (this.#calls.delete(call) && this.#isSlow(call)) this.#options.onSlow();
    };
  }

  #isSlow({ since }: { readonly since: number }): boolean {
    return this.#options.clock.mono() - since > this.#options.slowMs;
  }
}

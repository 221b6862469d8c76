/** When the fleet looks: soon after something changed, when time has come, never twice at once and never all the time. */

import type { Clock } from "../clock.ts";

export interface LooksOptions {
  readonly clock: Pick<Clock, "mono" | "after">;
  /** One look; gives the moment of the next one (monotonic), should nothing change before. */
  readonly look: () => Promise<number>;
  /** A look failed; there will be another. */
  readonly onTrouble: (error: unknown) => void;
}

export interface Looks {
  /** Something changed. */
  readonly poke: () => void;
  /** Looks now, or joins the look that is under way. Never rejects. */
  readonly now: () => Promise<void>;
  /** No look begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

/** Milliseconds that changes are gathered before a look. */
const GATHER_MS = 25;
/** Milliseconds between two looks at least, however much changes. */
const BETWEEN_MS = 100;
/** Milliseconds between two looks at most. */
const TICK_MS = 15_000;
/** Milliseconds after a look that failed. */
const FAILED_MS = 5_000;

export function createLooks({ clock, look, onTrouble }: LooksOptions): Looks {
  let looking: Promise<void> | null = null;
  let changed = false;
  let stopped = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let due = Number.POSITIVE_INFINITY;
  let takeBack = (): void => undefined;

  function at(mono: number): void {
    if (stopped || mono >= due) return;
    takeBack();
    due = mono;
    takeBack = clock.after(Math.max(0, mono - clock.mono()), () => {
      due = Number.POSITIVE_INFINITY;
      void now();
    });
  }

  function poke(): void {
    if (looking === null) at(Math.max(clock.mono() + GATHER_MS, lookedAt + BETWEEN_MS));
    else changed = true;
  }

  function now(): Promise<void> {
    looking ??= once().finally(() => {
      looking = null;
      if (changed) poke();
      changed = false;
    });
    return looking;
  }

  async function once(): Promise<void> {
    let next = clock.mono() + FAILED_MS;
    try {
      next = await look();
    } catch (error) {
      onTrouble(error);
    }
    lookedAt = clock.mono();
    at(Math.min(next, lookedAt + TICK_MS));
  }

  return {
    poke,
    now,
    async stop() {
      stopped = true;
      takeBack();
      await looking;
    },
  };
}

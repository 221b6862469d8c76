/**
 * Where model calls wait for room in a budget: what is set aside for other calls under way is mostly more than they come
 * to, so a call that would be refused for that alone waits until one of them is settled.
 */

import type { Clock } from "../clock.ts";

export interface Room {
  /** Resolves when some call was settled, after these milliseconds, or when the caller is gone. Never rejects. */
  change(ms: number, gone: AbortSignal): Promise<void>;
  /** A call was settled: whoever waits asks anew. */
  settled(): void;
}

export function createRoom(clock: Pick<Clock, "after">): Room {
  const waiting = new Set<() => void>();
  return {
    change: (ms, gone) =>
      new Promise((resolve) => {
        const wake = (): void => {
          stopTimer();
          gone.removeEventListener("abort", wake);
          waiting.delete(wake);
          resolve();
        };
        const stopTimer = clock.after(ms, wake);
        gone.addEventListener("abort", wake, { once: true });
        waiting.add(wake);
        if (gone.aborted) wake();
      }),
    settled() {
      for (const wake of [...waiting]) wake();
    },
  };
}

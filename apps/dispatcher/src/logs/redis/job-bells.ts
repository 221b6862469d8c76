/** Wakes who follows the logs of a job. Rings that come while nobody listens count; nothing is kept of a job that nobody follows. */

/** One job's bell, in the hands of one follower. */
export interface JobBell extends Disposable {
  /** How often it rang. */
  readonly rung: () => number;
  /** Resolves when it has rung since, the signal is aborted, or after `ms`. */
  readonly next: (since: number, signal: AbortSignal, ms: number) => Promise<void>;
}

interface Bell {
  rings: number;
  holders: number;
  readonly waiting: Set<() => void>;
}

export class JobBells {
  readonly #bells = new Map<string, Bell>();

  ring(jobId: string): void {
    const bell = this.#bells.get(jobId);
    if (bell === undefined) return;
    bell.rings += 1;
    for (const wake of bell.waiting) wake();
  }

  hold(jobId: string): JobBell {
    const bell = this.#bells.get(jobId) ?? { rings: 0, holders: 0, waiting: new Set() };
    this.#bells.set(jobId, bell);
    bell.holders += 1;
    return {
      rung: () => bell.rings,
      next: (since, signal, ms) =>
        bell.rings === since && !signal.aborted ? wait(bell, signal, ms) : Promise.resolve(),
      [Symbol.dispose]: () => {
        bell.holders -= 1;
        if (bell.holders === 0) this.#bells.delete(jobId);
      },
    };
  }
}

function wait(bell: Bell, signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      bell.waiting.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    bell.waiting.add(done);
    signal.addEventListener("abort", done, { once: true });
  });
}

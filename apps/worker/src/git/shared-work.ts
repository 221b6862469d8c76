/**
 * Work that many wait for and one does. Whoever asks first begins it, the others wait for the same; when one of them
 * leaves, the rest still get it, and when all have left it is stopped.
 */

/** What became of the shared work, for one who waited for it. */
export interface Joined<T> {
  readonly value: T;
  /** True when this caller's own work ran; false when somebody else's did. */
  readonly own: boolean;
}

/** Shared work by key. */
export interface SharedWork<T> {
  /**
   * Joins the work under way for `key`, or begins it. Null when `signal` fired first. Rejects as the work does.
   */
  join(key: string, begin: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<Joined<T> | null>;
}

interface Running<T> {
  readonly work: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** No work yet. */
export function createSharedWork<T>(): SharedWork<T> {
  const running = new Map<string, Running<T>>();

  function begin(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const stop = new AbortController();
    const begun: Running<T> = { work: work(stop.signal), stop, waiting: 0 };
    running.set(key, begun);
    const forget = (): void => {
      if (running.get(key) === begun) running.delete(key);
    };
    begun.work.then(forget, forget);
    return begun;
  }

  return {
    async join(key, work, signal) {
      if (signal?.aborted === true) return null;
      const there = running.get(key);
      const joined = there ?? begin(key, work);
      joined.waiting += 1;
      let leave = (): void => {};
      const left = new Promise<null>((resolve) => {
        leave = () => resolve(null);
      });
      signal?.addEventListener("abort", leave, { once: true });
      try {
        const value = await Promise.race([joined.work.then((done) => ({ done })), left]);
        return value === null ? null : { value: value.done, own: there === undefined };
      } finally {
        signal?.removeEventListener("abort", leave);
        joined.waiting -= 1;
        if (joined.waiting === 0) {
          // Nobody may join what is being stopped.
          if (running.get(key) === joined) running.delete(key);
          joined.stop.abort();
          // Nothing of it runs any more when the last one to leave comes back.
          await joined.work.catch(() => undefined);
        }
      }
    },
  };
}

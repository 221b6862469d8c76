/**
 * Time and chance as the worker's loops see them. They come in as an argument so that a test or the simulation can
 * move time by hand and repeat a run; the program uses the machine's own.
 */

/** Time and chance, injected. */
export interface Clock {
  /** Milliseconds that only rise, whatever happens to the wall clock; they go on while this process is stopped. */
  mono(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Calls `act` once after `ms`; the returned function takes that back. */
  after(ms: number, act: () => void): () => void;
}

/** The machine's own time and chance. */
export const machineClock: Clock = {
  mono: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  after(ms, act) {
    const timer = setTimeout(act, Math.min(Math.max(0, ms), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** Waits; ends early and without an error when the signal is aborted, because "stop" is a normal end of waiting. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      takeBack();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const takeBack = clock.after(ms, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/**
 * Milliseconds to wait before try number `tries` + 1: doubled each time up to `maxMs`, with jitter over the upper half
 * so that workers who lost the same server do not come back in step.
 */
export function backOff(clock: Clock, tries: number, baseMs = 250, maxMs = 10_000): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(tries, 20));
  return full * (0.5 + clock.random() / 2);
}

/** An interval with a tenth of jitter either way. */
export function jittered(clock: Clock, ms: number): number {
  return ms * (0.9 + clock.random() / 5);
}

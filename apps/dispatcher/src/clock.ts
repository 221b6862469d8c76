/** Time and chance as the dispatcher's parts see them. The simulation passes its own and moves it by hand. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  readonly mono: () => number;
  /** Milliseconds since 1970; may jump. */
  readonly wall: () => number;
  /** Calls `run` once after this many milliseconds; returns how to take that back. Does not keep the process alive. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Random bits for many numbers at once: a call to the system for each was a part of every lease's cost. */
const pool = new Uint32Array(1024);
let taken = pool.length;

/** The machine's own clock. */
export const systemClock: Clock = {
  mono: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: () => {
    if (taken >= pool.length) {
      crypto.getRandomValues(pool);
      taken = 0;
    }
    const high = pool[taken] ?? 0;
    const low = pool[taken + 1] ?? 0;
    taken += 2;
    return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
  },
};

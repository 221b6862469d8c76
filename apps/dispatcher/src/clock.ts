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
    const bits = crypto.getRandomValues(new Uint32Array(2));
    return ((bits[0] ?? 0) * 2 ** 21 + ((bits[1] ?? 0) >>> 11)) / 2 ** 53;
  },
};

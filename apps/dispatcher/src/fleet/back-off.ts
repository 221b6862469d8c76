/**
 * When a pool may start again after boots that failed: at once after the first, then later and later, so that a broken
 * image or machine is not kept busy with starting. A worker that registers ends it.
 */

/** Milliseconds to wait after the first, second, … failed boot in a row; the last one is kept to. */
export const BACK_OFF_MS = [0, 5_000, 10_000, 20_000, 40_000, 80_000] as const;

export interface BackOff {
  /** Failed boots in a row. */
  readonly failures: number;
  /** Not before this moment (monotonic). */
  readonly until: number;
  /** When the last failure was counted; boots that began before it failed together with it. */
  readonly failedAt: number;
}

export const NO_BACK_OFF: BackOff = {
  failures: 0,
  until: Number.NEGATIVE_INFINITY,
  failedAt: Number.NEGATIVE_INFINITY,
};

/** After one more failed boot that had begun at `begunAt`. */
export function afterFailure(before: BackOff, begunAt: number, now: number): BackOff {
  // Several that were started together and fail together are one failure.
  if (before.failures > 0 && begunAt <= before.failedAt) return before;
  const failures = before.failures + 1;
  const delay = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length) - 1] ?? 0;
  return { failures, until: now + delay, failedAt: now };
}

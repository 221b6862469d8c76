/**
 * How long a job waits before it is tried again. Jitter keeps jobs that failed together (a git host was down) from all
 * coming back at the same instant.
 */

import type { Rules } from "./rules.ts";

/** Uncounted returns before a job is slowed down: a drain or a worker that died early should cost it nothing. */
const FREE_RETURNS = 3;

/** Milliseconds to wait after the `failures`-th counted failure: doubled each time, random in the upper half, capped. */
export function backoffMs(rules: Rules, failures: number, random: () => number): number {
  const whole = Math.min(rules.retryMaxMs, rules.retryBaseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(whole / 2 + (whole / 2) * random());
}

/** Milliseconds to wait after the `returns`-th uncounted return: none for the first three, then a back-off, at most 60 s. */
export function returnDelayMs(rules: Rules, returns: number, random: () => number): number {
  if (returns <= FREE_RETURNS) return 0;
  const slow = { ...rules, retryBaseMs: 1_000, retryMaxMs: Math.min(60_000, rules.retryMaxMs) };
  return backoffMs(slow, returns - FREE_RETURNS, random);
}

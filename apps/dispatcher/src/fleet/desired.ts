/**
 * How many workers a pool should have, and which step leads there. Pure: the fleet does what this says. Up at once, down
 * only by workers that leave by themselves: one-shot workers after their job, and idle ones that are asked to.
 */

/** What a pool's workers do now. */
export interface PoolCounts {
  /** Started, not registered yet. */
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  /** Asked to leave, done with their only job, or not heard of any more: they take no other job. */
  readonly draining: number;
}

export interface PoolSize {
  readonly min: number;
  readonly max: number;
  readonly warm: number;
}

/** clamp(min, runnable + running + warm, max). */
export function desiredSize({ min, max, warm }: PoolSize, runnable: number, busy: number): number {
  return Math.min(Math.max(runnable + busy + warm, min), max);
}

/** How many jobs beyond those it has could this pool take: with new workers where it may start some, else with those it has. */
export function roomFor(size: PoolSize, counts: PoolCounts, mayStart: boolean): number {
  const free = counts.starting + counts.idle;
  return mayStart ? Math.max(free, size.max - counts.busy) : free;
}

/** How many to start now: what is missing, as far as `max` allows with those that have not left yet. */
export function toStart(size: PoolSize, counts: PoolCounts, desired: number): number {
  const { starting, idle, busy, draining } = counts;
  const missing = desired - (starting + idle + busy);
  return Math.max(0, Math.min(missing, size.max - (starting + idle + busy + draining)));
}

/** How many idle workers are more than wanted. */
export function surplus(counts: PoolCounts, desired: number): number {
  const { starting, idle, busy } = counts;
  return Math.max(0, Math.min(idle, starting + idle + busy - desired));
}

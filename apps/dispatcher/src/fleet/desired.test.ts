import fc from "fast-check";
import { expect, test } from "vitest";
import { afterFailure, BACK_OFF_MS, type BackOff, NO_BACK_OFF } from "./back-off.ts";
import { desiredSize, type PoolCounts, roomFor, surplus, toStart } from "./desired.ts";

const some = fc.nat(30);
const size = fc
  .record({ max: some, a: some, b: some })
  .map(({ max, a, b }) => ({ max, min: Math.min(a, max), warm: Math.min(b, max) }));
const counts = fc.record({ starting: some, idle: some, busy: some, draining: some });

const active = ({ starting, idle, busy }: PoolCounts): number => starting + idle + busy;

test("a pool should have as many as run, could run and are kept warm, at least min and at most max", () => {
  const pool = { min: 1, max: 10, warm: 2 };
  expect(desiredSize(pool, 0, 0)).toBe(2);
  expect(desiredSize({ ...pool, warm: 0 }, 0, 0)).toBe(1);
  expect(desiredSize(pool, 3, 2)).toBe(7);
  expect(desiredSize(pool, 30, 2)).toBe(10);
});

test("never more than max are alive, those that leave among them; what is missing is started, what is too many is idle", () => {
  fc.assert(
    fc.property(size, counts, some, (pool, now, runnable) => {
      const desired = desiredSize(pool, runnable, now.busy);
      expect(desired).toBeLessThanOrEqual(pool.max);
      expect(desired).toBeGreaterThanOrEqual(pool.min);
      const started = toStart(pool, now, desired);
      const idle = surplus(now, desired);
      expect(started).toBeGreaterThanOrEqual(0);
      if (started > 0) expect(active(now) + now.draining + started).toBeLessThanOrEqual(pool.max);
      if (started > 0) expect(active(now) + started).toBeLessThanOrEqual(desired);
      // Up is taken as far as there is room, and nobody is asked to leave while somebody is started.
      const room = pool.max - active(now) - now.draining;
      if (active(now) < desired) expect(started).toBe(Math.max(0, Math.min(desired - active(now), room)));
      expect(Math.min(started, idle)).toBe(0);
      expect(idle).toBeLessThanOrEqual(now.idle);
      if (idle > 0) expect(active(now) - idle).toBeGreaterThanOrEqual(desired);
    }),
    { seed: 20_261_126 },
  );
});

test("doing what is said leads to the size and stays there", () => {
  fc.assert(
    fc.property(size, some, some, (pool, runnable, running) => {
      let now: PoolCounts = { starting: 0, idle: 0, busy: Math.min(running, pool.max), draining: 0 };
      for (let round = 0; round < 3; round += 1) {
        const desired = desiredSize(pool, Math.min(runnable, roomFor(pool, now, true)), now.busy);
        const started = toStart(pool, now, desired);
        now = { ...now, idle: now.idle + started - surplus(now, desired) };
        expect(active(now)).toBe(Math.max(desired, now.busy));
      }
    }),
    { seed: 20_261_127 },
  );
});

test("a pool that may not start offers the workers it has", () => {
  const now = { starting: 1, idle: 2, busy: 3, draining: 4 };
  expect(roomFor({ min: 0, max: 10, warm: 0 }, now, true)).toBe(7);
  expect(roomFor({ min: 0, max: 10, warm: 0 }, now, false)).toBe(3);
  expect(roomFor({ min: 0, max: 2, warm: 0 }, now, true)).toBe(3);
});

test("failed boots wait longer and longer; those that began before the last failure are the same one", () => {
  let state: BackOff = NO_BACK_OFF;
  const waits: number[] = [];
  for (let n = 0, now = 1_000; n < 8; n += 1) {
    state = afterFailure(state, now, now + 10);
    waits.push(state.until - now - 10);
    expect(afterFailure(state, now, now + 20)).toBe(state);
    now = state.until + 1;
  }
  expect(waits).toEqual([...BACK_OFF_MS, 80_000, 80_000]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { RULES } from "./queue.fixture.ts";
import { backoffMs, returnDelayMs } from "./retry.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a back-off is in the upper half of its step, doubles with each failure and never exceeds the cap", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), random, (failures, roll) => {
      const whole = Math.min(RULES.retryMaxMs, RULES.retryBaseMs * 2 ** (failures - 1));
      const ms = backoffMs(RULES, failures, () => roll);
      expect(ms).toBeGreaterThanOrEqual(Math.floor(whole / 2));
      expect(ms).toBeLessThanOrEqual(whole);
    }),
  );
});

test("three returns are free, then each waits longer, up to a minute", () => {
  const delays = [1, 2, 3, 4, 5, 20].map((returns) => returnDelayMs(RULES, returns, () => 0));
  expect(delays).toEqual([0, 0, 0, 500, 1_000, 30_000]);
});

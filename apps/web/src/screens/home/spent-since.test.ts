import { expect, it } from "vitest";
import { spentSince } from "./spent-since.ts";

const EVENING = Date.UTC(2026, 10, 23, 20);
const day = (name: string, usd: number | null, unpricedCalls = 0) => ({ day: name, usd, unpricedCalls });

it("what the day of the look had cost until then is not told again", () => {
  const days = [day("2026-11-23", 5), day("2026-11-24", 1.5)];
  const spent = { day: "2026-11-23", usd: 4 };
  expect(spentSince(days, { since: EVENING, spent })).toEqual({
    usd: 2.5,
    about: expect.stringMatching(/1\.50 today\.$/),
  });
});

it("a day that nobody knows the half of counts from its midnight, and that is said", () => {
  const days = [day("2026-11-23", 5), day("2026-11-24", null)];
  for (const spent of [null, { day: "2026-11-20", usd: 4 }]) {
    const { usd, about } = spentSince(days, { since: EVENING, spent });
    expect(usd).toBe(5);
    expect(about).toMatch(/^Since 2026-11-23 00:00 UTC; /);
  }
});

it("nothing on record is not the same as nothing, and guesses are named", () => {
  expect(spentSince([day("2026-11-23", null)], { since: EVENING, spent: null }).usd).toBeNull();
  expect(spentSince([day("2026-11-23", 2, 3)], { since: EVENING, spent: null }).about).toContain(
    "3 calls have no known price",
  );
});

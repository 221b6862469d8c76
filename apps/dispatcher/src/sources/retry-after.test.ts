import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");

test.each([
  ["120", 120_000],
  ["0", 0],
  ["Mon, 23 Nov 2026 12:01:00 GMT", 60_000],
  ["Mon, 23 Nov 2026 11:00:00 GMT", 0],
  ["9999999999", 86_400_000],
  ["soon", null],
  ["-5", null],
])("Retry-After: %s", (value, expected) => {
  expect(retryAfterMs(new Headers({ "retry-after": value }), NOW)).toBe(expected);
});

test("a server that does not ask for a pause gets none", () => {
  expect(retryAfterMs(new Headers(), NOW)).toBeNull();
});

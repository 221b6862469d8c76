import { expect, it } from "vitest";
import { HandClock } from "../queue/queue.fixture.ts";
import { createLoginLimit } from "./login-limit.ts";

function limited() {
  const clock = new HandClock();
  const limit = createLoginLimit(clock);
  return {
    clock,
    /** Null: there is room. Otherwise the milliseconds until there is. */
    refused: (address: string): number | null => {
      try {
        limit.mustHaveRoom(address);
        return null;
      } catch (error) {
        expect(error).toMatchObject({ code: "too_many_requests" });
        return (error as { readonly details: { readonly retryAfterMs: number } }).details.retryAfterMs;
      }
    },
    fail: (address: string, times = 1): void => {
      for (let time = 0; time < times; time += 1) limit.failed(address);
    },
  };
}

it("ten wrong tokens in a minute are one address's share, and it is told how long to wait", async () => {
  const { clock, refused, fail } = limited();
  fail("10.0.0.1", 9);
  expect(refused("10.0.0.1")).toBeNull();
  await clock.pass(20_000);
  fail("10.0.0.1");
  expect(refused("10.0.0.1")).toBe(40_000);
  expect(refused("10.0.0.2")).toBeNull();
  await clock.pass(39_999);
  expect(refused("10.0.0.1")).toBe(1);
  await clock.pass(1);
  expect(refused("10.0.0.1")).toBeNull();
});

it("after a minute it goes on by one for each that is a minute old", async () => {
  const { clock, refused, fail } = limited();
  for (let second = 0; second < 10; second += 1) {
    fail("10.0.0.1");
    await clock.pass(1_000);
  }
  await clock.pass(50_000);
  expect(refused("10.0.0.1")).toBeNull();
  fail("10.0.0.1");
  expect(refused("10.0.0.1")).toBe(1_000);
});

it.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["::1", "::2", true],
  ["::1", "1::", false],
  ["fe80::1%eth0", "fe80::2%eth1", true],
  ["2001:DB8::1", "2001:0db8:0:0::9", true],
  ["::ffff:10.0.0.1", "10.0.0.1", true],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.2", false],
])("%s and %s share: %s", (one, other, share) => {
  const { refused, fail } = limited();
  fail(one, 10);
  expect(refused(other) !== null).toBe(share);
});

it("what is remembered does not grow with the addresses, and the latest is not forgotten for them", () => {
  const { refused, fail } = limited();
  fail("10.0.0.1", 10);
  for (let at = 0; at < 999; at += 1) fail(`10.1.${at >> 8}.${at & 255}`);
  expect(refused("10.0.0.1")).not.toBeNull();
  fail("10.2.0.1");
  expect(refused("10.0.0.1")).toBeNull();
});

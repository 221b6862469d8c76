import { expect, test } from "vitest";
import { maskMessage, wordsOf } from "./masks.ts";

test.each([
  ["connect to 10.0.0.1:443 failed", "connect to <*> failed"],
  ["got https://example.org/a?b=c from me@example.org", "got <*> from <*>"],
  ["job 7f9c24e8-3b12-4fa1-9c7d-1a2b3c4d5e6f done", "job <*> done"],
  ["at 2026-11-23T20:15:00.123Z it began", "at <*> it began"],
  ["since Nov  3 20:15:00 down", "since <*> down"],
  ["took 12.5 ms and 3 MB", "took <*> and <*>"],
  ["link aa:bb:cc:dd:ee:ff is up at 0xdeadbeef", "link <*> is up at <*>"],
  ['open "a file" said no', "open <*> said no"],
  ["cannot read /var/lib/app/data.db", "cannot read <*>"],
  ["blk_-162999 of part-7 is gone", "blk_-<*> of part-<*> is gone"],
  ["it's what we don't know", "it's what we don't know"],
  ["nothing here varies", "nothing here varies"],
])("%s", (message, masked) => {
  expect(maskMessage(message)).toBe(masked);
});

test("both halves of key=value are words", () => {
  expect(wordsOf("user=alice tty:none")).toEqual(["user", "alice", "tty", "none"]);
});

test("a hostile line costs no more than its length", () => {
  const began = performance.now();
  for (const unit of ["a.", "'", '"a', "1:", "/a", "a-", "0a", "a@", "http://", "<", "1,", "+-", "Nov "]) {
    maskMessage(unit.repeat(200_000));
  }
  for (let line = 0; line < 3_000; line += 1) maskMessage(`a:a:a:a:a:a:a:${"a".repeat(28)}Z `.repeat(60));
  // Generous: seconds would be a pattern that goes back over the text again and again.
  expect(performance.now() - began).toBeLessThan(10_000);
});

/** A search that finds an order for everything proves nothing: it is shown good histories, and many that no order explains. */
import { describe, expect, test } from "vitest";
import { type Call, type Operation, whyNotLinear } from "./linear.ts";

const ok = (from: number, to: number, operation: Operation): Call => ({ operation, from, to, outcome: "ok" });
const refused = (from: number, to: number, operation: Operation): Call => ({ operation, from, to, outcome: "refused" });
const unknown = (from: number, operation: Operation): Call => ({
  operation,
  from,
  to: Number.POSITIVE_INFINITY,
  outcome: "unknown",
});
const enqueue: Operation = { what: "enqueue" };
const cancel: Operation = { what: "cancel" };
const claim = (fence: number): Operation => ({ what: "claim", fence });
const beat = (fence: number): Operation => ({ what: "heartbeat", fence });
const finish = (fence: number, status = "succeeded", id = "one"): Operation => ({ what: "finish", fence, id, status });
const end = (status = "succeeded", fence: number | null = 1): Operation => ({ what: "end", fence, status });
const saw = (status: string, fence = 0): Operation => ({ what: "read", seen: { status, fence } });
const sawNothing: Operation = { what: "read", seen: null };

describe("an order is found for", () => {
  const good: Readonly<Record<string, readonly Call[]>> = {
    "nothing at all": [],
    "a whole life, one call after the other": [
      ok(0, 1, sawNothing),
      ok(2, 3, enqueue),
      ok(4, 5, saw("queued")),
      ok(6, 7, claim(1)),
      ok(8, 9, beat(1)),
      ok(10, 11, finish(1)),
      ok(12, 13, saw("succeeded", 1)),
    ],
    "a read that overlaps the claim and saw the time before it": [
      ok(0, 1, enqueue),
      ok(2, 9, claim(1)),
      ok(3, 8, saw("queued")),
    ],
    "a read that overlaps the claim and saw the time after it": [
      ok(0, 1, enqueue),
      ok(2, 9, claim(1)),
      ok(3, 4, saw("running", 1)),
    ],
    "a request without an answer that was taken later": [
      unknown(0, enqueue),
      ok(1, 2, sawNothing),
      ok(3, 4, saw("queued")),
    ],
    "a request without an answer that was never taken": [unknown(0, enqueue), ok(5, 6, sawNothing)],
    "a lease that ran out and the next one": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, saw("queued", 1)),
      ok(6, 7, claim(2)),
      refused(8, 9, beat(1)),
      ok(10, 11, beat(2)),
    ],
    "a lease that ran out before anybody else has the job": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      refused(4, 5, beat(1)),
      ok(6, 7, saw("queued", 1)),
    ],
    "a finish told again": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, finish(1)), ok(6, 7, finish(1))],
    "a finish without an answer, seen by a reader and told again": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      unknown(4, finish(1)),
      ok(5, 6, saw("succeeded", 1)),
      ok(7, 8, finish(1)),
    ],
    "work given back, done by another, and the giving back told again": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1, "queued")),
      ok(6, 7, claim(2)),
      ok(8, 9, finish(1, "queued")),
      ok(10, 11, finish(2, "succeeded", "two")),
      ok(0, 20, end("succeeded", 2)),
    ],
    "a cancel of what waits": [ok(0, 1, enqueue), ok(2, 3, cancel), ok(4, 5, saw("canceled"))],
    "a cancel of what runs": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, cancel),
      ok(6, 7, beat(1)),
      ok(8, 9, finish(1, "canceled")),
    ],
  };
  for (const [name, calls] of Object.entries(good)) test(name, () => expect(whyNotLinear(calls)).toBeNull());
});

describe("no order is found for", () => {
  const bad: Readonly<Record<string, readonly Call[]>> = {
    "an accepted job that is not there": [ok(0, 1, enqueue), ok(2, 3, sawNothing)],
    "a job that was seen and is gone": [unknown(0, enqueue), ok(1, 2, saw("queued")), ok(3, 4, sawNothing)],
    "a job that was seen before anybody asked for it": [ok(0, 1, saw("queued")), ok(2, 3, enqueue)],
    "a job nobody asked for": [ok(0, 1, saw("queued"))],
    "a refused request that made a job": [refused(0, 1, enqueue), ok(2, 3, saw("queued"))],
    "a lease of a job nobody asked for": [ok(0, 1, claim(1))],
    "one fence given twice": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, claim(1))],
    "a fence that falls": [ok(0, 1, enqueue), ok(2, 3, claim(2)), ok(4, 5, claim(1))],
    "a lease after the end": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, finish(1)), ok(6, 7, claim(2))],
    "a heartbeat under an old fence": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, claim(2)), ok(6, 7, beat(1))],
    "a heartbeat before the lease": [ok(0, 1, enqueue), ok(2, 3, beat(1)), ok(4, 5, claim(1))],
    "a heartbeat after the end": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, finish(1)), ok(6, 7, beat(1))],
    "a heartbeat after one that was refused": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      refused(4, 5, beat(1)),
      ok(6, 7, beat(1)),
    ],
    "a finish under an old fence": [ok(0, 1, enqueue), ok(2, 3, claim(1)), ok(4, 5, claim(2)), ok(6, 7, finish(1))],
    "a finish without a lease": [ok(0, 1, enqueue), ok(2, 3, finish(1))],
    "two finishes of one lease": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1)),
      ok(6, 7, finish(1, "failed", "two")),
    ],
    "one finish with two answers": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1)),
      ok(6, 7, finish(1, "failed")),
    ],
    "a finish of two leases at once": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, claim(2)),
      ok(6, 9, finish(1)),
      ok(6, 9, finish(2, "succeeded", "two")),
    ],
    "an accepted finish that was taken back": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1)),
      ok(6, 7, saw("running", 1)),
    ],
    "an end that is another one later": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1)),
      ok(6, 7, saw("failed", 1)),
    ],
    "an end in the stream that is not the one of the finish": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, finish(1)),
      ok(0, 9, end("failed")),
    ],
    "success of what nobody did": [ok(0, 1, enqueue), ok(0, 9, end("succeeded", null))],
    "two reads one after the other that go back in time": [
      ok(0, 1, enqueue),
      ok(2, 20, claim(1)),
      ok(3, 4, saw("running", 1)),
      ok(5, 6, saw("queued", 0)),
    ],
    "a stale read after the next lease was seen": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, claim(2)),
      ok(6, 7, saw("running", 1)),
    ],
    "a lease that runs again after it was seen to wait": [
      ok(0, 1, enqueue),
      ok(2, 3, claim(1)),
      ok(4, 5, saw("queued", 1)),
      ok(6, 7, saw("running", 1)),
    ],
    "a canceled job that is given away": [ok(0, 1, enqueue), ok(2, 3, cancel), ok(4, 5, claim(1))],
    "a canceled job that waits again": [ok(0, 1, enqueue), ok(2, 3, cancel), ok(4, 5, saw("queued"))],
    "a cancel of a job that is not there": [ok(0, 1, cancel), ok(2, 3, enqueue)],
  };
  for (const [name, calls] of Object.entries(bad)) {
    test(name, () => expect(whyNotLinear(calls)).toMatch(/^no order explains it/));
  }
});

test("a long history with many calls at once is searched in no time", { timeout: 20_000 }, () => {
  const life = Array.from({ length: 12 }, (_, n) => [
    ok(0, 1_000, claim(n + 1)),
    ok(n * 10, n * 10 + 400, beat(n + 1)),
    unknown(n, enqueue),
    ok(n * 10, n * 10 + 500, saw("running", n + 1)),
  ]).flat();
  expect(whyNotLinear([ok(0, 1, enqueue), ...life])).toBeNull();
  expect(whyNotLinear([ok(0, 1, enqueue), ...life, ok(2_000, 2_001, saw("queued", 3))])).not.toBeNull();
});

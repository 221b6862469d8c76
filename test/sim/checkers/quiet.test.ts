import type { HiveEvent } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry } from "../history.ts";
import { INTERVALS, RULES } from "../rules.ts";
import { noLosses } from "./quiet.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const LEASE = { worker: "w1", jobId: "a", fence: 1 } as const;
const PATIENCE_MS = (INTERVALS.leaseMs * 2) / 3;

const event = (id: number, type: HiveEvent["type"], at: number, data: Record<string, unknown>): HiveEvent => ({
  ...{ id, type, at, jobId: "a" },
  data: { generation: 1, fence: 1, workerId: "w1", ...data },
});
const duty = (at: number, what: "leads" | "away" | "back", dispatcher = "one"): Entry => ({
  ...{ kind: "duty", at, wall: at, dispatcher, what },
});
const beat = (sentAt: number, at: number, outcome = "unknown"): Entry => ({
  ...{ kind: "write", at, sentAt, what: "heartbeat", outcome, token: null, finishId: null, status: null },
  ...LEASE,
});
const gaveUp = (at: number, why = "unreachable"): Entry => ({ kind: "gave-up", at, why, ...LEASE });
const granted: Entry = { kind: "granted", at: 1_000, ...LEASE };

/** What the checker says of a lease that was begun and then lost at that moment. */
function said(lostAt: number, ...entries: readonly Entry[]): string {
  const events = [
    event(1, "job.leased", 1_000, {}),
    event(2, "job.started", 1_010, {}),
    event(3, "job.retrying", lostAt, { error: { code: "worker_lost" } }),
  ];
  return noLosses({ ...NOTHING_SEEN, events, entries: [duty(0, "leads"), granted, ...entries] }).join("\n");
}

/** A dispatcher away from 1,500 on, whose worker asked three times without an answer. */
const ASKED = [beat(1_000, 1_020, "ok"), beat(3_000, 3_010), beat(4_010, 4_020)];

test("a lease that ran out while dispatchers were away is excused, once one was there for a term", () => {
  const away = [duty(1_500, "away"), ...ASKED, gaveUp(1_000 + PATIENCE_MS), duty(6_000, "leads", "two")];
  expect(said(6_000 + RULES.leaseMs, ...away)).toBe("");
  expect(said(6_000, ...away)).toMatch(/a\/1 was lost in event 3, 0 ms after a dispatcher was there again/);
  expect(said(6_000 + RULES.leaseMs / 2, ...away)).toContain("3000 ms after a dispatcher was there again");
});

test("a dispatcher that slept owes a full term as one that began does", () => {
  const slept = [duty(1_500, "away"), ...ASKED, gaveUp(1_000 + PATIENCE_MS), duty(9_000, "back")];
  expect(said(9_001, ...slept)).toContain("1 ms after a dispatcher was there again");
  expect(said(9_000 + RULES.leaseMs, ...slept)).toBe("");
});

test("a worker whose first heartbeat got no answer gives up sooner, and is excused alike", () => {
  const never = [duty(1_001, "away"), beat(1_000, 1_020), beat(2_020, 2_030), duty(2_500, "leads")];
  expect(said(20_000, ...never, gaveUp(1_000 + RULES.firstBeatMs))).toBe("");
  expect(said(20_000, ...never, gaveUp(1_900))).toContain("its worker gave up after only 900 ms");
});

test("a lease whose worker did not give up, or for another reason, is not excused", () => {
  expect(said(20_000, duty(1_500, "away"), ...ASKED, duty(6_000, "leads"))).toContain("and no worker had failed");
  const stale = [duty(1_500, "away"), ...ASKED, duty(6_000, "leads"), gaveUp(20_000, "stale")];
  expect(said(20_000, ...stale)).toContain("and no worker had failed");
});

test("a dispatcher that was there and did not answer is no excuse", () => {
  const up = gaveUp(1_000 + PATIENCE_MS);
  expect(said(20_000, ...ASKED, up)).toContain("the dispatcher was there when its worker asked at 3000.0");
  const soonBack = [duty(1_500, "away"), ...ASKED, duty(3_500, "leads"), up];
  expect(said(20_000, ...soonBack)).toContain("the dispatcher was there when its worker asked at 4010.0");
  const standby = [duty(1_500, "away", "two"), ...ASKED, up];
  expect(said(20_000, ...standby)).toContain("the dispatcher was there when its worker asked at 3000.0");
});

test("a worker that did not ask, or heard and gave up all the same, is no excuse", () => {
  const [taken = granted, first = granted] = ASKED;
  const away = duty(1_500, "away");
  const back = duty(6_000, "leads");
  const up = gaveUp(1_000 + PATIENCE_MS);
  expect(said(20_000, away, taken, up, back)).toContain("its worker did not ask from 1020.0 on");
  expect(said(20_000, away, taken, beat(4_900, 4_910), up, back)).toContain("did not ask from 1020.0 on");
  expect(said(20_000, away, taken, first, beat(3_500, 3_510, "ok"), up, back)).toContain("gave up after only 1500 ms");
});

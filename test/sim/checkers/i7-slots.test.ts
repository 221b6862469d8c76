/** The checker of slots, shown a good history and each way to break it. */

import type { HiveEvent, SlotRecord } from "@hive/core";
import { expect, test } from "vitest";
import type { Entry } from "../history.ts";
import { STEP_MS } from "../rules.ts";
import { oneJobPerSlot } from "./i7-slots.ts";
import { NOTHING_SEEN } from "./seen.fixture.ts";

const ID = "skip-0";

function slotAt(n: number): number {
  return 1_000_000 + n * STEP_MS;
}

type Told = readonly [type: HiveEvent["type"], jobId: string | null, data: Record<string, unknown>];

function changed(next: number | null, change = "changed"): Told {
  return ["schedule.changed", null, { schedule: ID, change, next }];
}

function queued(n: number): Told {
  return ["job.queued", `${ID}.${slotAt(n)}`, { status: "queued" }];
}

function fired(n: number, by = "clock"): Told {
  return ["schedule.fired", `${ID}.${slotAt(n)}`, { schedule: ID, slot: slotAt(n), by }];
}

function ended(n: number): Told {
  return ["job.succeeded", `${ID}.${slotAt(n)}`, { status: "succeeded" }];
}

const GOOD: readonly Told[] = [
  changed(slotAt(0), "created"),
  ...[queued(0), fired(0), ended(0), queued(2), fired(2)],
  ["schedule.paused", null, { schedule: ID, by: "a person" }],
  ...[queued(3), fired(3, "trigger:a person"), ended(2), ended(3)],
  changed(slotAt(9), "resumed"),
  ...[queued(9), fired(9)],
];

function record(n: number, what: Partial<SlotRecord> = {}): SlotRecord {
  const jobId = `${ID}.${slotAt(n)}`;
  return {
    ...{ schedule: ID, slot: slotAt(n), at: 0, outcome: "job", reason: null, message: null, jobId, by: "clock" },
    ...what,
  };
}

const SKIPPED = { outcome: "skipped", reason: "overlap", jobId: null } as const;
const RECORDS = [record(0), record(1, SKIPPED), record(2), record(3, { by: "trigger:a person" }), record(9)];

function found(
  told: readonly Told[],
  slots: readonly SlotRecord[] = RECORDS,
  entries: readonly Entry[] = [],
): readonly string[] {
  const events = told.map(([type, jobId, data], place): HiveEvent => ({ id: place + 1, type, at: place, jobId, data }));
  return oneJobPerSlot({ ...NOTHING_SEEN, entries, events, slots });
}

function heard(n: number, what: Partial<Pick<SlotRecord, "outcome" | "jobId">> = {}): Entry {
  const { slot, outcome, jobId } = record(n, what);
  return { kind: "fired", at: 5, sentAt: 4, schedule: ID, by: "clock", slots: [{ slot, outcome, jobId }] };
}

test("nothing is found in a good history", () => {
  expect(found(GOOD, RECORDS, [heard(0), heard(1, SKIPPED), heard(2)])).toEqual([]);
});

test("a slot that made its job twice, and a job of no slot", () => {
  expect(found([...GOOD, ended(9), fired(9)])).toEqual([
    expect.stringContaining(`the slot ${slotAt(9)} of ${ID} was made again`),
    expect.stringContaining(`the job ${ID}.${slotAt(9)} was made again`),
  ]);
  expect(found([...GOOD, queued(10)])).toEqual([expect.stringMatching(/^I7: skip-0\.1010000 is of no slot/)]);
});

test("a job whose slot has no record, another's, or one that says otherwise", () => {
  const without = RECORDS.filter(({ slot }) => slot !== slotAt(2));
  expect(found(GOOD, without)).toEqual([
    expect.stringMatching(/^I7: slot skip-0\/1002000 made .* its record says nothing/),
  ]);
  expect(found(GOOD, [...without, record(2, SKIPPED)])).toEqual([
    expect.stringContaining("its record says skipped overlap"),
  ]);
  expect(found(GOOD, [...RECORDS, record(4)])).toEqual([expect.stringContaining("which nobody made")]);
});

test("a slot that waits for ever", () => {
  expect(found(GOOD, [...RECORDS, record(10, { outcome: "buffered", jobId: null })])).toEqual([
    expect.stringContaining("waits for ever"),
  ]);
});

test("what somebody was told is not so any more", () => {
  expect(found(GOOD, RECORDS, [heard(1)])).toEqual([expect.stringContaining("was told at 5 to be job")]);
  expect(found(GOOD, RECORDS, [heard(7, SKIPPED)])).toEqual([expect.stringContaining("it is nothing")]);
  expect(found(GOOD, RECORDS, [heard(2, SKIPPED)])).toEqual([]);
});

test("a slot in between that nobody wrote down", () => {
  const without = RECORDS.filter(({ slot }) => slot !== slotAt(1));
  expect(found(GOOD, without)).toEqual([
    expect.stringMatching(/^I7: slot 1001000 of skip-0 has no record, and 1002000/),
  ]);
});

test("a clock that goes on while it is paused, or gone", () => {
  const still = GOOD.filter((one) => one[0] !== "schedule.changed" || one[2]["change"] !== "resumed");
  expect(found(still)).toEqual([
    expect.stringMatching(/^I7: slot \d+ of skip-0 has no record/),
    ...Array.from({ length: 4 }, () => expect.stringMatching(/^I7: slot \d+ of skip-0 has no record/)),
    expect.stringContaining("which is paused or gone"),
  ]);
  const [, ...after] = [...GOOD];
  expect(
    found(
      [changed(slotAt(0), "created"), ...after.slice(0, 4), changed(null, "removed"), fired(2)],
      [...[record(0), record(1, SKIPPED), record(2)]],
    ),
  ).toContainEqual(expect.stringContaining("which is paused or gone"));
});

test("two jobs at a time where nothing is to overlap, unless a person asked for it", () => {
  const early = GOOD.filter((one) => one[0] !== "job.succeeded" || one[1] !== `${ID}.${slotAt(0)}`);
  expect(found(early)).toEqual(
    Array.from({ length: 2 }, () => expect.stringContaining(`while ${ID}.${slotAt(0)} was not over`)),
  );
});

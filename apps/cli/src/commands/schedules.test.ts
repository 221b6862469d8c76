import type { ScheduleView } from "@hive/sdk";
import { expect, it } from "vitest";
import { previewText, scheduleTable, scheduleText, slotTable } from "./schedules.ts";

const at = Date.parse("2026-05-04T02:30:00Z");
const schedule: ScheduleView = {
  id: "nightly",
  revision: 3,
  managedBy: "file",
  spec: { cron: "30 2 * * *", timezone: "Europe/Berlin" },
  createdAt: 0,
  changedAt: 0,
  next: { slot: at, dueAt: at + 60_000 },
  paused: null,
  runs: 12,
  failures: 0,
  open: [],
  buffered: [],
  lastSlot: null,
  words: "at 02:30 (Europe/Berlin)",
};

it("schedules are listed with what comes next and why one does not", () => {
  const text = scheduleTable([
    schedule,
    { ...schedule, id: "odd", words: null, next: null },
    { ...schedule, id: "loud", next: null, paused: { by: "hive", reason: "3 jobs in a row failed", at } },
  ]);
  expect(text.split("\n")).toEqual([
    "SCHEDULE  NEXT                  WHEN                      RUNS  FROM",
    "nightly   2026-05-04T02:31:00Z  at 02:30 (Europe/Berlin)  12    file",
    "odd       never again           30 2 * * * Europe/Berlin  12    file",
    "loud      paused                at 02:30 (Europe/Berlin)  12    file",
  ]);
  expect(scheduleTable([])).toBe("There are no schedules.");
});

it("one schedule tells who paused it and what it waits for, and steers no terminal", () => {
  const paused = { by: "api", reason: "\u001b[31mtoo loud", at };
  expect(scheduleText({ ...schedule, paused, failures: 2, open: ["nightly.x"], buffered: [at] }).split("\n")).toEqual([
    "nightly: at 02:30 (Europe/Berlin)",
    "  next: paused",
    "  revision 3, 12 runs",
    "  paused by api at 2026-05-04T02:30:00Z: too loud",
    "  failed in a row: 2",
    "  not over: nightly.x",
    "  waiting slots: 2026-05-04T02:30:00Z",
  ]);
});

it("slots say what became of them", () => {
  const record = { slot: at, at, message: null, by: "clock" } as const;
  const text = slotTable([
    { ...record, outcome: "job", reason: null, jobId: "nightly.20260504T023000Z" },
    { ...record, outcome: "skipped", reason: "missed", jobId: null, message: "7 slots were missed" },
  ]);
  expect(text.split("\n").slice(1)).toEqual([
    "2026-05-04T02:30:00Z  job              nightly.20260504T023000Z  clock",
    "2026-05-04T02:30:00Z  skipped: missed                            clock  7 slots were missed",
  ]);
});

it("a preview shows both clocks, and slots without a job", () => {
  const slot = { slot: at, dueAt: at, local: "2026-05-04T04:30:00+02:00", utc: "2026-05-04T02:30:00.000Z" };
  const text = previewText({
    words: "at 02:30 (Europe/Berlin)",
    timezone: "Europe/Berlin",
    slots: [
      { ...slot, skip: null },
      { ...slot, skip: "dst_gap" },
    ],
  });
  expect(text).toContain("2026-05-04T04:30:00+02:00  2026-05-04T02:30:00Z\n");
  expect(text).toContain("no job: dst_gap");
});

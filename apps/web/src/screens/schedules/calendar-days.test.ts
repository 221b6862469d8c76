import { expect, it } from "vitest";
import { byDay, calendarSearch, dayOf, linesOf, periodsLater, shownDays, textOf } from "./calendar-days.ts";
import type { Slot } from "./slot-look.tsx";

const day = (text: string): Date => dayOf(text) ?? new Date(Number.NaN);

it("a week begins where weeks begin, and a month is shown as whole weeks", () => {
  expect(shownDays(day("2026-11-24"), "week", 1).map(textOf)).toEqual([
    ...["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"],
  ]);
  expect(shownDays(day("2026-11-24"), "week", 7).map(textOf)[0]).toBe("2026-11-22");
  const month = shownDays(day("2026-11-24"), "month", 1).map(textOf);
  expect([month.length, month[0], month.at(-1)]).toEqual([42, "2026-10-26", "2026-12-06"]);
  // February 2027 begins on a Monday and has four weeks.
  expect(shownDays(day("2027-02-10"), "month", 1)).toHaveLength(28);
});

it("a month later is the last day where there is no such day", () => {
  expect(textOf(periodsLater(day("2026-01-31"), "month", 1))).toBe("2026-02-28");
  expect(textOf(periodsLater(day("2026-03-31"), "month", -1))).toBe("2026-02-28");
  expect(textOf(periodsLater(day("2026-12-30"), "week", 1))).toBe("2027-01-06");
});

it("an address that cannot be read is today's week of all schedules", () => {
  expect(calendarSearch({ view: "year", day: "2026-02-30", schedule: "" })).toEqual({});
  const search = { view: "month", day: "2026-02-28", schedule: "nightly" };
  expect(calendarSearch(search)).toEqual(search);
});

it("a day lists slots in order of time, and many of one schedule in one line", () => {
  const slotAt = (hour: number): Slot => ({
    ...{ slot: day("2026-11-24").getTime() + hour * 3_600_000, state: "coming" },
    ...{ reason: null, message: null, jobId: null, jobStatus: null },
  });
  const row = (id: string, hours: readonly number[]) => ({
    ...{ id, words: null, timezone: "UTC", isPaused: false, more: false },
    slots: hours.map(slotAt),
  });
  const days = byDay({ schedules: [row("hourly", [0, 1, 2, 3]), row("nightly", [2, 30])] });
  expect([...days.keys()]).toEqual(["2026-11-24", "2026-11-25"]);
  const lines = linesOf(days.get("2026-11-24") ?? [], 3);
  expect(
    lines.map((line) =>
      line.kind === "many" ? `${line.slots.length} of ${line.schedule}` : line.appointment.schedule,
    ),
  ).toEqual(["4 of hourly", "nightly"]);
});

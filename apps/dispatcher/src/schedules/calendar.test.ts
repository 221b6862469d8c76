import { Cron } from "croner";
import { describe, expect, test, vi } from "vitest";
import type { ScheduleSpec } from "@hive/protocol";
import { createCalendar } from "./calendar.ts";

type When = Omit<ScheduleSpec, "job">;

/** The slots between two instants as texts, with the reason of those that make no job. */
function slots(spec: When, from: string, until: string): string[] {
  const calendar = createCalendar(spec);
  const end = Date.parse(until);
  const found: string[] = [];
  for (let one = calendar.after(Date.parse(from) - 1); one !== null && one.slot < end; one = calendar.after(one.slot)) {
    const text = new Date(one.slot).toISOString().replace(":00.000Z", "Z");
    found.push(one.skip === null ? text : `${text} ${one.skip}`);
  }
  return found;
}

const berlin = (cron: string, dst?: When["dst"]): When => ({ cron, timezone: "Europe/Berlin", ...(dst && { dst }) });

describe("the night that loses an hour", () => {
  const night = (spec: When): string[] => slots(spec, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");

  test("a fixed time that does not exist runs at the first instant after the gap", () => {
    expect(night(berlin("30 2 * * *"))).toEqual(["2026-03-29T01:00Z"]);
  });

  test("or makes no job and is a slot all the same, where the schedule says so", () => {
    expect(night(berlin("30 2 * * *", { gap: "skip" }))).toEqual(["2026-03-29T01:00Z dst_gap"]);
  });

  test("a list of fixed times in the gap runs once after it", () => {
    expect(night(berlin("15,45 2 * * *"))).toEqual(["2026-03-29T01:00Z"]);
    expect(night(berlin("30 1,2 * * *"))).toEqual(["2026-03-29T00:30Z", "2026-03-29T01:00Z"]);
  });

  test("a time after the gap that the pattern names is no stand-in", () => {
    expect(night(berlin("0 2,3 * * *", { gap: "skip" }))).toEqual(["2026-03-29T01:00Z"]);
  });

  test("every hour stays every hour", () => {
    expect(slots(berlin("0 * * * *"), "2026-03-29T00:00:00Z", "2026-03-29T04:00:00Z")).toHaveLength(4);
  });

  test("steps skip what does not exist", () => {
    expect(slots(berlin("*/30 1-3 * * *"), "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z")).toEqual([
      "2026-03-29T00:00Z",
      "2026-03-29T00:30Z",
      "2026-03-29T01:00Z",
      "2026-03-29T01:30Z",
    ]);
  });

  test("Lord Howe loses half an hour and keeps its day", () => {
    const spec = { cron: "0 2 * * *", timezone: "Australia/Lord_Howe" };
    expect(slots(spec, "2026-10-02T16:00:00Z", "2026-10-05T00:00:00Z")).toEqual([
      "2026-10-03T15:30Z",
      "2026-10-04T15:00Z",
    ]);
  });

  test("Santiago loses its midnight and keeps its day", () => {
    const spec = { cron: "0 0 * * *", timezone: "America/Santiago" };
    expect(slots(spec, "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z")).toEqual([
      "2026-09-06T04:00Z",
      "2026-09-07T03:00Z",
    ]);
  });
});

describe("the night that has an hour twice", () => {
  const night = (spec: When): string[] => slots(spec, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");

  test("a fixed time runs the first time, and the second is a slot without a job", () => {
    expect(night(berlin("30 2 * * *"))).toEqual(["2026-10-25T00:30Z", "2026-10-25T01:30Z dst_repeat"]);
  });

  test("or both times, where the schedule says so", () => {
    expect(night(berlin("30 2 * * *", { repeat: "both" }))).toEqual(["2026-10-25T00:30Z", "2026-10-25T01:30Z"]);
  });

  test("a list of fixed times comes once each", () => {
    expect(night(berlin("15,45 2 * * *"))).toEqual([
      "2026-10-25T00:15Z",
      "2026-10-25T00:45Z",
      "2026-10-25T01:15Z dst_repeat",
      "2026-10-25T01:45Z dst_repeat",
    ]);
  });

  test("each quarter of an hour has its slot, without a hole and without a double", () => {
    const quarters = slots(berlin("*/15 * * * *"), "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
    expect(quarters).toHaveLength(16);
    expect(new Set(quarters).size).toBe(16);
  });

  test("steps in the repeated hour run through it", () => {
    expect(slots(berlin("*/30 1-3 * * *"), "2026-10-24T22:30:00Z", "2026-10-25T12:00:00Z")).toEqual([
      "2026-10-24T23:00Z",
      "2026-10-24T23:30Z",
      "2026-10-25T00:00Z",
      "2026-10-25T00:30Z",
      "2026-10-25T01:00Z",
      "2026-10-25T01:30Z",
      "2026-10-25T02:00Z",
      "2026-10-25T02:30Z",
    ]);
  });

  test("Lord Howe repeats half an hour", () => {
    const spec = { cron: "45 1 * * *", timezone: "Australia/Lord_Howe" };
    expect(slots(spec, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z")).toEqual([
      "2026-04-04T14:45Z",
      "2026-04-04T15:15Z dst_repeat",
    ]);
  });

  test("each of its minutes is found without a look at all others", () => {
    const looks = vi.spyOn(Cron.prototype, "nextRun");
    try {
      expect(slots(berlin("* * * * *"), "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z")).toHaveLength(240);
      expect(looks.mock.calls.length).toBeLessThan(1_000);
    } finally {
      looks.mockRestore();
    }
  });

  test("a slot asked for from within the night is the same as from before it", () => {
    const calendar = createCalendar(berlin("30 2 * * *"));
    expect(calendar.after(Date.parse("2026-10-25T00:45:00Z"))?.slot).toBe(Date.parse("2026-10-25T01:30:00Z"));
    expect(calendar.after(Date.parse("2026-10-25T01:30:00Z"))?.slot).toBe(Date.parse("2026-10-26T01:30:00Z"));
  });
});

describe("slots that do not depend on a zone", () => {
  test("the day of the month or the day of the week, as cron has it", () => {
    expect(slots({ cron: "0 0 13 * 5" }, "2026-01-01T00:00:00Z", "2026-01-14T00:00:00Z")).toEqual([
      "2026-01-02T00:00Z",
      "2026-01-09T00:00Z",
      "2026-01-13T00:00Z",
    ]);
  });

  test("every 6 hours is counted from 1970, whoever asks and whenever", () => {
    const calendar = createCalendar({ every: "6h" });
    expect(calendar.after(Date.parse("2026-05-01T07:11:12Z"))?.slot).toBe(Date.parse("2026-05-01T12:00:00Z"));
    expect(calendar.after(Date.parse("2026-05-01T12:00:00Z"))?.slot).toBe(Date.parse("2026-05-01T18:00:00Z"));
  });

  test("at is once, in the zone of the schedule", () => {
    const calendar = createCalendar({ at: "2026-12-01T09:00", timezone: "Europe/Berlin" });
    const slot = Date.parse("2026-12-01T08:00:00Z");
    expect(calendar.after(0)?.slot).toBe(slot);
    expect(calendar.after(slot)).toBeNull();
  });

  test("start and end are part of what they enclose", () => {
    const limits = { start: "2026-05-02T00:00:00Z", end: "2026-05-03T00:00:00Z" };
    expect(slots({ cron: "0 0 * * *", limits }, "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z")).toEqual([
      "2026-05-02T00:00Z",
      "2026-05-03T00:00Z",
    ]);
  });

  test("a day that no year has makes no slot", () => {
    expect(createCalendar({ cron: "0 0 31 2 *" }).after(0)).toBeNull();
  });

  test("seconds and what is no pattern are refused with a sentence", () => {
    for (const cron of ["* * * * * *", "60 * * * *", "@reboot", "tomorrow"]) {
      expect(() => createCalendar({ cron })).toThrow(/is no cron pattern of five fields/);
    }
  });
});

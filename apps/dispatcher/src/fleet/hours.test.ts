import { describe, expect, test } from "vitest";
import { isOpen, parseHours } from "./hours.ts";

/** Is a pool with these hours open at this moment? */
function open(hours: string | string[], at: string): boolean {
  const parsed = parseHours(typeof hours === "string" ? [hours] : hours);
  if (!parsed.ok) throw new Error(parsed.message);
  return isOpen(parsed.spans, Date.parse(at));
}

describe("hours", () => {
  test("are open from the first minute up to the last, on the days named", () => {
    // 16 November 2026 is a Monday.
    for (const [at, expected] of [
      ["2026-11-16T07:59:59Z", false],
      ["2026-11-16T08:00:00Z", true],
      ["2026-11-16T17:59:59Z", true],
      ["2026-11-16T18:00:00Z", false],
      ["2026-11-20T12:00:00Z", true],
      ["2026-11-21T12:00:00Z", false],
    ] as const)
      expect([at, open("Mo-Fr 08:00-18:00 UTC", at)]).toEqual([at, expected]);
  });

  test("that pass midnight belong to the day they begin on", () => {
    for (const [at, expected] of [
      ["2026-11-20T21:59:00Z", false],
      ["2026-11-20T22:00:00Z", true],
      ["2026-11-21T05:59:00Z", true],
      ["2026-11-21T06:00:00Z", false],
      ["2026-11-21T23:00:00Z", false],
      ["2026-11-20T03:00:00Z", false],
    ] as const)
      expect([at, open("Fr 22:00-06:00 UTC", at)]).toEqual([at, expected]);
  });

  test("are those of the time zone they name, in summer and in winter", () => {
    expect(open("08:00-09:00 Europe/Berlin", "2026-07-01T06:30:00Z")).toBe(true);
    expect(open("08:00-09:00 Europe/Berlin", "2026-12-01T06:30:00Z")).toBe(false);
    expect(open("08:00-09:00 Europe/Berlin", "2026-12-01T07:30:00Z")).toBe(true);
    expect(open("Su 20:00-21:00 America/New_York", "2026-11-23T01:30:00Z")).toBe(true);
  });

  test("without days are every day, of several spans one is enough, of none it is always open", () => {
    expect(open("00:00-24:00 UTC", "2026-11-21T23:59:59Z")).toBe(true);
    expect(open(["Mo 08:00-09:00 UTC", "We,Sa-Su 10:00-11:00 UTC"], "2026-11-22T10:30:00Z")).toBe(true);
    expect(open("Sa-Mo 10:00-11:00 UTC", "2026-11-16T10:30:00Z")).toBe(true);
    expect(open([], "2026-11-16T10:30:00Z")).toBe(true);
  });

  test("that are none are refused with what is wrong", () => {
    for (const [text, why] of [
      ["nine to five", "is no span of hours"],
      ["Mo-Fr", "is no span of hours"],
      ["Xx 08:00-18:00", "names days as Xx"],
      ["Mo-We-Fr 08:00-18:00", "names days as Mo-We-Fr"],
      ["08:61-18:00", "a time that no day has"],
      ["08:00-25:00", "a time that no day has"],
      ["24:00-08:00", "a time that no day has"],
      ["08:00-18:00 Mars/Olympus", "the time zone Mars/Olympus, which does not exist"],
    ] as const) {
      const parsed = parseHours([text]);
      expect(parsed).toMatchObject({ ok: false });
      expect(parsed.ok ? "" : parsed.message).toContain(why);
      expect(parsed.ok ? "" : parsed.message).toContain(`"${text}"`);
    }
  });
});

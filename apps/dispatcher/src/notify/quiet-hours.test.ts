import { describe, expect, it } from "vitest";
import { nextTime, quietUntil } from "./quiet-hours.ts";

const at = (text: string): number => Date.parse(text);
const text = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());
const NIGHT = { from: "22:00", to: "07:00" };
const BERLIN = "Europe/Berlin";

describe("quiet hours", () => {
  it("begin at their first minute and end before their last, over midnight", () => {
    const end = at("2026-11-24T06:00:00Z");
    expect(quietUntil(NIGHT, BERLIN, at("2026-11-23T20:59:59Z"))).toBeNull();
    for (const inside of ["2026-11-23T21:00:00Z", "2026-11-23T23:30:00Z", "2026-11-24T05:59:59Z"])
      expect(quietUntil(NIGHT, BERLIN, at(inside))).toBe(end);
    expect(quietUntil(NIGHT, BERLIN, end)).toBeNull();
  });

  it("may be within one day", () => {
    const lunch = { from: "12:00", to: "13:00" };
    expect(quietUntil(lunch, "UTC", at("2026-11-24T11:59:59Z"))).toBeNull();
    expect(text(quietUntil(lunch, "UTC", at("2026-11-24T12:00:00Z")))).toBe("2026-11-24T13:00:00.000Z");
    expect(quietUntil(lunch, "UTC", at("2026-11-24T13:00:00Z"))).toBeNull();
  });

  it("are an hour shorter in the night that summer time begins, and an hour longer when it ends", () => {
    expect(text(quietUntil(NIGHT, BERLIN, at("2026-03-28T21:00:00Z")))).toBe("2026-03-29T05:00:00.000Z");
    expect(text(quietUntil(NIGHT, BERLIN, at("2026-10-24T20:00:00Z")))).toBe("2026-10-25T06:00:00.000Z");
    expect(quietUntil(NIGHT, BERLIN, at("2026-10-25T05:59:00Z"))).toBe(at("2026-10-25T06:00:00Z"));
  });

  it("that end at a time summer time takes away end as far after the gap, and agree with themselves", () => {
    const early = { from: "22:00", to: "02:30" };
    const end = quietUntil(early, BERLIN, at("2026-03-29T00:59:00Z"));
    expect(text(end)).toBe("2026-03-29T01:30:00.000Z");
    expect(quietUntil(early, BERLIN, (end ?? 0) - 1)).toBe(end);
    expect(quietUntil(early, BERLIN, end ?? 0)).toBeNull();
  });

  it("that begin at a time that comes twice begin at the first", () => {
    const late = { from: "02:30", to: "05:00" };
    expect(quietUntil(late, BERLIN, at("2026-10-25T00:29:00Z"))).toBeNull();
    expect(text(quietUntil(late, BERLIN, at("2026-10-25T00:30:00Z")))).toBe("2026-10-25T04:00:00.000Z");
    expect(text(quietUntil(late, BERLIN, at("2026-10-25T01:15:00Z")))).toBe("2026-10-25T04:00:00.000Z");
  });

  it("have one end, whenever they are looked at, in the days around every change of the clocks", () => {
    const changes = [
      [BERLIN, "2026-03-29"],
      [BERLIN, "2026-10-25"],
      ["America/New_York", "2026-03-08"],
      ["Australia/Lord_Howe", "2026-04-05"],
      ["Asia/Kathmandu", "2026-06-01"],
    ] as const;
    for (const [zone, day] of changes) {
      for (let step = -48; step < 48; step += 1) {
        const wall = at(`${day}T00:00:00Z`) + step * 1_800_000;
        const end = quietUntil(NIGHT, zone, wall);
        if (end === null) continue;
        expect(end - wall).toBeGreaterThan(0);
        expect(end - wall).toBeLessThanOrEqual(10 * 3_600_000);
        expect(quietUntil(NIGHT, zone, end)).toBeNull();
      }
    }
  });
});

describe("the next time of the day", () => {
  it("is today, or tomorrow once it is there", () => {
    expect(text(nextTime("08:30", BERLIN, at("2026-11-24T07:29:59Z")))).toBe("2026-11-24T07:30:00.000Z");
    expect(text(nextTime("08:30", BERLIN, at("2026-11-24T07:30:00Z")))).toBe("2026-11-25T07:30:00.000Z");
  });

  it("comes once a day through the changes of summer time", () => {
    const seen: string[] = [];
    for (let wall = at("2026-10-23T12:00:00Z"); seen.length < 4; ) {
      wall = nextTime("02:30", BERLIN, wall);
      seen.push(new Date(wall).toISOString());
    }
    expect(seen).toEqual([
      "2026-10-24T00:30:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
      "2026-10-27T01:30:00.000Z",
    ]);
    expect(text(nextTime("02:30", BERLIN, at("2026-03-28T12:00:00Z")))).toBe("2026-03-29T01:30:00.000Z");
  });
});

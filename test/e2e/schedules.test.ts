// Schedules of the real server in the nights of summer time, with the clock moved beneath it. What kills do to them is
// F16B of the fault suite.
import type { ScheduleSpec, SlotView } from "@hive/sdk";
import { afterAll, describe, expect, it } from "vitest";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const job = { repo: "https://github.com/acme/app", task: "test" } as const;
const BERLIN = "Europe/Berlin";

/** A wall clock that shows this and goes on from there, so many times as fast as time. */
function clockAt(shown: string, speed = 1): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketimeMT.so.1",
    FAKETIME: `@${shown}${speed === 1 ? "" : ` x${speed}`}`,
    TZ: "UTC",
    HIVE_WORKERS: "0",
  };
}

const started: HiveProcess[] = [];
afterAll(async () => {
  await Promise.all(started.map((server) => server.dispose()));
});

/** A server that has had its schedules for an hour when the moment comes. */
async function serverWith(
  schedules: Readonly<Record<string, ScheduleSpec>>,
  before: string,
  moment: Readonly<Record<string, string>>,
): Promise<HiveProcess> {
  const server = await startHive({ env: clockAt(before), yaml: JSON.stringify({ schedules }) });
  started.push(server);
  await until("the schedules of the file", async () => {
    const { schedules: known } = await server.hive.schedules.list();
    return known.length === Object.keys(schedules).length;
  });
  await server.stop();
  await server.start(moment);
  return server;
}

async function made(server: HiveProcess, id: string): Promise<string[]> {
  const { slots } = await server.hive.schedules.slots(id, { limit: 1_000 });
  return slots.map(textOf).toReversed();
}

function textOf({ slot, outcome, reason, jobId }: SlotView): string {
  const at = new Date(slot).toISOString().replace(":00.000Z", "Z");
  return outcome === "job" ? `${at} ${jobId}` : `${at} ${outcome}: ${reason}`;
}

describe.concurrent("the night that loses an hour", () => {
  it("in Berlin: one job at the first instant after the gap; none, and a record, where it is to be skipped", async () => {
    const schedules: Record<string, ScheduleSpec> = {
      after: { cron: "30 2 * * *", timezone: BERLIN, job },
      skip: { cron: "30 2 * * *", timezone: BERLIN, dst: { gap: "skip" }, job },
    };
    const server = await serverWith(schedules, "2026-03-29 00:10:00", clockAt("2026-03-29 00:59:55"));
    await until("the night to be over", async () => (await made(server, "skip")).length > 0);
    await until("the job", async () => (await made(server, "after")).length > 0);
    expect(await made(server, "after")).toEqual(["2026-03-29T01:00Z after.20260329T010000Z"]);
    expect(await made(server, "skip")).toEqual(["2026-03-29T01:00Z skipped: dst_gap"]);
    expect((await server.hive.schedules.get("after")).next?.slot).toBe(Date.parse("2026-03-30T00:30:00Z"));
  });

  it("on Lord Howe, where it is half an hour: the day has its job", async () => {
    const schedules: Record<string, ScheduleSpec> = {
      howe: { cron: "0 2 * * *", timezone: "Australia/Lord_Howe", job },
    };
    const server = await serverWith(schedules, "2026-10-03 14:40:00", clockAt("2026-10-03 15:29:55"));
    await until("the job", async () => (await made(server, "howe")).length > 0);
    expect(await made(server, "howe")).toEqual(["2026-10-03T15:30Z howe.20261003T153000Z"]);
    expect((await server.hive.schedules.get("howe")).next?.slot).toBe(Date.parse("2026-10-04T15:00:00Z"));
  });
});

describe.concurrent("the night that has an hour twice", () => {
  it("in Berlin: a fixed time runs once, and all others through the night as the clock shows it", async () => {
    const through = { overlap: "allow", catchup: { window: "1d", runs: "all" }, timezone: BERLIN, job } as const;
    const schedules: Record<string, ScheduleSpec> = {
      first: { ...through, cron: "30 2 * * *" },
      both: { ...through, cron: "30 2 * * *", dst: { repeat: "both" } },
      quarters: { ...through, cron: "*/15 * * * *" },
      steps: { ...through, cron: "*/30 1-3 * * *" },
    };
    const before = "2026-10-24 22:46:00";
    const server = await serverWith(schedules, before, clockAt(before, 1_200));
    // Nothing is asked of a server whose seconds are milliseconds; it says itself what it did.
    await until("the night to be over", () => server.printed().includes("quarters.20261025T030000Z"));
    await server.stop();
    await server.start(clockAt("2026-10-25 03:10:00"));
    const until3 = async (id: string): Promise<string[]> =>
      (await made(server, id)).filter((line) => line < "2026-10-25T03:00");
    expect(await until3("first")).toEqual([
      "2026-10-25T00:30Z first.20261025T003000Z",
      "2026-10-25T01:30Z skipped: dst_repeat",
    ]);
    expect(await until3("both")).toEqual([
      "2026-10-25T00:30Z both.20261025T003000Z",
      "2026-10-25T01:30Z both.20261025T013000Z",
    ]);
    const quarters = await until3("quarters");
    expect(quarters).toHaveLength(16);
    expect(quarters.every((line) => line.includes(" quarters."))).toBe(true);
    expect((await until3("steps")).map((line) => line.slice(11, 16))).toEqual([
      "23:00",
      "23:30",
      "00:00",
      "00:30",
      "01:00",
      "01:30",
      "02:00",
      "02:30",
    ]);
  });
});

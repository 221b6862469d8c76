import { afterEach, describe, expect, test, vi } from "vitest";
import type { ScheduleSpec } from "@hive/protocol";
import { policy, type ScheduleWorld, startWorld } from "./schedules.fixture.ts";
import { compileSchedule } from "./compile-schedule.ts";
import { describeSpec } from "./describe.ts";
import { schedulesSchema } from "./schedule-settings.ts";

const MINUTE = 60_000;

const worlds: ScheduleWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

async function begin(start = "2026-05-04T10:00:30Z"): Promise<ScheduleWorld> {
  const world = await startWorld(start);
  worlds.push(world);
  return world;
}

const job = { repo: "https://github.com/acme/app", task: "test" } as const;

describe("a backfill", () => {
  const span = {
    from: Date.parse("2026-05-02T00:00:00Z"),
    to: Date.parse("2026-05-03T23:00:00Z"),
    overlap: "allow",
  } as const;

  test("makes the jobs of past slots, and the second time none", async () => {
    const world = await begin();
    await world.put("hourly", { cron: "0 * * * *" });
    expect(await world.schedules.backfill("hourly", "api", span)).toHaveLength(48);
    expect(await world.jobs("hourly")).toHaveLength(48);
    await world.schedules.backfill("hourly", "api", span);
    expect(await world.jobs("hourly")).toHaveLength(48);
  });

  test("makes the jobs of slots that were missed", async () => {
    const world = await begin();
    await world.put("ten", { every: "10m", catchup: { runs: "none" } });
    await world.stop();
    await world.time.pass(60 * MINUTE);
    const next = await world.again();
    worlds.splice(0, 1, next);
    expect((await next.told("ten")).every((line) => line.endsWith(" missed"))).toBe(true);
    const missed = { from: Date.parse("2026-05-04T10:10:00Z"), to: next.time.wall(), overlap: "allow" } as const;
    await next.schedules.backfill("ten", "api", missed);
    expect((await next.told("ten")).filter((line) => line.endsWith(" job"))).toHaveLength(6);
  });

  test("is for what is over, and for a bounded number of slots", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *" });
    const ahead = { ...span, to: world.time.wall() + 1 };
    await expect(world.schedules.backfill("tick", "api", ahead)).rejects.toMatchObject({ code: "invalid_field" });
    await expect(world.schedules.backfill("tick", "api", span)).rejects.toThrow(/more than 1000 slots/);
    expect(await world.jobs("tick")).toHaveLength(0);
  });

  test("of large jobs is as many commits as a store can take", async () => {
    const world = await begin();
    const changes = [{ path: "data.txt", content: "x".repeat(1_000_000) }];
    await world.put("hourly", { cron: "0 * * * *" }, { task: "changes", changes });
    const submit = vi.spyOn(world.queue, "submit");
    const tenHours = { ...span, from: Date.parse("2026-05-03T14:00:00Z") };
    expect(await world.schedules.backfill("hourly", "api", tenHours)).toHaveLength(10);
    const slots = submit.mock.calls.map(([command]) => (command.type === "fireSchedule" ? command.slots.length : 0));
    expect(slots.filter((many) => many > 0)).toEqual([5, 5]);
  });

  test("does not make up for what summer time took away", async () => {
    const world = await begin();
    await world.put("night", { cron: "30 2 * * *", timezone: "Europe/Berlin", dst: { gap: "skip" } });
    const nights = { ...span, from: Date.parse("2026-03-28T00:00:00Z"), to: Date.parse("2026-03-30T12:00:00Z") };
    await world.schedules.backfill("night", "api", nights);
    expect((await world.jobs("night")).map(({ id }) => id)).toEqual([
      "night.20260328T013000Z",
      "night.20260330T003000Z",
    ]);
  });
});

describe("a trigger", () => {
  test("makes a job now, each time another, and leaves the clock alone", async () => {
    const world = await begin();
    await world.put("hourly", { cron: "0 * * * *" });
    await Promise.all([world.trigger("hourly", "allow"), world.trigger("hourly", "allow")]);
    expect((await world.jobs("hourly")).map(({ id }) => id)).toEqual([
      "hourly.20260504T100030Z",
      "hourly.20260504T100030001Z",
    ]);
    expect((await world.schedules.find("hourly")).schedule.next?.slot).toBe(Date.parse("2026-05-04T11:00:00Z"));
  });

  test("is at its own time again after a clock that was set years ahead by mistake", async () => {
    const world = await begin();
    await world.put("daily", { every: "1d" });
    world.time.jump("2031-05-04T10:00:30Z");
    await world.trigger("daily", "allow");
    world.time.jump("2026-05-04T10:02:00Z");
    expect(await world.trigger("daily", "allow")).toMatchObject([{ slot: Date.parse("2026-05-04T10:02:00Z") }]);
  });

  test("obeys the schedule's overlap unless it says otherwise", async () => {
    const world = await begin();
    await world.put("hourly", { cron: "0 * * * *" });
    await world.trigger("hourly");
    expect(await world.trigger("hourly")).toMatchObject([{ outcome: "skipped", reason: "overlap" }]);
    expect(await world.trigger("hourly", "allow")).toMatchObject([{ outcome: "job" }]);
  });
});

describe("a pause", () => {
  test("lets slots go by, and nothing is made up for afterwards", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", overlap: "allow", catchup: { runs: "all" } });
    await world.time.pass(MINUTE);
    await world.schedules.pause("tick", "api", "too loud");
    await world.time.pass(5 * MINUTE);
    await world.schedules.resume("tick", "api");
    await world.time.pass(MINUTE);
    expect(await world.told("tick")).toEqual(["10:01:00 job", "10:07:00 job"]);
  });

  test("ends with a slot of today, also after a clock that was set years ahead by mistake", async () => {
    const world = await begin();
    await world.put("ten", { every: "10m", overlap: "allow" });
    await world.time.pass(1_000);
    world.time.jump("2031-05-04T10:00:05Z");
    await world.time.pass(10_000);
    world.time.jump("2026-05-04T10:02:00Z");
    await world.schedules.pause("ten", "api", "it is not 2031");
    const { next } = await world.schedules.resume("ten", "api");
    expect(next?.slot).toBe(Date.parse("2026-05-04T10:10:00Z"));
  });

  test("that is over while a slot waits for its share of the spread leaves it there", async () => {
    const world = await begin();
    await world.put("daily", { cron: "0 10 * * *", spread: "12h" });
    const { next } = (await world.schedules.find("daily")).schedule;
    expect(next?.slot).toBe(Date.parse("2026-05-04T10:00:00Z"));
    await world.trigger("daily", "allow");
    await world.schedules.pause("daily", "api", "a moment");
    expect((await world.schedules.resume("daily", "api")).next).toEqual(next);
    await world.endJobs("daily");
    await world.time.pass(12 * 60 * MINUTE);
    expect(await world.told("daily")).toEqual(["10:00:00 job", "10:00:30 job"]);
  });

  test("comes by itself after jobs that failed in a row", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", pauseAfterFailures: 2 }, { maxAttempts: 1 });
    await world.time.pass(MINUTE);
    await world.failJob("tick");
    expect((await world.schedules.find("tick")).schedule).toMatchObject({ failures: 1, paused: null });
    await world.time.pass(MINUTE);
    await world.failJob("tick");
    expect((await world.schedules.find("tick")).schedule).toMatchObject({ next: null, paused: { by: "hive" } });
    await world.time.pass(5 * MINUTE);
    expect(await world.jobs("tick")).toHaveLength(2);
  });
});

describe("settings", () => {
  test("maxRuns ends the clock, and not what a person asks for", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", overlap: "allow", limits: { maxRuns: 2 } });
    await world.trigger("tick");
    await world.time.pass(5 * MINUTE);
    expect(await world.jobs("tick")).toHaveLength(3);
    expect((await world.schedules.find("tick")).schedule).toMatchObject({ runs: 2, next: null });
  });

  test("put a hundred times at once are one schedule at its first revision", async () => {
    const world = await begin();
    await Promise.all(Array.from({ length: 100 }, () => world.put("tick", { cron: "* * * * *", overlap: "allow" })));
    expect((await world.schedules.find("tick")).schedule.revision).toBe(1);
    await world.time.pass(3 * MINUTE);
    expect(await world.jobs("tick")).toHaveLength(3);
  });

  test("that change while a slot waits for its share of the spread leave it there, whatever a person asked for", async () => {
    const world = await begin();
    await world.put("daily", { cron: "0 10 * * *", spread: "12h", overlap: "allow" });
    const slot = Date.parse("2026-05-04T10:00:00Z");
    expect((await world.schedules.find("daily")).schedule.next?.slot).toBe(slot);
    await world.trigger("daily");
    await world.put("daily", { cron: "0 10 * * *", spread: "12h", overlap: "skip" });
    expect((await world.schedules.find("daily")).schedule.next?.slot).toBe(slot);
  });

  test("put again once their only time is over change nothing, and are not refused", async () => {
    const world = await begin();
    await world.put("once", { at: "2026-05-04T10:01:00Z" });
    await world.time.pass(2 * MINUTE);
    await world.put("once", { at: "2026-05-04T10:01:00Z" });
    expect((await world.schedules.find("once")).schedule).toMatchObject({ revision: 1, next: null });
  });

  test("are refused with the place of what is wrong", async () => {
    const world = await begin();
    const wrong = (when: Omit<ScheduleSpec, "job">, work: Partial<ScheduleSpec["job"]> = {}): Promise<string> =>
      world.put("x", when, work).then(
        () => "taken",
        (error: unknown) => String(error).replace(/^HiveError: /, ""),
      );
    expect(await wrong({ cron: "0 0 31 2 *" })).toMatch(/^cron: "0 0 31 2 \*" names a day that no year has/);
    expect(await wrong({ cron: "0 0 * * *", timezone: "Berlin" })).toMatch(/^timezone: there is no time zone "Berlin"/);
    expect(await wrong({ at: "2026-02-30T09:00" })).toMatch(/^at: "2026-02-30T09:00" is no date that exists/);
    expect(await wrong({ at: "2026-01-01T09:00" })).toMatch(/no slot of it is in the future/);
    expect(await wrong({ every: "1h" }, { task: "agent", instructions: "{{ nope }}" })).toMatch(
      /^job.instructions: line 1, column 4: there is no value "nope"/,
    );
    expect(await wrong({ every: "1h" }, { repo: "nowhere" })).toMatch(/^job.repo: /);
    expect(await wrong({ every: "1h" })).toBe("taken");
  });

  test("of hive.yaml are all judged at the start", () => {
    const parsed = schedulesSchema.safeParse({
      good: { every: "6h", job },
      late: { cron: "0 0 31 2 *", job },
      both: { cron: "0 0 * * *", every: "1h", job },
      quick: { every: "10ms", job },
      text: { every: "1h", job: { ...job, instructions: "{{ scheduled_fro }}" } },
      secret: { every: "1h", job: { ...job, githubToken: "ghp_x" } },
    });
    expect(parsed.error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)).toEqual([
      "both: needs exactly one of cron, every and at",
      "quick.every: must be 1s to 366d",
      'secret.job: Unrecognized key: "githubToken"',
      'late.cron: "0 0 31 2 *" names a day that no year has, so it would never run',
      expect.stringMatching(/^text.job.instructions: line 1, column 4: there is no value "scheduled_fro"/),
    ]);
  });

  test("give a schedule the same share of its spread wherever it is read", () => {
    const late = (id: string): number => {
      const result = compileSchedule(id, { every: "1d", spread: "1h", job }, "api", { policy });
      return result.ok ? result.schedule.lateMs : -1;
    };
    expect([late("a"), late("nightly-deps")]).toEqual([late("a"), late("nightly-deps")]);
    expect(late("a")).not.toBe(late("b"));
  });

  test("are said in words where that is easy, and not at all where it is not", () => {
    const words = (cron: string): string | null => describeSpec({ cron, timezone: "Europe/Berlin" });
    expect(words("30 2 * * 1-5")).toBe("at 02:30 on Monday to Friday (Europe/Berlin)");
    expect(words("@daily")).toBe("at 00:00 (Europe/Berlin)");
    expect(words("*/15 * * * *")).toBe("every 15 minutes (Europe/Berlin)");
    expect(words("*/7 * * * *")).toBeNull();
    expect(words("0 0 * * 0-7")).toBeNull();
    expect(words("0 0 13 * 5")).toBeNull();
    expect(words("0 4 1 * *")).toBe("at 04:00 on day 1 of the month (Europe/Berlin)");
  });

  test("can be looked ahead before they are put", async () => {
    const world = await begin("2026-03-28T12:00:00Z");
    const spec = { cron: "30 2 * * *", timezone: "Europe/Berlin", dst: { gap: "skip" }, job } as const;
    expect(world.schedules.preview(spec, 2)).toMatchObject({
      words: "at 02:30 (Europe/Berlin)",
      slots: [
        { utc: "2026-03-29T01:00:00.000Z", local: "2026-03-29T03:00:00+02:00", skip: "dst_gap" },
        { utc: "2026-03-30T00:30:00.000Z", local: "2026-03-30T02:30:00+02:00", skip: null },
      ],
    });
  });
});

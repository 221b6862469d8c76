import { afterEach, describe, expect, test, vi } from "vitest";
import type { Overlap, Rules } from "@hive/core";
import { createScheduleClock } from "./schedule-clock.ts";
import { policy, type ScheduleWorld, startWorld } from "./schedules.fixture.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const worlds: ScheduleWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

async function begin(start = "2026-05-04T10:00:30Z", rules: Partial<Rules> = {}): Promise<ScheduleWorld> {
  const world = await startWorld(start, rules);
  worlds.push(world);
  return world;
}

/** The server is away for a time; another one takes over with what it stored. */
async function outage(
  world: ScheduleWorld,
  ms: number,
  ...file: Parameters<ScheduleWorld["again"]>
): Promise<ScheduleWorld> {
  await world.stop();
  await world.time.pass(ms);
  const next = await world.again(...file);
  worlds.splice(worlds.indexOf(world), 1, next);
  return next;
}

const jobs = (told: readonly string[]): number => told.filter((line) => line.endsWith(" job")).length;

describe("the clock", () => {
  test("makes one job for each slot, with the id of the slot", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", overlap: "allow" });
    await world.time.pass(3 * MINUTE);
    expect((await world.jobs("tick")).map(({ id }) => id)).toEqual([
      "tick.20260504T100100Z",
      "tick.20260504T100200Z",
      "tick.20260504T100300Z",
    ]);
    expect(await world.told("tick")).toEqual(["10:01:00 job", "10:02:00 job", "10:03:00 job"]);
    expect(world.trouble).toEqual([]);
  });

  test("fills the template in with the slot, also when it is acted on later", async () => {
    const world = await begin("2026-05-05T08:29:00Z");
    const instructions = "{{ schedule }} of {{ scheduled_for | date: '%F' }} is {{ slot }}, {{ scheduled_for }}";
    await world.put("sweep", { cron: "30 10 * * *", timezone: "Europe/Berlin", spread: "15m" }, { instructions });
    await world.time.pass(16 * MINUTE);
    const [body] = await world.queue.documents.get([{ collection: "bodies", id: "sweep.20260505T083000Z" }]);
    expect(body).toMatchObject({
      instructions: "sweep of 2026-05-05 is 20260505T083000Z, 2026-05-05T10:30:00+02:00",
      origin: "schedule:sweep",
    });
  });

  test("goes by new settings at once, with no slot of the old ones and none twice", async () => {
    const world = await begin();
    await world.put("tick", { cron: "*/5 * * * *", overlap: "allow" });
    await world.time.pass(5 * MINUTE);
    await world.put("tick", { cron: "*/20 * * * *", overlap: "allow" });
    await world.time.pass(20 * MINUTE);
    expect(await world.told("tick")).toEqual(["10:05:00 job", "10:20:00 job"]);
  });

  test("waits for slots that are months away", async () => {
    const world = await begin();
    await world.put("yearly", { cron: "0 0 1 1 *" });
    world.time.jump("2026-12-31T23:59:55Z");
    await world.time.pass(MINUTE);
    expect(await world.told("yearly")).toEqual(["00:00:00 job"]);
  });

  test("notices a clock that was set ahead, and makes nothing twice when it was set back", async () => {
    const world = await begin();
    await world.put("tick", { cron: "*/10 * * * *", overlap: "allow" });
    await world.time.pass(1_000);
    world.time.jump("2026-05-04T10:50:05Z");
    await world.time.pass(10_000);
    expect(jobs(await world.told("tick"))).toBe(1);
    world.time.jump("2026-05-04T10:30:00Z");
    await world.time.pass(30 * MINUTE);
    expect((await world.told("tick")).slice(-2)).toEqual(["10:50:00 job", "11:00:00 job"]);
  });

  test("asks a store that did not answer again while the slot is on time", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", catchup: { runs: "none" } });
    vi.spyOn(world.queue.documents, "get").mockRejectedValueOnce(new Error("it was away"));
    await world.time.pass(MINUTE);
    expect(await world.told("tick")).toEqual(["10:01:00 job"]);
    expect(world.trouble).toEqual(["schedule tick could not be acted on; it is tried again in 5 seconds"]);
  });

  test("asks less often while nothing helps", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *" });
    const get = vi.spyOn(world.queue.documents, "get").mockRejectedValue(new Error("it is away"));
    await world.time.pass(5 * MINUTE);
    expect(world.trouble).toHaveLength(6);
    get.mockRestore();
    await world.time.pass(MINUTE);
    expect(jobs(await world.told("tick"))).toBe(1);
  });

  test("tries again when the queue is full at its start", async () => {
    const world = await begin("2026-05-04T10:00:30Z", { maxWaiting: 1 });
    await world.put("tick", { at: "2026-05-04T10:01:00Z" });
    await world.put("other", { every: "1d" });
    await world.trigger("other");
    const next = await outage(world, MINUTE);
    await next.time.pass(1_000);
    expect(await next.told("tick")).toEqual([]);
    await next.endJobs("other");
    await next.time.pass(5_000);
    expect(await next.told("tick")).toEqual(["10:01:00 job"]);
  });

  test("tries again when the queue is full, and loses nothing", async () => {
    const world = await begin("2026-05-04T10:00:30Z", { maxWaiting: 1 });
    await world.put("tick", { at: "2026-05-04T10:01:00Z" });
    await world.put("other", { every: "1d" });
    await world.trigger("other");
    await world.time.pass(MINUTE);
    expect(await world.told("tick")).toEqual([]);
    await world.endJobs("other");
    await world.time.pass(5_000);
    expect(await world.told("tick")).toEqual(["10:01:00 job"]);
  });
});

describe("slots that come while nobody is there", () => {
  /** What is made up for after three hours, of a slot each ten minutes. */
  async function after3Hours(catchup: { readonly window?: string; readonly runs?: "none" | "latest" | "all" }) {
    const world = await begin();
    await world.put("ten", { every: "10m", overlap: "allow", catchup });
    const next = await outage(world, 3 * HOUR);
    await next.time.pass(1_000);
    return next.told("ten");
  }

  test("latest: one job, for the newest; all others are on record as missed", async () => {
    const told = await after3Hours({ window: "1h", runs: "latest" });
    expect(told).toHaveLength(18);
    expect(told.at(-1)).toBe("13:00:00 job");
    expect(told.filter((line) => line.endsWith(" missed"))).toHaveLength(17);
  });

  test("all: a job for each of the window", async () => {
    const told = await after3Hours({ window: "1h", runs: "all" });
    expect(told.slice(-6).every((line) => line.endsWith(" job"))).toBe(true);
    expect(jobs(told)).toBe(6);
  });

  test("none: none at all", async () => {
    const told = await after3Hours({ window: "1h", runs: "none" });
    expect([told.length, jobs(told)]).toEqual([18, 0]);
  });

  test("all is the newest twenty at most", async () => {
    expect(jobs(await after3Hours({ window: "7d", runs: "all" }))).toBe(18);
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", overlap: "allow", catchup: { window: "7d", runs: "all" } });
    const next = await outage(world, HOUR);
    await next.time.pass(1_000);
    expect(jobs(await next.told("tick"))).toBe(20);
  });

  test("by the hundred they are one record that says how many", async () => {
    const world = await begin();
    await world.put("tick", { every: "1s", overlap: "allow" });
    const next = await outage(world, 10 * MINUTE);
    await next.time.pass(0);
    const records = await next.records("tick");
    const missed = records.filter(({ reason }) => reason === "missed");
    expect(missed.map(({ message }) => message)).toEqual(["584 slots were missed, from 2026-05-04T10:00:31.000Z on"]);
    // What a restart takes is on time.
    expect(records.filter(({ outcome }) => outcome === "job")).toHaveLength(16);
  });

  test("a year of minutes is no work and no flood", async () => {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *" });
    await world.stop();
    world.time.jump("2027-05-04T10:00:20Z");
    const next = await world.again();
    worlds.splice(0, 1, next);
    await next.time.pass(1_000);
    const records = await next.records("tick");
    expect(records.map(({ outcome }) => outcome)).toEqual(["skipped", "job"]);
    expect(records[0]?.message).toMatch(/^more than 10\d\d slots were missed/);
  });

  test("and that summer time brought again by the hundred, are passed", async () => {
    const world = await begin("2026-10-25T00:59:30Z");
    const twoHours = { cron: "0-59 1-2 * * *", timezone: "Antarctica/Troll" } as const;
    await world.put("tick", twoHours);
    const next = await outage(world, 119 * MINUTE);
    await next.time.pass(1_000);
    expect(next.trouble).toEqual([]);
    const told = await next.told("tick");
    expect([told.length, new Set(told.map((line) => line.slice(9)))]).toEqual([100, new Set(["dst_repeat"])]);
  });

  test("startWithin skips what would be begun too late", async () => {
    const world = await begin();
    await world.put("tick", { every: "1h", limits: { startWithin: "10m" }, catchup: { runs: "all", window: "1d" } });
    const next = await outage(world, 150 * MINUTE);
    await next.time.pass(1_000);
    expect(await next.told("tick")).toEqual(["11:00:00 too_late", "12:00:00 too_late"]);
  });
});

describe("a slot while a job of an earlier one is not over", () => {
  /** Ten slots, one a minute, over which each job runs for ten minutes; then its jobs end. */
  async function tenMinutes(overlap: Overlap): Promise<ScheduleWorld> {
    const world = await begin();
    await world.put("tick", { cron: "* * * * *", overlap, limits: { end: "2026-05-04T10:10:00Z" } });
    await world.time.pass(10 * MINUTE);
    return world;
  }

  test("skip: makes no job", async () => {
    const told = await (await tenMinutes("skip")).told("tick");
    expect(told[0]).toBe("10:01:00 job");
    expect(told.slice(1).every((line) => line.endsWith(" overlap"))).toBe(true);
    expect(told).toHaveLength(10);
  });

  test("buffer_one: one waits, and makes its job when the other is over", async () => {
    const world = await tenMinutes("buffer_one");
    expect((await world.told("tick")).slice(0, 3)).toEqual([
      "10:01:00 job",
      "10:02:00 buffered",
      "10:03:00 buffer_full",
    ]);
    await world.endJobs("tick");
    expect(jobs(await world.told("tick"))).toBe(2);
  });

  test("buffer_all: all wait, and make their jobs one after the other", async () => {
    const world = await tenMinutes("buffer_all");
    for (let over = 1; over < 10; over += 1) {
      const told = await world.told("tick");
      expect([jobs(told), told.filter((line) => line.endsWith(" buffered")).length]).toEqual([over, 10 - over]);
      await world.endJobs("tick");
    }
    expect(jobs(await world.told("tick"))).toBe(10);
  });

  test("what waits is found again by the next server", async () => {
    const world = await tenMinutes("buffer_one");
    const [job] = await world.jobs("tick");
    await world.stop();
    const next = await world.again();
    worlds.splice(0, 1, next);
    expect(jobs(await next.told("tick"))).toBe(1);
    await next.queue.submit<"cancel">({ type: "cancel", jobId: job?.id ?? "", by: "test", reason: "" });
    await next.time.pass(0);
    expect(jobs(await next.told("tick"))).toBe(2);
  });

  test("startWithin also skips a slot that waited for too long, but none that a person asked for", async () => {
    const world = await begin();
    const limits = { startWithin: "10m", end: "2026-05-04T10:02:00Z" };
    await world.put("tick", { cron: "* * * * *", overlap: "buffer_all", limits });
    await world.time.pass(2 * MINUTE);
    const day = { from: Date.parse("2026-05-04T09:00:00Z"), to: Date.parse("2026-05-04T09:00:00Z") };
    await world.schedules.backfill("tick", "api", { ...day, overlap: "buffer_all" });
    expect(await world.told("tick")).toEqual(["09:00:00 buffered", "10:01:00 job", "10:02:00 buffered"]);
    await world.time.pass(HOUR);
    await world.endJobs("tick");
    expect(await world.told("tick")).toEqual(["09:00:00 job", "10:01:00 job", "10:02:00 too_late"]);
  });

  test("what waits when settings let jobs run beside each other waits no more, but for what a person wants one after the other", async () => {
    const world = await begin();
    const limits = { end: "2026-05-04T10:03:00Z" };
    await world.put("tick", { cron: "* * * * *", overlap: "buffer_all", limits });
    await world.time.pass(3 * MINUTE);
    await world.put("tick", { cron: "* * * * *", overlap: "allow" });
    await world.time.pass(0);
    expect(await world.told("tick")).toEqual(["10:01:00 job", "10:02:00 job", "10:03:00 job"]);
    const at = Date.parse("2026-05-04T09:00:00Z");
    await world.schedules.backfill("tick", "api", { from: at, to: at, overlap: "buffer_one" });
    await world.time.pass(0);
    expect((await world.told("tick"))[0]).toBe("09:00:00 buffered");
  });

  test("allow: jobs run beside each other", async () => {
    expect(jobs(await (await tenMinutes("allow")).told("tick"))).toBe(10);
  });

  test("cancel_other: the older one ends", async () => {
    const world = await tenMinutes("cancel_other");
    const statuses = (await world.jobs("tick")).map(({ status }) => status);
    expect(statuses).toEqual([...Array.from({ length: 9 }, () => "canceled"), "queued"]);
  });
});

describe("many schedules at midnight", () => {
  test("are spread evenly, each at the same place after a restart", async () => {
    const world = await begin("2026-05-04T23:00:00Z");
    for (let n = 0; n < 300; n += 1) await world.put(`sweep-${n}`, { cron: "0 0 * * *", spread: "15m" });
    const before = await dueTimes(world);
    const next = await outage(world, MINUTE);
    expect(await dueTimes(next)).toEqual(before);
    const perMinute = Array.from({ length: 15 }, () => 0);
    for (const at of before) {
      const minute = Math.floor((at - Date.parse("2026-05-05T00:00:00Z")) / MINUTE);
      perMinute[minute] = (perMinute[minute] ?? 0) + 1;
    }
    expect(perMinute).toHaveLength(15);
    expect(Math.min(...perMinute)).toBeGreaterThan(5);
    expect(Math.max(...perMinute)).toBeLessThan(40);
  });

  async function dueTimes(world: ScheduleWorld): Promise<number[]> {
    const page = await world.queue.documents.list({ collection: "schedules", limit: 1_000 });
    return Promise.all(page.items.map(async ({ id }) => (await world.schedules.find(id)).schedule.next?.dueAt ?? 0));
  }
});

describe("the schedules of hive.yaml", () => {
  const spec = { every: "10m", job: { repo: "https://github.com/acme/app", task: "test" } } as const;

  test("are there after a start, are left alone by the next, and go when they are not in it any more", async () => {
    const world = await outage(await begin(), 0, { hourly: spec });
    await world.time.pass(10 * MINUTE);
    expect(await world.told("hourly")).toEqual(["10:10:00 job"]);
    const same = await outage(world, 0, { hourly: spec });
    expect((await same.schedules.find("hourly")).schedule.revision).toBe(1);
    const gone = await outage(same, 0, {});
    await expect(gone.schedules.find("hourly")).rejects.toMatchObject({ code: "not_found" });
    expect(await gone.told("hourly")).toEqual(["10:10:00 job"]);
  });

  test("with other settings after an outage make nothing of what was missed, and have all of it on record", async () => {
    const old = { ...spec, overlap: "allow", catchup: { runs: "all" } } as const;
    const world = await outage(await begin(), 0, { hourly: old });
    await world.time.pass(10 * MINUTE);
    const changed = await outage(world, 25 * MINUTE, { hourly: { ...old, every: "15m" } });
    await changed.time.pass(10 * MINUTE);
    expect(await changed.told("hourly")).toEqual([
      "10:10:00 job",
      "10:20:00 missed",
      "10:30:00 missed",
      "10:45:00 job",
    ]);
  });

  test("cannot be changed or removed from elsewhere, but paused and triggered", async () => {
    const world = await outage(await begin(), 0, { hourly: spec });
    await expect(world.put("hourly", { every: "2h" })).rejects.toMatchObject({ code: "managed_by_file" });
    const asking = { by: "api", revision: null };
    await expect(world.schedules.remove("hourly", asking)).rejects.toMatchObject({ code: "managed_by_file" });
    expect((await world.schedules.pause("hourly", "api", "holidays")).next).toBeNull();
    expect(await world.trigger("hourly")).toMatchObject([{ outcome: "job", by: "trigger:api" }]);
  });

  test("and all others are read again when the store could not be asked for them", async () => {
    const world = await begin();
    const { queue, schedules, time } = world;
    const list = vi.spyOn(queue.documents, "list").mockRejectedValueOnce(new Error("it was away"));
    const clock = createScheduleClock({
      ...{ queue, schedules, clock: time, policy, fromFile: { hourly: spec } },
      onTrouble: (message) => void world.trouble.push(message),
    });
    clock.start();
    await time.pass(4_000);
    expect(world.trouble).toEqual(["the schedules cannot be read; trying again in a moment"]);
    expect(list).toHaveBeenCalledTimes(1);
    await time.pass(2_000);
    expect(list).toHaveBeenCalledTimes(2);
    await clock.stop();
  });

  test("with a job the server does not take become records that say so, and harm no other", async () => {
    const wrong = { every: "10m", job: { ...spec.job, task: "agent", agent: "nobody", instructions: "x" } } as const;
    const world = await outage(await begin(), 0, { hourly: spec, wrong });
    await world.time.pass(10 * MINUTE);
    const [record] = await world.records("wrong");
    expect(record).toMatchObject({ outcome: "skipped", reason: "refused" });
    expect(record?.message).toMatch(/job.agent: there is no agent "nobody"/);
    expect(await world.told("hourly")).toEqual(["10:10:00 job"]);
  });
});

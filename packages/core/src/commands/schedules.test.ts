import { describe, expect, test } from "vitest";
import { SUCCESS, World, failure } from "../queue.fixture.ts";
import { slotKey } from "../schedule.ts";
import { Clockwork, MINUTE_MS, at, planned, slotAt, slotJob } from "../schedule.fixture.ts";

describe("putting a schedule", () => {
  test("the same settings again change nothing", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const [before, events] = [clock.schedule, world.events.length];
    expect(clock.put("1", {}, 9)).toEqual({ schedule: before, change: "none" });
    expect(world.events).toHaveLength(events);
  });

  test("other settings bring another revision and their own next slot; what it did stays", () => {
    const world = new World();
    const clock = new Clockwork(world);
    clock.tick(0);
    expect(clock.put("2", { overlap: "allow" }, 30)).toMatchObject({ change: "changed" });
    expect(clock.schedule).toMatchObject({
      revision: 2,
      next: at(30),
      runs: 1,
      open: [slotJob(0)],
      lastSlot: slotAt(0),
    });
    expect(world.events.at(-1)).toMatchObject({ type: "schedule.changed", data: { schedule: "nightly", revision: 2 } });
  });

  test("with a revision it is taken only from whoever saw the newest", () => {
    const clock = new Clockwork(new World());
    expect(() => clock.put("2", {}, 0, 0)).toThrow(expect.objectContaining({ code: "stale_schedule" }));
    expect(clock.put("2", {}, 0, 1).schedule.revision).toBe(2);
    expect(() => clock.put("3", {}, 0, 1)).toThrow(expect.objectContaining({ code: "stale_schedule" }));
    clock.world.do({ type: "removeSchedule", id: "nightly", by: "ann" });
    expect(() => clock.put("3", {}, 0, 2)).toThrow(expect.objectContaining({ code: "not_found" }));
    expect(clock.put("3", {}, 0, 0).change).toBe("created");
  });

  test("what stands in hive.yaml is not changed from elsewhere, and hive.yaml takes over what was", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const { rules } = clock.schedule;
    const schedule = { id: "nightly", managedBy: "file", spec: {}, specHash: "1", rules } as const;
    expect(world.do({ type: "putSchedule", schedule, next: at(3), revision: null }).change).toBe("changed");
    expect(() => clock.put("2")).toThrow(expect.objectContaining({ code: "managed_by_file" }));
  });

  test("a paused one stays paused, and one that made its jobs makes no more", () => {
    const clock = new Clockwork(new World(), { maxRuns: 1 });
    clock.tick(0);
    expect(clock.put("2", { maxRuns: 1 }, 5).schedule.next).toBeNull();
    expect(clock.put("3", { maxRuns: 2 }, 5).schedule.next).toEqual(at(5));
    clock.pause(true);
    expect(clock.put("4", { maxRuns: 2 }, 5).schedule).toMatchObject({ next: null, paused: { by: "ann" } });
  });
});

describe("removing a schedule", () => {
  test("with a revision it is done only for whoever saw the newest, and hive.yaml keeps what is its own", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const remove = (revision: number | null, by = "ann") =>
      world.do({ type: "removeSchedule", id: "nightly", by, revision }).removed;
    clock.put("2");
    expect(() => remove(1)).toThrow(expect.objectContaining({ code: "stale_schedule" }));
    const { rules } = clock.schedule;
    const schedule = { id: "nightly", managedBy: "file", spec: {}, specHash: "3", rules } as const;
    world.do({ type: "putSchedule", schedule, next: at(3), revision: null });
    expect(() => remove(3)).toThrow(expect.objectContaining({ code: "managed_by_file" }));
    expect([remove(null, "file"), remove(3)]).toEqual([true, false]);
  });

  test("leaves its jobs and its records, and a new one of that name makes none of them again", () => {
    const world = new World();
    const clock = new Clockwork(world, { overlap: "buffer_one" });
    clock.tick(0);
    clock.tick(1);
    expect(world.do({ type: "removeSchedule", id: "nightly", by: "ann" })).toEqual({ removed: true });
    expect(world.do({ type: "removeSchedule", id: "nightly", by: "ann" })).toEqual({ removed: false });
    expect(clock.story).toEqual(["0: job", "1: removed"]);
    expect(world.status(slotJob(0))).toBe("queued");
    expect(clock.settle(slotJob(0))).toBeNull();
    clock.put("1");
    expect(clock.tick(0)).toMatchObject({ jobId: slotJob(0), by: "clock" });
    expect([world.state.counts.queued, clock.schedule.runs]).toEqual([1, 0]);
  });
});

describe("a pause", () => {
  test("stops the clock, drops what waits, and its end goes on from the slot that is next then", () => {
    const clock = new Clockwork(new World(), { overlap: "buffer_all" });
    clock.tick(0);
    clock.tick(1);
    expect(clock.pause(true)).toMatchObject({ next: null, buffered: [], paused: { by: "ann", reason: "holidays" } });
    expect(clock.pause(true).paused).toEqual(clock.schedule.paused);
    expect(clock.story).toEqual(["0: job", "1: paused"]);
    expect(clock.pause(false, at(9), 1)).toMatchObject({ next: at(9), paused: null });
    expect(clock.world.events.filter(({ type }) => type === "schedule.paused")).toHaveLength(1);
  });

  test("does not end with a slot of settings it does not have any more", () => {
    const clock = new Clockwork(new World());
    clock.pause(true);
    clock.put("2");
    expect(() => clock.pause(false, at(9), 1)).toThrow(expect.objectContaining({ code: "stale_schedule" }));
  });
});

describe("a slot whose time had come when its clock was changed", () => {
  test("is on record as left out by new settings, and by a pause", () => {
    const world = new World();
    const clock = new Clockwork(world);
    world.pass(MINUTE_MS);
    clock.put("2", {}, 1);
    expect(clock.records).toMatchObject([
      { slot: slotAt(0), reason: "missed", message: expect.stringContaining("settings were changed") },
    ]);
    world.pass(MINUTE_MS);
    clock.pause(true);
    expect(clock.story).toEqual(["0: missed", "1: paused"]);
    expect(clock.schedule.lastSlot).toBe(slotAt(1));
    const told = world.events.filter(({ type }) => type === "schedule.skipped");
    expect(told.map(({ data }) => [data["reason"], data["first"]])).toEqual([
      ["missed", slotAt(0)],
      ["paused", slotAt(1)],
    ]);
  });

  test("is on record as removed with its schedule", () => {
    const world = new World();
    const clock = new Clockwork(world);
    world.pass(MINUTE_MS);
    world.do({ type: "removeSchedule", id: clock.id, by: "ann" });
    expect(clock.story).toEqual(["0: removed"]);
  });

  test("keeps the record it has, and one whose time is to come has none", () => {
    const world = new World();
    const clock = new Clockwork(world);
    clock.put("2", {}, 0);
    clock.pause(true);
    expect(clock.records).toEqual([]);
    clock.pause(false, at(0));
    world.pass(MINUTE_MS);
    clock.ask("backfill:ann", [planned(0)]);
    clock.put("3", {}, 1);
    expect(clock.story).toEqual(["0: job"]);
  });

  test("and that waits for its share of the spread, stays through a pause, and is left out by settings that go on after it", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const waits = { slot: slotAt(0), dueAt: slotAt(9) };
    clock.pause(true);
    clock.pause(false, waits);
    world.pass(MINUTE_MS);
    clock.pause(true);
    expect(clock.story).toEqual([]);
    clock.pause(false, waits);
    clock.put("2", {}, 1);
    expect([clock.story, clock.schedule.lastSlot]).toEqual([["0: missed"], slotAt(0)]);
  });

  test("is still to come where the new settings begin with it", () => {
    const world = new World();
    const clock = new Clockwork(world);
    world.pass(MINUTE_MS);
    clock.put("2", {}, 0);
    clock.tick(0);
    expect(clock.story).toEqual(["0: job"]);
  });
});

describe("the record of a slot", () => {
  test("stays while the slot waits or its job lives, and goes when it is old", () => {
    const world = new World();
    const clock = new Clockwork(world, { overlap: "buffer_one" });
    for (const n of [0, 1, 2]) clock.tick(n);
    const keys = [0, 1, 2].map((n) => slotKey("nightly", slotAt(n)));
    const prune = { type: "prune", keys, cleared: [] } as const;
    expect(world.do(prune)).toEqual({ pruned: 1 });
    expect(clock.story).toEqual(["0: job", "1: buffered"]);
    clock.work();
    clock.pause(true);
    expect(world.do(prune)).toEqual({ pruned: 3 });
    expect(clock.story).toEqual([]);
  });
});

describe("the end of a job", () => {
  test("frees its place, once", () => {
    const world = new World();
    const clock = new Clockwork(world);
    clock.tick(0);
    expect(clock.settle(slotJob(0))?.open).toEqual([slotJob(0)]);
    world.finish(world.start("bee"), SUCCESS);
    const before = world.effects.length;
    expect(clock.settle(slotJob(0))?.open).toEqual([]);
    expect(world.effects.slice(before)).toEqual([{ type: "schedule", id: "nightly" }]);
    expect(clock.settle(slotJob(0))?.open).toEqual([]);
    expect(world.effects).toHaveLength(before + 1);
  });

  test("counts failures in a row, which a success ends and a cancellation does not", () => {
    const world = new World();
    const clock = new Clockwork(world, { pauseAfterFailures: 3 });
    const ends = [
      failure("work"),
      failure("work"),
      "cancel",
      SUCCESS,
      failure("work"),
      failure("work"),
      failure("work"),
    ];
    const failures = ends.map((end, n) => {
      clock.tick(n);
      if (end !== "cancel") clock.work(typeof end === "string" ? SUCCESS : end);
      else {
        world.do({ type: "cancel", jobId: slotJob(n), by: "ann", reason: "" });
        clock.settle(slotJob(n));
      }
      return clock.schedule.failures;
    });
    expect(failures).toEqual([1, 2, 2, 0, 1, 2, 3]);
    expect(clock.schedule).toMatchObject({
      next: null,
      paused: { by: "hive", reason: expect.stringContaining("3 jobs in a row") },
    });
    expect(world.events.at(-1)).toMatchObject({ type: "schedule.paused", data: { schedule: "nightly", failures: 3 } });
    expect(clock.pause(false, at(20)).failures).toBe(0);
  });

  test("that is retried is in the way again until it is over again", () => {
    const world = new World();
    const clock = new Clockwork(world);
    clock.tick(0);
    world.finish(world.start("bee"), failure("work"));
    world.do({ type: "retry", jobId: slotJob(0), by: "ann" });
    expect(clock.settle(slotJob(0))?.open).toEqual([slotJob(0)]);
    expect(clock.tick(1)).toMatchObject({ reason: "overlap" });
    clock.work();
    expect(clock.schedule).toMatchObject({ failures: 0, open: [] });
    expect(clock.ask("backfill:ann", [planned(1)])).toEqual([expect.objectContaining({ jobId: slotJob(1) })]);
  });

  test("is known by what is remembered of a job that is not kept any more", () => {
    const world = new World();
    const clock = new Clockwork(world, { pauseAfterFailures: 1, overlap: "allow" });
    clock.tick(0);
    clock.tick(1);
    world.finish(world.start("bee"), failure("work"));
    const { endedAt } = world.job(slotJob(0));
    world.do({ type: "forget", jobs: [{ jobId: slotJob(0), endedAt: endedAt ?? 0, callbacks: [] }] });
    expect(world.store.has(`jobs/${slotJob(0)}`)).toBe(false);
    expect(clock.settle(slotJob(0))).toMatchObject({ failures: 1, paused: { by: "hive" } });
  });
});

import { describe, expect, test } from "vitest";
import { World, newJob } from "../queue.fixture.ts";
import { BUFFERED_MAX } from "../schedule.ts";
import { Clockwork, MINUTE_MS, at, planned, slotAt, slotJob } from "../schedule.fixture.ts";

const stale = expect.objectContaining({ code: "stale_schedule" });

describe("a slot that is due", () => {
  test("makes its job, its record and the next slot in one commit", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const slots = [planned(0)];
    const fire = {
      type: "fireSchedule",
      id: "nightly",
      revision: 1,
      from: slotAt(0),
      slots,
      next: at(1),
      by: "clock",
    } as const;
    const { changes, reply } = world.apply(fire);
    const written = changes.map(({ collection }) => collection);
    expect(new Set(written)).toEqual(new Set(["jobs", "bodies", "events", "slots", "schedules"]));
    expect(reply.records).toEqual([
      {
        ...{ schedule: "nightly", slot: slotAt(0), at: world.wall, outcome: "job", reason: null, message: null },
        ...{ jobId: slotJob(0), by: "clock" },
      },
    ]);
    expect(clock.schedule).toMatchObject({ next: at(1), runs: 1, open: [slotJob(0)], lastSlot: slotAt(0) });
    expect(world.story(slotJob(0))).toEqual(["job.queued", "schedule.fired"]);
    expect(world.effects).toContainEqual({ type: "schedule", id: "nightly" });
  });

  test("makes no second job, whoever sends the same again", () => {
    const world = new World();
    const clock = new Clockwork(world);
    clock.tick(0);
    expect(() => clock.tick(0)).toThrow(stale);
    expect(() => clock.fire([planned(0)], { from: slotAt(5), next: at(6) })).toThrow(stale);
    expect(clock.ask("backfill:ann", [planned(0)])).toEqual([
      expect.objectContaining({ jobId: slotJob(0), by: "clock" }),
    ]);
    expect([world.state.counts.queued, clock.schedule.runs]).toEqual([1, 1]);
  });

  test("planned with older settings is refused", () => {
    const clock = new Clockwork(new World());
    const { revision } = clock.schedule;
    clock.put("2");
    const slots = [planned(0)];
    const late = {
      type: "fireSchedule",
      id: "nightly",
      revision,
      from: slotAt(0),
      slots,
      next: at(1),
      by: "clock",
    } as const;
    expect(() => clock.world.do(late)).toThrow(stale);
  });

  test("waits as a whole while the queue is full, and nothing moves", () => {
    const world = new World({ maxWaiting: 2 });
    const clock = new Clockwork(world, { overlap: "allow" });
    world.enqueue(newJob("other"));
    const before = [...world.store.keys()];
    expect(() => clock.fire([planned(0), planned(1)], { from: slotAt(0), next: at(2) })).toThrow(
      expect.objectContaining({ code: "queue_full" }),
    );
    expect([...world.store.keys()]).toEqual(before);
    expect(clock.schedule).toMatchObject({ next: at(0), runs: 0 });
    world.do({ type: "cancel", jobId: "other", by: "me", reason: "" });
    clock.fire([planned(0), planned(1)], { from: slotAt(0), next: at(2) });
    expect(clock.story).toEqual(["0: job", "1: job"]);
  });

  test("whose job waits for that of another slot of the firing is refused until that one is there", () => {
    const clock = new Clockwork(new World(), { overlap: "allow" });
    const chain = [planned(0), planned(1, { dependsOn: [slotJob(0)] })];
    clock.fire(chain, { from: slotAt(0), next: at(2) });
    expect(clock.story).toEqual(["0: job", "1: refused"]);
    clock.ask("backfill:ann", chain);
    expect(clock.story).toEqual(["0: job", "1: job"]);
    expect(clock.world.state.counts).toMatchObject({ queued: 1, blocked: 1 });
  });

  test("whose job cannot be taken in is recorded as refused, with the reason", () => {
    const world = new World();
    const clock = new Clockwork(world);
    expect(clock.tick(0, { dependsOn: ["nobody"] })).toMatchObject({ reason: "refused", jobId: null });
    expect(clock.records[0]?.message).toContain("nobody");
    world.enqueue(newJob(`${slotJob(1)}.1`));
    const family = [newJob(slotJob(1), { candidates: { count: 2, choose: "rule" } })] as const;
    const twins = [1, 2].map((n) => newJob(`${slotJob(1)}.${n}`, { parent: slotJob(1), bodyHash: "another" }));
    clock.fire([{ slot: slotAt(1), jobs: [...family, ...twins] }], { from: slotAt(1), next: at(2) });
    expect(clock.story).toEqual(["0: refused", "1: refused"]);
    expect(world.state.counts).toMatchObject({ queued: 1, blocked: 0 });
  });

  test("whose job is there already names it, and makes none", () => {
    const world = new World();
    const clock = new Clockwork(world);
    world.enqueue(newJob(slotJob(0), { bodyHash: "made by hand" }));
    expect(clock.tick(0)).toMatchObject({ outcome: "job", jobId: slotJob(0) });
    expect(clock.schedule).toMatchObject({ open: [slotJob(0)], runs: 0 });
    expect(world.state.counts.queued).toBe(1);
  });

  test("whose job waits in vain has made one, and nobody waits for it", () => {
    const world = new World();
    const clock = new Clockwork(world);
    world.enqueue(newJob("before"));
    world.do({ type: "cancel", jobId: "before", by: "me", reason: "" });
    clock.fire([planned(0, { dependsOn: ["before"] }), planned(1)], { from: slotAt(0), next: at(2) });
    expect(clock.story).toEqual(["0: job", "1: job"]);
    expect(world.status(slotJob(0))).toBe("canceled: dependency_failed");
  });

  test("and is named twice in one firing, has one record", () => {
    const clock = new Clockwork(new World(), { overlap: "allow" });
    const skip = { slot: slotAt(0), skip: "missed", message: null } as const;
    const records = clock.fire([planned(0), skip], { from: slotAt(0), next: at(1) });
    expect(records).toHaveLength(2);
    expect([clock.story, clock.schedule.runs]).toEqual([["0: job"], 1]);
  });

  test("brings its candidates along", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const candidates = { count: 2, choose: "rule" } as const;
    const twins = [1, 2].map((n) => newJob(`${slotJob(0)}.${n}`, { parent: slotJob(0) }));
    clock.fire([{ slot: slotAt(0), jobs: [newJob(slotJob(0), { candidates }), ...twins] }], {
      from: slotAt(0),
      next: at(1),
    });
    expect(world.state.counts).toMatchObject({ queued: 2, blocked: 1 });
    expect(clock.schedule.open).toEqual([slotJob(0)]);
  });

  test("is told of in one event, however many were missed", () => {
    const world = new World();
    const clock = new Clockwork(world);
    const missed = Array.from({ length: 99 }, (_, n) => ({ slot: slotAt(n), skip: "missed", message: null }) as const);
    clock.fire([...missed, planned(99)], { from: slotAt(0), next: at(100) });
    const skipped = world.events.filter(({ type }) => type === "schedule.skipped");
    expect(skipped.map(({ data }) => data)).toEqual([
      { schedule: "nightly", reason: "missed", message: null, slots: 99, first: slotAt(0), last: slotAt(98) },
    ]);
    expect(clock.records).toHaveLength(100);
  });
});

describe("while an earlier job is not over", () => {
  test("skip leaves the slot out", () => {
    const clock = new Clockwork(new World(), { overlap: "skip" });
    for (const n of [0, 1, 2]) clock.tick(n);
    clock.work();
    clock.tick(3);
    expect(clock.story).toEqual(["0: job", "1: overlap", "2: overlap", "3: job"]);
  });

  test("allow makes it beside", () => {
    const clock = new Clockwork(new World(), { overlap: "allow" });
    for (const n of [0, 1, 2]) clock.tick(n);
    expect(clock.story).toEqual(["0: job", "1: job", "2: job"]);
    expect(clock.schedule.open).toHaveLength(3);
  });

  test("buffer_one keeps one slot, and its job is made once the place is free", () => {
    const clock = new Clockwork(new World(), { overlap: "buffer_one" });
    for (const n of [0, 1, 2]) clock.tick(n);
    expect(clock.story).toEqual(["0: job", "1: buffered", "2: buffer_full"]);
    clock.ask("clock", [planned(1)]);
    expect(clock.story[1]).toBe("1: buffered");
    clock.work();
    // The slot that comes before the first was acted on waits behind it.
    clock.tick(3);
    clock.ask("clock", [planned(1)]);
    expect(clock.story).toEqual(["0: job", "1: job", "2: buffer_full", "3: buffered"]);
    expect(clock.schedule).toMatchObject({ buffered: [slotAt(3)], runs: 2, open: [slotJob(1)] });
  });

  test("buffer_all keeps them in order, up to its limit", () => {
    const clock = new Clockwork(new World(), { overlap: "buffer_all" });
    for (let n = 0; n < BUFFERED_MAX + 2; n += 1) clock.tick(n);
    expect(clock.schedule.buffered).toHaveLength(BUFFERED_MAX);
    expect(clock.story.at(-1)).toBe(`${BUFFERED_MAX + 1}: buffer_full`);
    clock.work();
    clock.ask("clock", [planned(2), planned(1), planned(3)]);
    expect(clock.story.slice(0, 4)).toEqual(["0: job", "1: job", "2: buffered", "3: buffered"]);
  });

  test("cancel_other ends it: a waiting one at once, a running one through its worker", () => {
    const world = new World();
    const clock = new Clockwork(world, { overlap: "cancel_other" });
    clock.tick(0);
    clock.tick(1);
    expect(world.status(slotJob(0))).toBe("canceled: requested");
    const lease = world.start("bee");
    clock.tick(2);
    expect(world.beat(lease).cancel).toMatchObject({ reason: expect.stringContaining("takes its place") });
    expect([lease.jobId, clock.story]).toEqual([slotJob(1), ["0: job", "1: job", "2: job"]]);
  });

  test("a person's wish may be for another rule", () => {
    const clock = new Clockwork(new World(), { overlap: "skip" });
    clock.tick(0);
    expect(clock.ask("trigger:ann", [planned(50)], "allow")).toEqual([expect.objectContaining({ by: "trigger:ann" })]);
    clock.ask("backfill:ann", [planned(-2), planned(-1)], "buffer_all");
    expect(clock.story).toEqual(["-2: buffered", "-1: buffered", "0: job", "50: job"]);
    clock.tick(1);
    clock.work();
    clock.work();
    clock.tick(2);
    expect(clock.story).toEqual(["-2: buffered", "-1: buffered", "0: job", "1: overlap", "2: overlap", "50: job"]);
    clock.ask("clock", [planned(-2)]);
    expect(clock.schedule).toMatchObject({ buffered: [slotAt(-1)], open: [slotJob(-2)] });
  });
});

describe("what a person asks for", () => {
  test("may make up for a skipped slot, but not make a job twice, and counts for no limit", () => {
    const clock = new Clockwork(new World(), { overlap: "allow", maxRuns: 2 });
    clock.fire([{ slot: slotAt(0), skip: "missed", message: null }, planned(1)], { from: slotAt(0), next: at(2) });
    clock.ask("clock", [planned(0)]);
    expect(clock.story).toEqual(["0: missed", "1: job"]);
    clock.ask("backfill:ann", [planned(0), planned(1)]);
    clock.ask("backfill:ann", [planned(0), planned(1)]);
    expect(clock.story).toEqual(["0: job", "1: job"]);
    expect(clock.schedule).toMatchObject({ runs: 1, next: at(2) });
    clock.tick(2);
    expect(clock.schedule).toMatchObject({ runs: 2, next: null });
    expect(clock.world.state.counts.queued).toBe(3);
  });

  test("a slot that waited when the last job was made is left out by the limit", () => {
    const clock = new Clockwork(new World(), { overlap: "buffer_all", maxRuns: 1 });
    clock.fire([planned(0), planned(1)], { from: slotAt(0), next: at(2) });
    clock.work();
    clock.ask("clock", [planned(1)]);
    expect(clock.story).toEqual(["0: job", "1: limit"]);
    expect(clock.schedule).toMatchObject({ buffered: [], next: null });
  });

  test("is a person's also where it waited and the clock makes it, and where the clock's slot waited and a person came", () => {
    const clock = new Clockwork(new World(), { overlap: "buffer_all" });
    clock.tick(0);
    clock.tick(1);
    clock.ask("backfill:ann", [planned(-1)]);
    clock.ask("trigger:bob", [planned(1)], "allow");
    for (const _ of [0, 1]) clock.work();
    clock.ask("clock", [planned(-1)]);
    expect(clock.records.map(({ by }) => by)).toEqual(["backfill:ann", "clock", "trigger:bob"]);
    expect(clock.schedule).toMatchObject({ runs: 1, buffered: [] });
  });

  test("is taken by a paused schedule", () => {
    const clock = new Clockwork(new World());
    clock.pause(true);
    expect(() => clock.tick(0)).toThrow(stale);
    clock.ask("trigger:ann", [planned(7)]);
    expect(clock.schedule).toMatchObject({ next: null, open: [slotJob(7)] });
    expect(slotAt(1) - slotAt(0)).toBe(MINUTE_MS);
  });
});

/** What lasts: alerts that fire and resolve, for how long, flapping; and what its job hears of it. */

import { expect, test } from "vitest";
import { RESULT, SUCCESS } from "../queue.fixture.ts";
import type { Signal } from "../signal.ts";
import { HOUR, MINUTE, SourceWorld, signal } from "./sources.fixture.ts";

function firing(world: SourceWorld, episode = "1", what: Partial<Signal> = {}): Signal {
  return signal("a", { state: "firing", episode, at: world.wall, ...what });
}

function resolved(world: SourceWorld, episode = "1"): Signal {
  return firing(world, episode, { state: "resolved" });
}

/** Fires and has its job. */
function opened(policy: ConstructorParameters<typeof SourceWorld>[0] = {}): SourceWorld {
  const world = new SourceWorld(policy);
  world.hear(firing(world));
  world.open("a");
  return world;
}

test("an alert that is told again counts and decides nothing", () => {
  const world = opened();
  for (let n = 0; n < 5; n += 1) expect(world.hear(firing(world)).due).toEqual([]);
  expect(world.group("a")).toMatchObject({ stage: "open", count: 6, jobs: 1 });
  world.end("a");
  world.pass(2 * HOUR);
  expect(world.hear(firing(world)).due).toEqual([]);
  expect(world.group("a")).toMatchObject({ stage: "resolved", count: 7 });
});

test("what fires must do so for its time, and a spike that is over before is nothing", () => {
  const world = new SourceWorld({ forMs: 2 * MINUTE });
  world.hear(firing(world));
  expect(world.group("a")).toMatchObject({ stage: "pending", wakeAt: world.wall + 2 * MINUTE });
  world.pass(MINUTE);
  expect(world.wake("a")).toEqual([]);
  expect(world.hear(firing(world)).due).toEqual([]);
  world.hear(resolved(world));
  expect(world.group("a")).toMatchObject({ stage: "resolved", wakeAt: null });
  world.hear(firing(world, "2"));
  world.pass(2 * MINUTE);
  expect(world.wake("a")).toEqual(["a"]);
});

test("a repetition after its time brings what a wake would have brought", () => {
  const world = new SourceWorld({ forMs: 2 * MINUTE });
  world.hear(firing(world));
  world.pass(2 * MINUTE);
  expect(world.hear(firing(world)).due).toEqual(["a"]);
});

test("a job that waits is canceled when its alert resolves, its place is free, and the next time is a regression", () => {
  const world = opened();
  expect(world.hear(resolved(world)).canceled).toEqual(["s.a.1"]);
  expect(world.status("s.a.1")).toBe("canceled: requested");
  expect(world.last("s.a.1")).toMatchObject({ type: "job.canceled", data: { by: "source:s", message: "resolved" } });
  expect(world.group("a")).toMatchObject({ stage: "resolved", job: { id: "s.a.1", endedAt: world.wall } });
  expect(world.tally.open).toEqual({});
  world.pass(MINUTE);
  world.hear(firing(world, "2"));
  expect(world.stage("a")).toBe("held: cooldown");
  expect(world.group("a").regressed).toBe(true);
  world.hear(resolved(world, "2"));
  expect(world.stage("a")).toBe("resolved");
  expect(world.tally.held).toBe(0);
});

test("a job that runs is told that its alert resolved, and goes on", () => {
  const world = opened();
  world.register("w");
  const lease = world.start("w");
  expect(world.hear(resolved(world)).canceled).toEqual([]);
  const told = () => world.events.findLast(({ type }) => type === "job.signal");
  expect(told()).toMatchObject({ jobId: "s.a.1", data: { kind: "resolved" } });
  world.hear(firing(world, "2"));
  expect(told()).toMatchObject({ data: { kind: "firing" } });
  world.hear(resolved(world, "2"));
  world.finish(lease, SUCCESS);
  world.settle("a");
  expect(world.stage("a")).toBe("resolved");
});

test("work that is done and waits to be approved is not thrown away when its alert resolves", () => {
  const world = opened();
  world.register("w");
  const bundle = { sha256: "a".repeat(64), artifact: "bundle" };
  world.finish(world.start("w"), { end: "awaits_approval", bundle, result: RESULT });
  expect(world.hear(resolved(world)).canceled).toEqual([]);
  expect(world.status("s.a.1")).toBe("held: publish");
});

test("what began to fire anew while the job ran gets a job of its own after the cooldown", () => {
  const world = opened();
  world.register("w");
  const lease = world.start("w");
  world.pass(10_000);
  world.hear(resolved(world));
  world.hear(firing(world, "2"));
  world.finish(lease, SUCCESS);
  world.settle("a");
  expect(world.stage("a")).toBe("held: cooldown");
  world.pass(HOUR);
  expect(world.wake("a")).toEqual(["a"]);
  expect(world.open("a").jobId).toBe("s.a.2");
});

test("where the policy says nothing, nothing happens to the job and nobody is told", () => {
  const world = opened({ resolve: { waiting: "nothing", running: "nothing" } });
  expect(world.hear(resolved(world)).canceled).toEqual([]);
  expect(world.status("s.a.1")).toBe("queued");
  expect(world.story("s.a.1")).not.toContain("job.signal");
});

test("a late word that an earlier time is over resolves nothing", () => {
  const world = opened();
  world.hear(firing(world, "2"));
  expect(world.hear(resolved(world, "1")).canceled).toEqual([]);
  expect(world.group("a").firing).toMatchObject({ episode: "2", state: "firing" });
});

test("of several that last in one group, word of an older one takes nothing from what the newer one waits for", () => {
  const world = opened();
  const older = firing(world, "1");
  world.pass(MINUTE);
  world.hear(firing(world, "2"));
  world.end("a");
  expect(world.stage("a")).toBe("held: cooldown");
  world.hear(older);
  expect(world.stage("a")).toBe("held: cooldown");
  expect(world.group("a").firing).toMatchObject({ episode: "2", state: "firing" });
  world.pass(HOUR);
  expect(world.wake("a")).toEqual(["a"]);
});

test("what fires anew after its last job was made by a clock years ahead is not taken for what that job was for", () => {
  const world = new SourceWorld();
  const now = world.wall;
  world.wall += 10_000 * HOUR;
  world.hear(firing(world));
  world.open("a");
  world.end("a");
  world.wall = now;
  expect(world.hear(firing(world, "2")).due).toEqual(["a"]);
});

test("of several that last in one group and have one job, the end of one that began later cancels it not while another fires", () => {
  const world = new SourceWorld();
  const older = firing(world, "1");
  world.hear(older);
  world.pass(MINUTE);
  world.hear(older, firing(world, "2"));
  world.open("a");
  world.pass(MINUTE);
  expect(world.hear(older, resolved(world, "2")).canceled).toEqual([]);
  expect(world.stage("a")).toBe("open");
  expect(world.hear(resolved(world, "1"), resolved(world, "2")).canceled).toEqual(["s.a.1"]);
});

test("how bad it was before its last job lets nothing past the limits", () => {
  const world = new SourceWorld({ maxOpen: 0, bypass: "critical", cooldownMs: 0 });
  world.hear(firing(world, "1", { severity: "critical" }));
  world.open("a");
  world.pass(MINUTE);
  world.end("a");
  world.pass(MINUTE);
  expect(world.hear(firing(world, "2", { severity: "warning" })).due).toEqual([]);
  expect(world.group("a").severity).toBe("warning");
  expect(world.stage("a")).toBe("held: max_open");
  world.hear(firing(world, "2", { severity: "error" }), firing(world, "2", { severity: "warning" }));
  expect(world.group("a").severity).toBe("error");
});

test("what flaps is muted for a while, makes one job at most, and is looked at when the mute is over", () => {
  const world = new SourceWorld({ flap: { changes: 6, withinMs: HOUR, muteMs: HOUR } });
  for (let n = 0; n < 24; n += 1) {
    const signals = n % 2 === 0 ? firing(world, `${n}`) : resolved(world, `${n - 1}`);
    for (const due of world.hear(signals).due) world.open(due);
    world.pass(5_000);
  }
  const { mute, wakeAt, jobs, count } = world.group("a");
  expect(mute).toMatchObject({ by: "hive", reason: "flapping" });
  expect({ count, jobs, stage: world.stage("a") }).toEqual({ count: 24, jobs: 1, stage: "muted" });
  expect(world.events.filter(({ type }) => type === "group.muted")).toHaveLength(1);
  expect(wakeAt).toBe(mute?.until);
  world.hear(firing(world, "last"));
  world.pass(HOUR);
  expect(world.wake("a")).toEqual(["a"]);
});

test("a mute that ran out is over for the next signal too, even a repetition", () => {
  const world = new SourceWorld();
  world.hear(firing(world));
  world.control("a", "mute", world.wall + MINUTE);
  expect(world.tally.due).toBe(0);
  expect(world.hear(firing(world)).due).toEqual([]);
  world.pass(MINUTE);
  expect(world.hear(firing(world)).due).toEqual(["a"]);
});

test("an edited item that comes when a mute ran out takes nothing from what waits for that", () => {
  const world = new SourceWorld();
  world.hear(signal("a"));
  world.control("a", "mute", world.wall + MINUTE);
  world.pass(MINUTE);
  world.hear(signal("a", { note: true }));
  expect(world.wake("a")).toEqual(["a"]);
});

test("a muted group that a person resolves is looked at when the mute is over", () => {
  const world = new SourceWorld();
  world.hear(signal("a"));
  world.control("a", "mute", world.wall + MINUTE);
  world.control("a", "resolve");
  expect(world.group("a")).toMatchObject({ stage: "muted", wakeAt: world.wall + MINUTE });
  world.pass(MINUTE);
  expect(world.wake("a")).toEqual([]);
  expect(world.group("a")).toMatchObject({ mute: null, wakeAt: null });
});

test("a mute by a person holds until it is taken back, and what was wanted before is wanted again", () => {
  const world = new SourceWorld();
  world.hear(firing(world));
  world.control("a", "mute");
  world.pass(1_000 * HOUR);
  expect(world.wake("a")).toEqual([]);
  expect(() => world.open("a")).toThrow(expect.objectContaining({ code: "stale_group" }));
  expect(world.control("a", "unmute").stage).toBe("due");
});

test("a muted group keeps its job and its place until the job is over", () => {
  const world = opened({ maxOpen: 1 });
  world.control("a", "mute");
  world.hear(signal("b"));
  expect(world.stage("b")).toBe("held: max_open");
  world.end("a");
  expect(world.stage("a")).toBe("muted");
  expect(world.wake("b")).toEqual(["b"]);
});

test("a person resolves what is held, and cancels a job that waits", () => {
  const world = opened({ maxOpen: 1 });
  world.hear(signal("b"));
  world.control("b", "resolve");
  expect(world.stage("b")).toBe("resolved");
  expect(world.tally.held).toBe(0);
  world.control("a", "resolve");
  expect(world.status("s.a.1")).toBe("canceled: requested");
  expect(world.tally.open).toEqual({});
});

test("an open job hears that it got worse, and of ten, a hundred and a thousand occurrences", () => {
  const world = opened();
  world.hear(firing(world, "1", { severity: "critical" }));
  const told = (): unknown[] =>
    world.events.filter(({ type }) => type === "job.signal").map(({ data }) => [data["kind"], data["count"]]);
  expect(told()).toEqual([["worse", 2]]);
  for (let n = 2; n < 1_100; n += 1) world.hear(firing(world));
  expect(told().slice(1)).toEqual([10, 100, 1_000].map((count) => ["count", count]));
  expect(world.events.find(({ type }) => type === "job.signal")?.jobId).toBe("s.a.1");
});

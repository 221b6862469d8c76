/** When a group becomes a job and when it does not: thresholds, limits, the line, cooldown, holds. */

import { expect, test } from "vitest";
import { newJob } from "../queue.fixture.ts";
import { HOUR, MINUTE, SourceWorld, signal } from "./sources.fixture.ts";

const LETTERS = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** A world in which these groups are heard of, and every job that is due is made. */
function flood(world: SourceWorld, fingerprints: readonly string[]): void {
  const { due } = world.hear(...fingerprints.map((fingerprint) => signal(fingerprint, { at: world.wall })));
  for (const fingerprint of due) world.open(fingerprint);
}

function stages(world: SourceWorld, fingerprints: readonly string[]): string[] {
  return fingerprints.map((fingerprint) => world.stage(fingerprint));
}

test("a group is quiet until it was seen often enough within its window, and what is older does not count", () => {
  const world = new SourceWorld({ count: 3 });
  const at = world.wall - 60 * MINUTE;
  expect(world.hear(signal("a", { at, count: 2 })).due).toEqual([]);
  expect(world.hear(signal("a", { at: at + 11 * MINUTE })).due).toEqual([]);
  expect(world.stage("a")).toBe("quiet");
  expect(world.hear(signal("a", { at: at + 12 * MINUTE, count: 2 })).due).toEqual(["a"]);
  expect(world.group("a").count).toBe(5);
});

test("what reached its threshold waits on, however seldom it happens afterwards, also over a mute", () => {
  const world = new SourceWorld({ count: 3, maxOpen: 1 });
  const seen = (fingerprint: string, count: number) =>
    world.hear(signal(fingerprint, { count, at: world.wall })).due.forEach((due) => world.open(due));
  seen("a", 3);
  seen("b", 3);
  expect(stages(world, ["a", "b"])).toEqual(["open", "held: max_open"]);
  world.pass(HOUR);
  seen("b", 1);
  expect(world.stage("b")).toBe("held: max_open");
  world.control("b", "mute");
  world.control("b", "unmute");
  expect(world.stage("b")).toBe("held: max_open");
  world.end("a");
  expect(world.wake("b")).toEqual(["b"]);
  world.pass(HOUR);
  expect(world.hear(signal("b", { at: world.wall })).due).toEqual(["b"]);
});

test("a threshold of a thousand is reached one by one, with no more than a hundred instants kept", () => {
  const world = new SourceWorld({ count: 1_000 });
  const until = (n: number) => {
    for (let seen = world.store.has("groups/s/a") ? world.group("a").count : 0; seen < n; seen += 1) {
      world.hear(signal("a", { at: world.wall - 500_000 + seen * 500 }));
    }
  };
  until(999);
  expect(world.stage("a")).toBe("quiet");
  expect(world.group("a").recent.length).toBeLessThanOrEqual(101);
  until(1_000);
  expect(world.stage("a")).toBe("due");
});

test("a sender whose clock is ahead or wrong cannot bring a threshold nearer than one occurrence does", () => {
  const world = new SourceWorld({ count: 2 });
  world.hear(signal("a", { at: world.wall + 400 * HOUR }));
  expect(world.group("a").recent).toEqual([{ at: world.wall, count: 1 }]);
});

test("beyond maxOpen groups are held in the open, and the end of a job makes place for the worst and then the oldest", () => {
  const world = new SourceWorld({ maxOpen: 2, perHour: null });
  flood(world, ["a", "b"]);
  flood(world, ["c"]);
  world.pass(MINUTE);
  flood(world, ["d"]);
  world.hear(signal("e", { severity: "info", at: world.wall }));
  expect(stages(world, ["a", "b", "c", "d", "e"])).toEqual(["open", "open", ...Array(3).fill("held: max_open")]);
  expect(world.tally).toMatchObject({ held: 3, due: 0, groups: 5 });
  expect(line(world)).toEqual(["c", "d", "e"]);
  expect(world.wake("c", "d", "e")).toEqual([]);
  // What is heard of again keeps its place.
  world.pass(MINUTE);
  world.hear(signal("c", { severity: "error", at: world.wall }));
  expect(line(world)).toEqual(["c", "d", "e"]);
  world.end("a");
  expect(world.wake(...line(world))).toEqual(["c"]);
  expect(world.open("c").jobId).toBe("s.c.1");
  expect(stages(world, ["c", "d", "e"])).toEqual(["open", "held: max_open", "held: max_open"]);
});

/** Held groups as the index gives them. */
function line(world: SourceWorld): string[] {
  const held = world.groups.filter(({ stage, line: place }) => stage === "held" && place !== null);
  return held.sort((a, b) => Number(a.line) - Number(b.line)).map(({ fingerprint }) => fingerprint);
}

test("at most perHour jobs are made within any hour, not of the clock but of time", () => {
  const world = new SourceWorld({ maxOpen: null, perHour: 2 });
  flood(world, ["a"]);
  world.pass(50 * MINUTE);
  flood(world, ["b", "c"]);
  expect(stages(world, ["a", "b", "c"])).toEqual(["open", "open", "held: per_hour"]);
  world.pass(9 * MINUTE);
  expect(world.wake("c")).toEqual([]);
  world.pass(MINUTE);
  expect(world.wake("c")).toEqual(["c"]);
  world.open("c");
  flood(world, ["d"]);
  expect(world.stage("d")).toBe("held: per_hour");
});

test("jobs that were made, and ended, while the clock was years ahead keep nobody waiting for years", () => {
  const world = new SourceWorld({ perHour: 1 });
  const now = world.wall;
  world.wall += 10_000 * HOUR;
  flood(world, ["a"]);
  world.end("a");
  world.wall = now + MINUTE;
  flood(world, ["a"]);
  expect(world.stage("a")).toBe("open");
  flood(world, ["b"]);
  expect(world.stage("b")).toBe("held: per_hour");
  world.pass(HOUR);
  expect(world.wake("b")).toEqual(["b"]);
});

test("what was seen while the clock was years ahead keeps no later occurrences from reaching the threshold", () => {
  const world = new SourceWorld({ count: 3 });
  const now = world.wall;
  world.wall += 10_000 * HOUR;
  world.hear(signal("a", { at: world.wall }));
  world.wall = now;
  world.hear(signal("a", { at: now, count: 2 }));
  expect(world.stage("a")).toBe("quiet");
  expect(world.hear(signal("a", { at: now })).due).toEqual(["a"]);
});

test("what was due is held when the limits are reached before its job is made", () => {
  const world = new SourceWorld({ maxOpen: 1 });
  world.hear(signal("a"));
  world.policy = { ...world.policy, maxOpen: 2 };
  world.hear(signal("b"));
  expect(stages(world, ["a", "b"])).toEqual(["due", "due"]);
  world.policy = { ...world.policy, maxOpen: 1 };
  expect(world.open("a").jobId).toBe("s.a.1");
  expect(world.open("b")).toMatchObject({ jobId: null, group: { stage: "held", hold: { reason: "max_open" } } });
  expect(world.open("b").jobId).toBe(null);
  world.end("a");
  expect(world.open("b").jobId).toBe("s.b.1");
});

test("what is bad enough is not held, and one that is held and gets that bad is due at once", () => {
  const world = new SourceWorld({ maxOpen: 1 });
  flood(world, ["a", "b"]);
  expect(world.hear(signal("c", { severity: "critical" })).due).toEqual(["c"]);
  expect(world.open("c").jobId).toBe("s.c.1");
  expect(world.hear(signal("b", { severity: "critical" })).due).toEqual(["b"]);
  expect(world.open("b").jobId).toBe("s.b.1");
});

test("a hundred at once make two jobs, hold ninety-eight, and lose none", () => {
  const world = new SourceWorld({ maxOpen: 10, perHour: 2, bypass: null });
  const all = Array.from({ length: 100 }, (_, n) => `g${n}`);
  const { due } = world.hear(...all.map((fingerprint) => signal(fingerprint)));
  expect(due).toEqual(["g0", "g1"]);
  for (const fingerprint of due) world.open(fingerprint);
  expect(world.tally).toMatchObject({ held: 98, due: 0, jobs: 2 });
  const done: string[] = [...due];
  for (let hours = 0; done.length < 100 && hours < 100; hours += 1) {
    for (const fingerprint of Object.keys(world.tally.open)) world.end(fingerprint);
    world.pass(HOUR);
    for (const fingerprint of world.wake(...line(world))) {
      expect(world.open(fingerprint).jobId).not.toBe(null);
      done.push(fingerprint);
    }
    expect(world.tally.opened.filter((at) => at > world.wall - HOUR).length).toBeLessThanOrEqual(2);
  }
  expect(new Set(done).size).toBe(100);
  expect(world.tally).toMatchObject({ held: 0, jobs: 100 });
});

test("after its job a group waits for its cooldown, and comes back as the same trouble", () => {
  const world = new SourceWorld();
  flood(world, ["a"]);
  world.pass(MINUTE);
  world.end("a");
  expect(world.stage("a")).toBe("resolved");
  world.pass(MINUTE);
  flood(world, ["a"]);
  expect(world.stage("a")).toBe("held: cooldown");
  expect(world.group("a")).toMatchObject({ regressed: true, wakeAt: world.wall - MINUTE + HOUR, line: null });
  expect(world.events.at(-1)).toMatchObject({ type: "group.regressed", jobId: null, data: { lastJob: "s.a.1" } });
  expect(world.wake("a")).toEqual([]);
  world.pass(HOUR);
  expect(world.wake("a")).toEqual(["a"]);
  expect(world.open("a").jobId).toBe("s.a.2");
  world.end("a");
  world.pass(25 * HOUR);
  flood(world, ["a"]);
  expect(world.group("a")).toMatchObject({ stage: "open", regressed: false, jobs: 3 });
});

test("the cooldown begins when the job ended, however late the group learns of it", () => {
  const world = new SourceWorld();
  flood(world, ["a"]);
  world.do({ type: "cancel", jobId: "s.a.1", by: "ann", reason: "done" });
  world.pass(2 * HOUR);
  world.settle("a");
  flood(world, ["a"]);
  expect(world.stage("a")).toBe("open");
});

test("what happened after the job's end, and before its group learned of that, is no part of what it worked on", () => {
  const world = new SourceWorld({ cooldownMs: HOUR });
  flood(world, ["a", "b"]);
  for (const jobId of ["s.a.1", "s.b.1"]) world.do({ type: "cancel", jobId, by: "ann", reason: "done" });
  world.hear(signal("b", { at: world.wall - 1 }));
  world.pass(MINUTE);
  world.hear(signal("a", { at: world.wall }));
  world.settle("a");
  world.settle("b");
  expect(stages(world, ["a", "b"])).toEqual(["held: cooldown", "resolved"]);
  world.pass(HOUR);
  expect(world.wake("a")).toEqual(["a"]);
});

test("the end of a job that lives, or of another one, settles nothing; the same end twice frees one place", () => {
  const world = new SourceWorld({ maxOpen: 2 });
  flood(world, ["a", "b", "c"]);
  world.settle("a");
  world.settle("a", "s.b.1");
  expect(world.tally.open).toEqual({ a: "s.a.1", b: "s.b.1" });
  world.end("a");
  world.settle("a", "s.a.1");
  expect(world.tally.open).toEqual({ b: "s.b.1" });
});

test("a job that was retried by hand is its group's again, and there is no second one", () => {
  const world = new SourceWorld({ cooldownMs: 0 });
  flood(world, ["a"]);
  world.end("a");
  world.do({ type: "retry", jobId: "s.a.1", by: "ann" });
  expect(world.hear(signal("a")).due).toEqual([]);
  expect(world.group("a")).toMatchObject({ stage: "open", jobs: 1, job: { id: "s.a.1", endedAt: null } });
  expect(world.tally.open).toEqual({ a: "s.a.1" });
});

test("a template that is wrong holds the group until settings change; a used-up budget holds it until the next day", () => {
  const world = new SourceWorld();
  world.hear(signal("a"), signal("b"));
  expect(world.open("a", { job: { refused: "no such field: labels.repo" } })).toMatchObject({
    jobId: null,
    group: { hold: { reason: "refused", message: "no such field: labels.repo" } },
  });
  const midnight = Math.ceil(world.wall / (24 * HOUR)) * 24 * HOUR;
  expect(world.open("b", { overBudget: true }).group).toMatchObject({ stage: "held", wakeAt: midnight });
  world.hear(signal("a"), signal("b"));
  expect(stages(world, ["a", "b"])).toEqual(["held: refused", "held: budget"]);
  expect(world.wake("a", "b")).toEqual(["a"]);
  world.pass(midnight - world.wall);
  expect(world.wake("b")).toEqual(["b"]);
});

test("a job that is not accepted for what it says holds its group; a full queue refuses the whole command", () => {
  const world = new SourceWorld();
  world.hear(signal("a"));
  const wrong = { dependsOn: ["nobody"] };
  const { group } = world.open("a", { job: { ...newJob("s.a.1"), ...wrong } });
  expect(group.hold).toMatchObject({ reason: "refused", message: expect.stringContaining("nobody") });
  const full = new SourceWorld({}, { maxWaiting: 0 });
  full.hear(signal("a"));
  expect(() => full.open("a")).toThrow(expect.objectContaining({ code: "queue_full" }));
  expect(full.stage("a")).toBe("due");
});

test("what a person releases passes every limit once", () => {
  const world = new SourceWorld({ maxOpen: 1 });
  flood(world, LETTERS.slice(0, 3));
  world.control("b", "release");
  expect(world.stage("b")).toBe("due");
  expect(world.open("b", { overBudget: true }).jobId).toBe("s.b.1");
  expect(world.group("b").released).toBe(false);
  world.end("a");
  world.end("b");
  flood(world, ["b"]);
  expect(world.stage("b")).toBe("held: cooldown");
  world.control("b", "release");
  expect(world.open("b").jobId).toBe("s.b.2");
  expect(() => world.control("b", "release")).toThrow(expect.objectContaining({ code: "stale_group" }));
});

test("an opening for another episode, or for what does not wait, is refused", () => {
  const world = new SourceWorld();
  world.hear(signal("a"));
  for (const episode of [0, 2]) {
    expect(() => world.open("a", { episode })).toThrow(expect.objectContaining({ code: "stale_group" }));
  }
  world.open("a");
  expect(() => world.open("a")).toThrow(expect.objectContaining({ code: "stale_group" }));
  expect(() => world.open("a", { episode: 1 })).toThrow(expect.objectContaining({ code: "stale_group" }));
  expect(world.tally.jobs).toBe(1);
});

import { describe, expect, test } from "vitest";
import { SUCCESS, World, newJob } from "../queue.fixture.ts";

function running(what: Parameters<typeof newJob>[1] = {}) {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("a", what));
  const lease = world.claim("w");
  if (lease === null) throw new Error("no grant");
  return { world, lease };
}

describe("heartbeat", () => {
  test("the first one begins the attempt, and that is stored and told", () => {
    const { world, lease } = running();
    const { changes, reply } = world.apply({
      type: "heartbeat",
      lease,
      phase: "prepare",
      message: null,
      percent: null,
    });
    expect(reply).toEqual({ cancel: null, stop: null, drain: false, begun: true });
    expect(changes.map((change) => change.collection)).toEqual(["jobs", "events"]);
    expect(world.job("a").run).toMatchObject({ attempts: 1, lease: { begunAt: world.wall, phase: "prepare" } });
    expect(world.last("a")).toMatchObject({ type: "job.started", data: { attempt: 1, phase: "prepare" } });
  });

  test("later ones write nothing and keep the lease alive", () => {
    const { world, lease } = running();
    world.beat(lease);
    for (let n = 0; n < 10; n += 1) {
      world.pass(20_000);
      const { changes } = world.apply({ type: "heartbeat", lease, phase: null, message: null, percent: null });
      expect(changes).toEqual([]);
    }
    expect(world.finish(lease, SUCCESS)).toMatchObject({ status: "succeeded" });
  });

  test("a new phase is told at once, a message at most every five seconds and only when it is new", () => {
    const { world, lease } = running();
    const beat = (phase: string | null, message: string | null, percent: number | null = null) =>
      world.apply({ type: "heartbeat", lease, phase, message, percent }).effects.length;
    beat("prepare", null);
    expect(beat("run", "begins")).toBe(1);
    expect(beat("run", "again")).toBe(0);
    world.pass(4_999);
    expect(beat("run", "again")).toBe(0);
    world.pass(1);
    expect(beat("run", "again", 40)).toBe(1);
    world.pass(5_000);
    expect(beat("run", "again", 40)).toBe(0);
    expect(beat(null, null)).toBe(0);
    expect(world.last("a")).toMatchObject({
      type: "job.progress",
      data: { phase: "run", message: "again", percent: 40 },
    });
    expect(world.job("a").run?.lease?.phase).toBe("run");
  });

  test("the reply carries a cancel and a drain", () => {
    const { world, lease } = running();
    world.beat(lease);
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "wrong branch" });
    world.do({ type: "drain", workerId: "w", draining: true });
    expect(world.beat(lease)).toEqual({ cancel: { reason: "wrong branch" }, stop: null, drain: true, begun: true });
  });

  test("an old fence, a fence never granted and an unknown job are told that the lease is lost, and leave no trace", () => {
    const { world, lease } = running();
    world.pass(10_000);
    world.register("w2");
    world.start("w2");
    const before = JSON.stringify([...world.store]);
    const deadline = world.state.leases.of("a")?.runsOutAt;
    for (const ref of [lease, { jobId: "a", fence: 3 }, { jobId: "nobody", fence: 1 }]) {
      expect(() => world.beat(ref)).toThrow(expect.objectContaining({ code: "lease_lost" }));
    }
    expect(JSON.stringify([...world.store])).toBe(before);
    expect(world.state.leases.of("a")?.runsOutAt).toBe(deadline);
  });
});

describe("report", () => {
  test("agent events are stored in order, and a repeated or overlapping report adds nothing twice", () => {
    const { world, lease } = running();
    world.beat(lease);
    const report = (from: number, ...texts: string[]) =>
      world.do({ type: "report", lease, from, events: texts.map((text) => ({ text })) }).accepted;
    expect(report(0, "a", "b")).toBe(2);
    expect(report(0, "a", "b")).toBe(2);
    expect(report(1, "b", "c")).toBe(3);
    expect(report(5, "f")).toBe(3);
    world.restart();
    expect(report(3, "d")).toBe(4);
    const kept = world.events.filter((event) => event.type === "job.agent").map((event) => event.data);
    expect(kept.map((data) => data["event"])).toEqual([{ text: "a" }, { text: "b" }, { text: "c" }, { text: "d" }]);
    expect(kept.map((data) => data["index"])).toEqual([0, 1, 2, 3]);
  });

  test("one report takes two hundred events, and the reply says where to go on", () => {
    const { world, lease } = running();
    world.beat(lease);
    const events = Array.from({ length: 500 }, (_, n) => ({ n }));
    expect(world.do({ type: "report", lease, from: 0, events })).toEqual({ accepted: 200 });
  });

  test("an agent that babbles is heard ten thousand times and then once more", () => {
    const { world, lease } = running();
    world.beat(lease);
    const events = Array.from({ length: 200 }, (_, n) => ({ n }));
    for (let from = 0; from < 10_600; from += 200) world.do({ type: "report", lease, from, events });
    const kept = world.events.filter((event) => event.type === "job.agent");
    expect(kept).toHaveLength(10_001);
    expect(kept.at(-1)?.data["event"]).toMatchObject({ type: "truncated" });
    expect(world.job("a").run?.lease?.reported).toBe(10_600);
  });

  test("it is refused before the attempt began and after the lease is over", () => {
    const { world, lease } = running();
    const report = { type: "report", lease, from: 0, events: [{}] } as const;
    expect(() => world.do(report)).toThrow(expect.objectContaining({ code: "not_begun" }));
    world.pass(10_000);
    expect(() => world.do(report)).toThrow(expect.objectContaining({ code: "lease_lost" }));
  });
});

describe("publish", () => {
  const announcement = { ref: "refs/heads/hive/a", expectedOld: "0".repeat(40), commit: "1".repeat(40) };

  test("the announced commit is stored under its fence and told once", () => {
    const { world, lease } = running();
    world.beat(lease);
    expect(world.do({ type: "publish", lease, announcement })).toEqual({ announced: true });
    expect(world.apply({ type: "publish", lease, announcement }).changes).toEqual([]);
    expect(world.job("a").run?.announced).toEqual([{ fence: 1, ...announcement }]);
    expect(world.last("a")).toMatchObject({ type: "job.publishing", data: announcement });
  });

  test("the last twenty are kept", () => {
    const { world, lease } = running();
    world.beat(lease);
    for (let n = 0; n < 25; n += 1) {
      world.do({ type: "publish", lease, announcement: { ...announcement, commit: String(n).padStart(40, "0") } });
    }
    expect(world.job("a").run?.announced).toHaveLength(20);
    expect(world.job("a").run?.announced.at(-1)?.commit).toBe("24".padStart(40, "0"));
  });

  test("it is refused before the attempt began, after a cancel, after the lease and before a needed approval", () => {
    const { world, lease } = running();
    const publish = { type: "publish", lease, announcement } as const;
    expect(() => world.do(publish)).toThrow(expect.objectContaining({ code: "not_begun" }));
    world.beat(lease);
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "" });
    expect(() => world.do(publish)).toThrow(expect.objectContaining({ code: "wrong_status" }));
    world.finish(lease, { end: "canceled", result: null });
    expect(() => world.do(publish)).toThrow(expect.objectContaining({ code: "lease_lost" }));
    const tainted = running({ approval: "publish" });
    tainted.world.beat(tainted.lease);
    expect(() => tainted.world.do({ type: "publish", lease: tainted.lease, announcement })).toThrow(/approval/);
  });
});

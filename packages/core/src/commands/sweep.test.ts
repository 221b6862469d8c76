import { describe, expect, test } from "vitest";
import { nextDeadline } from "../state.ts";
import { SUCCESS, World, newJob, profile } from "../queue.fixture.ts";
import type { Rules } from "../rules.ts";

function leased(what: Parameters<typeof newJob>[1] = {}, rules: Partial<Rules> = {}) {
  const world = new World(rules);
  world.register("w");
  world.enqueue(newJob("a", what));
  const lease = world.claim("w");
  if (lease === null) throw new Error("no grant");
  return { world, lease };
}

describe("sweep", () => {
  test("a scheduled job is queued when it is due, in order of its time", () => {
    const world = new World();
    const now = world.wall;
    world.enqueue(newJob("late", { runAt: now + 2_000 }), newJob("soon", { runAt: now + 1_000 }));
    expect(nextDeadline(world.state)).toEqual({ mono: null, wall: now + 1_000 });
    world.pass(999);
    expect(world.state.counts).toMatchObject({ scheduled: 2, queued: 0 });
    world.pass(1);
    expect(world.status("soon")).toBe("queued");
    expect(nextDeadline(world.state)).toEqual({ mono: null, wall: now + 2_000 });
    world.pass(1_000);
    expect(world.story("late")).toEqual(["job.scheduled", "job.queued"]);
    expect(nextDeadline(world.state)).toEqual({ mono: null, wall: null });
  });

  test("a canceled scheduled job is not waited for", () => {
    const world = new World();
    world.enqueue(newJob("a", { runAt: world.wall + 1_000 }));
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "" });
    expect(nextDeadline(world.state)).toEqual({ mono: null, wall: null });
  });

  test("one sweep does a bounded part, and the deadline stays in the past until all is done", () => {
    const world = new World({ maxWaiting: 10_000 });
    world.enqueue(...Array.from({ length: 900 }, (_, n) => newJob(`j${n}`, { runAt: world.wall + 1 })));
    world.wall += 1;
    expect(world.do({ type: "sweep" })).toEqual({ queued: 500, expired: 0 });
    expect(nextDeadline(world.state).wall).toBe(world.wall);
    expect(world.do({ type: "sweep" })).toEqual({ queued: 400, expired: 0 });
    expect(world.apply({ type: "sweep" })).toEqual({ changes: [], effects: [], reply: { queued: 0, expired: 0 } });
  });

  test("a lease without a first heartbeat goes back uncounted after ten seconds", () => {
    const { world } = leased();
    expect(nextDeadline(world.state).mono).toBe(world.mono + 10_000);
    world.pass(9_999);
    expect(world.status("a")).toBe("running");
    world.pass(1);
    expect(world.status("a")).toBe("queued");
    expect(world.job("a").run).toMatchObject({ attempts: 0, losses: 0, failures: 0, returns: 1, lease: null });
    expect(world.store.get("attempts/a/00000001")).toMatchObject({ end: "returned", begunAt: null });
    expect(world.effects).toContainEqual(
      expect.objectContaining({ type: "signal", workerId: "w", signal: "stale", jobId: "a", fence: 1 }),
    );
  });

  test("a job whose lease ran out goes to the next worker, and the old one is refused", () => {
    const { world, lease } = leased();
    world.beat(lease);
    world.pass(30_000);
    expect(world.status("a")).toBe("queued");
    expect(world.last("a")).toMatchObject({ type: "job.retrying", data: { error: { code: "worker_lost" } } });
    world.register("w2");
    expect(world.start("w2")).toEqual({ jobId: "a", fence: 2 });
    expect(() => world.finish(lease, SUCCESS)).toThrow(expect.objectContaining({ code: "lease_lost" }));
    expect(world.job("a").run).toMatchObject({ attempts: 2, losses: 1, failures: 0 });
  });

  test("a job that loses its worker three times is poison", () => {
    const { world, lease } = leased({ secrets: { githubToken: 1 } });
    world.beat(lease);
    world.pass(30_000);
    world.start("w");
    world.pass(30_000);
    world.start("w");
    world.pass(30_000);
    expect(world.status("a")).toBe("failed: poison");
    expect(world.store.has("secrets/a/githubToken")).toBe(false);
    expect(world.claim("w")).toBeNull();
  });

  test("a lease that runs out after a cancel ends the job canceled, begun or not", () => {
    for (const begun of [true, false]) {
      const { world, lease } = leased();
      if (begun) world.beat(lease);
      world.do({ type: "cancel", jobId: "a", by: "me", reason: "" });
      world.pass(30_000);
      expect(world.status("a")).toBe("canceled: requested");
    }
  });

  test("an attempt that takes longer than its time and the grace has failed, however alive the worker is", () => {
    const { world, lease } = leased({ timeoutMs: 50_000, maxAttempts: 3 });
    world.beat(lease);
    for (let n = 0; n < 10; n += 1) {
      world.pass(10_000);
      world.beat(lease);
    }
    world.pass(9_999);
    expect(world.status("a")).toBe("running");
    world.pass(1);
    expect(world.status("a")).toBe("failed: timeout");
    expect(world.store.get("attempts/a/00000001")).toMatchObject({
      end: "failed",
      error: { code: "timeout", kind: "work" },
    });
  });
});

test("a worker that may have a job only so long ends an attempt before the job's own limit, also after a restart", () => {
  const world = new World();
  const placement = { pool: "quick", egress: null, timeoutMs: 20_000 };
  world.do({ type: "register", workerId: "w", registrationId: "r1", profile: profile(), placement });
  world.enqueue(newJob("a", { timeoutMs: 50_000 }), newJob("b", { timeoutMs: 5_000 }));
  const claim = { type: "claim", workerId: "w", claimId: "c" } as const;
  expect(world.do(claim).grant).toMatchObject({ timeoutMs: 20_000 });
  expect(world.do(claim).grant).toMatchObject({ timeoutMs: 20_000 });
  const lease = { jobId: "a", fence: 1 };
  world.beat(lease);
  world.restart();
  world.beat(lease);
  expect(world.state.timeoutOf({ run: null, timeoutMs: 5_000 }, "w")).toBe(5_000);
  for (let n = 0; n < 7; n += 1) {
    world.pass(10_000);
    world.beat(lease);
  }
  world.pass(10_000);
  expect(world.status("a")).toBe("failed: timeout");
  expect(world.store.get("attempts/a/00000001")).toMatchObject({
    error: { message: "the attempt took longer than 20000 ms" },
  });
});

describe("after a start or a pause of the dispatcher", () => {
  test("every live lease gets one full term again", () => {
    const { world, lease } = leased();
    world.beat(lease);
    world.mono += 29_000;
    world.restart();
    world.pass(29_999);
    expect(world.status("a")).toBe("running");
    world.beat(lease);
    world.mono += 100_000;
    world.state.extendAll({ mono: world.mono });
    world.pass(29_999);
    expect(world.status("a")).toBe("running");
    world.pass(1);
    expect(world.status("a")).toBe("queued");
  });

  test("an attempt that was due to time out during a pause gets a term to report", () => {
    const { world, lease } = leased({ timeoutMs: 1_000 });
    world.beat(lease);
    world.mono += 100_000;
    world.state.extendAll({ mono: world.mono });
    world.pass(29_999);
    expect(world.finish(lease, SUCCESS)).toMatchObject({ status: "succeeded" });
  });

  test("a job leased but not begun before a restart can still begin", () => {
    const { world, lease } = leased();
    world.restart();
    expect(world.beat(lease)).toMatchObject({ begun: true });
    expect(world.finish(lease, SUCCESS)).toMatchObject({ status: "succeeded" });
  });
});

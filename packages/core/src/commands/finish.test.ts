import { describe, expect, test } from "vitest";
import { RESULT, SUCCESS, World, failure, newJob } from "../queue.fixture.ts";
import type { Rules } from "../rules.ts";

function started(what: Parameters<typeof newJob>[1] = {}, rules: Partial<Rules> = {}) {
  const world = new World(rules);
  world.register("w");
  world.enqueue(newJob("a", what));
  return { world, lease: world.start("w") };
}

describe("finish", () => {
  test("a success ends the job, keeps the attempt and tells the whole result", () => {
    const { world, lease } = started({ callback: true });
    const log = { bytes: 12, crc32: 99 };
    const { reply, effects } = world.apply({ type: "finish", lease, finishId: "f", outcome: SUCCESS, log });
    expect(reply).toEqual({ status: "succeeded", repeated: false });
    expect(effects).toContainEqual({ type: "ended", jobId: "a", fence: 1 });
    expect(world.job("a")).toMatchObject({ status: "succeeded", endedAt: world.wall, run: { lease: null, fence: 1 } });
    expect(world.store.get("attempts/a/00000001")).toMatchObject({
      end: "succeeded",
      attempt: 1,
      generation: 1,
      finishId: "f",
      result: RESULT,
      statusAfter: "succeeded",
      log,
    });
    expect(world.last("a")).toMatchObject({ type: "job.succeeded", data: { status: "succeeded", result: RESULT } });
  });

  test("the same finish again gets the same answer, also after a restart and a retry; another is refused", () => {
    const { world, lease } = started();
    world.finish(lease, failure("work"), "f");
    world.restart();
    const before = world.store.size;
    expect(world.finish(lease, failure("work"), "f")).toEqual({ status: "failed", repeated: true });
    expect(() => world.finish(lease, SUCCESS, "other")).toThrow(expect.objectContaining({ code: "lease_lost" }));
    expect(world.store.size).toBe(before);
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.finish(lease, failure("work"), "f")).toEqual({ status: "failed", repeated: true });
    world.start("w");
    expect(() => world.finish(lease, SUCCESS, "other")).toThrow(expect.objectContaining({ code: "lease_lost" }));
    expect(world.status("a")).toBe("running");
  });

  test("a lease of an unknown job is lost", () => {
    const world = new World();
    expect(() => world.finish({ jobId: "nobody", fence: 1 }, SUCCESS)).toThrow(
      expect.objectContaining({ code: "lease_lost" }),
    );
  });

  test("nothing can succeed before its first heartbeat, but the job can be given back", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const lease = world.claim("w") ?? { jobId: "", fence: 0 };
    expect(() => world.finish(lease, SUCCESS)).toThrow(expect.objectContaining({ code: "not_begun" }));
    expect(() => world.finish(lease, failure("system"))).toThrow(expect.objectContaining({ code: "not_begun" }));
    expect(world.finish(lease, { end: "returned", message: "shutting down" })).toEqual({
      status: "queued",
      repeated: false,
    });
  });

  test("a lease that the dispatcher takes back is taken only until its worker has begun", () => {
    const { world, lease } = started();
    const outcome = { end: "returned", message: "nobody heard of it" } as const;
    const takeBack = () =>
      world.do({ type: "finish", lease, finishId: "closed", outcome, log: null, unlessBegun: true as const });
    expect(takeBack).toThrow(expect.objectContaining({ code: "wrong_status" }));
    expect(world.status("a")).toBe("running");
    expect(world.finish(lease, SUCCESS).status).toBe("succeeded");
  });

  test("an error of the system is tried again after a back-off that grows, up to maxAttempts", () => {
    const { world, lease } = started({ maxAttempts: 3 });
    expect(world.finish(lease, failure("system", "clone_failed"))).toMatchObject({ status: "scheduled" });
    const first = (world.job("a").runAt ?? 0) - world.wall;
    expect(first).toBeGreaterThanOrEqual(2_500);
    expect(first).toBeLessThanOrEqual(5_000);
    expect(world.last("a")).toMatchObject({
      type: "job.retrying",
      data: { status: "scheduled", error: { code: "clone_failed" }, runAt: world.job("a").runAt },
    });
    world.pass(first - 1);
    expect(world.status("a")).toBe("scheduled");
    world.pass(1);
    expect(world.status("a")).toBe("queued");
    world.finish(world.start("w"), failure("system"));
    const second = (world.job("a").runAt ?? 0) - world.wall;
    expect(second).toBeGreaterThanOrEqual(5_000);
    expect(second).toBeLessThanOrEqual(10_000);
    world.pass(second);
    expect(world.finish(world.start("w"), failure("system", "clone_failed"))).toMatchObject({ status: "failed" });
    expect(world.status("a")).toBe("failed: clone_failed");
    expect(world.job("a").run).toMatchObject({ attempts: 3, failures: 3, losses: 0 });
  });

  test("failed work is not paid for twice", () => {
    const { world, lease } = started({ maxAttempts: 3 });
    expect(world.finish(lease, failure("work", "tests_failed"))).toMatchObject({ status: "failed" });
    expect(world.status("a")).toBe("failed: tests_failed");
    expect(world.last("a").data).toMatchObject({ error: { code: "tests_failed", kind: "work" } });
  });

  test("failed work is tried again when the owner asked for it", () => {
    const { world, lease } = started({ maxAttempts: 2, retryOn: "failure" });
    expect(world.finish(lease, failure("work"))).toMatchObject({ status: "scheduled" });
    world.pass(5_000);
    expect(world.finish(world.start("w"), failure("work"))).toMatchObject({ status: "failed" });
  });

  test("a job given back returns to its place uncounted, and is slowed down when that goes on and on", () => {
    const { world, lease } = started();
    world.enqueue(newJob("b"));
    const back = { end: "returned", message: "drain" } as const;
    expect(world.finish(lease, back)).toMatchObject({ status: "queued" });
    expect(world.job("a").run).toMatchObject({ failures: 0, losses: 0, returns: 1 });
    for (let n = 2; n <= 3; n += 1) {
      const next = world.start("w");
      expect(next.jobId).toBe("a");
      expect(world.finish(next, back)).toMatchObject({ status: "queued" });
    }
    expect(world.finish(world.start("w"), back)).toMatchObject({ status: "scheduled" });
    expect((world.job("a").runAt ?? 0) - world.wall).toBeLessThanOrEqual(1_000);
    expect(world.start("w").jobId).toBe("b");
  });

  test("a worker that stopped although nobody asked gives the job back", () => {
    const { world, lease } = started();
    expect(world.finish(lease, { end: "canceled", result: null })).toMatchObject({ status: "queued" });
  });

  test("after a cancel a failure and a return end canceled, and a success that was already pushed counts", () => {
    const ends = [
      [{ end: "canceled", result: null }, "canceled"],
      [failure("system"), "canceled"],
      [{ end: "returned", message: "" }, "canceled"],
      [SUCCESS, "succeeded"],
    ] as const;
    for (const [outcome, status] of ends) {
      const { world, lease } = started();
      world.do({ type: "cancel", jobId: "a", by: "me", reason: "" });
      expect(world.finish(lease, outcome)).toMatchObject({ status });
    }
  });

  test("what the gateway counted is in the result and the event, whatever the worker said", () => {
    const { world, lease } = started();
    const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const cost = { nano: 500_000_000, known: true };
    world.do({ type: "usage", lease, callId: "1", usage, cost, final: true, accounts: [] });
    world.finish(lease, SUCCESS);
    const counted = { calls: 1, ...usage, costUsd: 0.5, unpricedCalls: 0, uncertainCalls: 0 };
    expect(world.last("a").data).toMatchObject({ usage: counted, result: { usage: counted } });
  });
});

describe("work that waits for approval", () => {
  const bundle = { sha256: "ab".repeat(32), artifact: "bundle" };

  function waiting() {
    const { world, lease } = started({ approval: "publish", trust: "untrusted" });
    expect(world.finish(lease, { end: "awaits_approval", bundle, result: RESULT })).toMatchObject({ status: "held" });
    return { world };
  }

  test("it is held without a lease, and the worker is free", () => {
    const { world } = waiting();
    expect(world.status("a")).toBe("held: publish");
    expect(world.job("a").run).toMatchObject({ lease: null, bundle: { fence: 1, ...bundle } });
    expect(world.last("a")).toMatchObject({ type: "job.held", data: { bundle, result: RESULT } });
    expect(world.claim("w")).toBeNull();
  });

  test("only an approval of exactly that bundle lets a worker publish it", () => {
    const { world } = waiting();
    for (const sha256 of [null, "cd".repeat(32)]) {
      expect(() => world.do({ type: "approve", jobId: "a", by: "me", sha256 })).toThrow(
        expect.objectContaining({ code: "approval_mismatch" }),
      );
    }
    expect(world.do({ type: "approve", jobId: "a", by: "me", sha256: bundle.sha256 })).toEqual({ status: "queued" });
    const { grant } = world.do({ type: "claim", workerId: "w", claimId: "p" });
    expect(grant?.lease).toMatchObject({ fence: 2, purpose: "publish" });
    const lease = { jobId: "a", fence: 2 };
    world.beat(lease);
    const announcement = { ref: "refs/heads/x", expectedOld: "0".repeat(40), commit: "1".repeat(40) };
    expect(world.do({ type: "publish", lease, announcement })).toEqual({ announced: true });
    expect(world.finish(lease, SUCCESS)).toMatchObject({ status: "succeeded" });
  });

  test("approved work that could not be published is published again by a retry, not done again", () => {
    const { world } = waiting();
    world.do({ type: "approve", jobId: "a", by: "me", sha256: bundle.sha256 });
    world.finish(world.start("w"), failure("work", "pr_refused"));
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.do({ type: "claim", workerId: "w", claimId: "p" }).grant?.lease.purpose).toBe("publish");
  });

  test("rejected work is done again by a retry and waits again", () => {
    const { world } = waiting();
    expect(world.do({ type: "reject", jobId: "a", by: "me", reason: "no" })).toEqual({ status: "canceled" });
    expect(world.status("a")).toBe("canceled: rejected");
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.do({ type: "claim", workerId: "w", claimId: "p" }).grant?.lease.purpose).toBe("work");
  });
});

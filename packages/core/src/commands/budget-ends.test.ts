import { describe, expect, test } from "vitest";
import { NO_LIMITS } from "../budget.ts";
import { failure, RESULT, SUCCESS } from "../queue.fixture.ts";
import { account, gatewayOf, working } from "./gateway.fixture.ts";

describe("a job whose budget is used up", () => {
  const message = "the job's budget of $0.00 does not cover this call, which may cost $0.000000001; raise it";

  test.each([
    ["fails", failure("system")],
    ["gives the job back", { end: "returned", message: "" } as const],
    ["says it was canceled", { end: "canceled", result: null } as const],
  ])("ends budget_exceeded when its worker %s", (_, outcome) => {
    const { world, lease, reserve } = working([account({ usd: 0 })], { retryOn: "failure" });
    reserve("1", 1);
    world.finish(lease, outcome);
    expect(world.status("a")).toBe("failed: budget_exceeded");
    expect(world.last("a").data["error"]).toMatchObject({ code: "budget_exceeded", kind: "work" });
  });

  test("keeps what its worker reports, and says what else went wrong", () => {
    const { world, lease, reserve } = working([account({ usd: 0 })]);
    reserve("1", 1);
    world.finish(lease, { end: "failed", error: { code: "broken", kind: "work", message: "why" }, result: RESULT });
    expect(world.last("a").data).toMatchObject({
      error: { message: `${message}; the attempt ended with broken: why` },
      result: { commit: RESULT.commit },
    });
  });

  test("ends so too when its worker is lost", () => {
    const { world, reserve } = working([account({ usd: 0 })]);
    reserve("1", 1);
    world.pass(30_000);
    expect(world.status("a")).toBe("failed: budget_exceeded");
  });

  test("succeeds when its worker made it after all, and is canceled when somebody asked for that", () => {
    const done = working([account({ usd: 0 })]);
    done.reserve("1", 1);
    done.world.finish(done.lease, SUCCESS);
    expect(done.world.status("a")).toBe("succeeded");
    const dropped = working([account({ usd: 0 })]);
    dropped.reserve("1", 1);
    dropped.world.do({ type: "cancel", jobId: "a", by: "p", reason: "" });
    dropped.world.finish(dropped.lease, { end: "canceled", result: null });
    expect(dropped.world.status("a")).toBe("canceled: requested");
  });

  test("has a new budget in its next generation", () => {
    const { world, lease, reserve } = working([account({ usd: 0 })]);
    reserve("1", 1);
    world.finish(lease, failure("work"));
    expect(world.do({ type: "retry", jobId: "a", by: "p" })).toMatchObject({ status: "queued", generation: 2 });
    const again = world.start("w");
    expect(world.beat(again).stop).toBeNull();
    const next = account({ usd: 1 }, { id: "job/a/2" });
    expect(gatewayOf(world, again, [next]).reserve("2", 1)).toEqual({ admitted: true });
  });
});

describe("a budget of minutes", () => {
  const minutes = (n: number) => ({ budget: { ...NO_LIMITS, minutes: n } });

  test("cuts the time of an attempt, and what is left after it the time of the next", () => {
    const { world, lease } = working([], { ...minutes(10), timeoutMs: 900_000 });
    expect(world.state.timeoutOf(world.job("a"), "w")).toBe(600_000);
    world.wall += 240_000;
    world.finish(lease, failure("system"));
    world.pass(10_000);
    expect(world.status("a")).toBe("queued");
    world.start("w");
    expect(world.state.timeoutOf(world.job("a"), "w")).toBe(360_000);
    world.restart();
    expect(world.state.timeoutOf(world.job("a"), "w")).toBe(360_000);
  });

  test("ends the attempt budget_exceeded when it is the shorter limit, and timeout when it is not", () => {
    const short = working([], { ...minutes(1), timeoutMs: 900_000 });
    short.world.finish(short.lease, {
      end: "failed",
      error: { code: "timeout", kind: "work", message: "late" },
      result: null,
    });
    expect(short.world.status("a")).toBe("failed: budget_exceeded");
    expect(short.world.last("a").data["error"]).toMatchObject({
      message: "the job's budget of 1 minutes is used up; the attempt ended with timeout: late",
    });
    const long = working([], { ...minutes(60), timeoutMs: 900_000 });
    long.world.finish(long.lease, {
      end: "failed",
      error: { code: "timeout", kind: "work", message: "" },
      result: null,
    });
    expect(long.world.status("a")).toBe("failed: timeout");
  });

  test("ends a worker that goes on beating beyond it", () => {
    const { world, lease } = working([], minutes(1));
    for (let beats = 0; beats < 5; beats += 1) {
      world.pass(25_000);
      if (world.job("a").status === "running") world.beat(lease);
    }
    expect(world.status("a")).toBe("failed: budget_exceeded");
  });

  test("does not keep approved work from being published", () => {
    const { world, lease } = working([], { ...minutes(1), approval: "publish", trust: "untrusted" });
    world.wall += 59_999;
    const bundle = { sha256: "ab".repeat(32), artifact: "bundle" };
    world.finish(lease, { end: "awaits_approval", bundle, result: RESULT });
    world.do({ type: "approve", jobId: "a", by: "p", sha256: bundle.sha256 });
    world.start("w");
    expect(world.state.timeoutOf(world.job("a"), "w")).toBe(3_600_000);
  });

  test("starts no attempt that has no time left", () => {
    const { world, lease } = working([], minutes(1));
    world.wall += 60_000;
    world.finish(lease, failure("system"));
    expect(world.status("a")).toBe("failed: budget_exceeded");
  });
});

import { describe, expect, test } from "vitest";
import { failure, newJob, RESULT, SUCCESS, World } from "../queue.fixture.ts";

const HOUR = 3_600_000;

function started() {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("a", { callback: true }));
  const lease = world.start("w");
  const until = world.wall + 2 * HOUR;
  const park = (at = until, message = "anthropic: five hours are used up") =>
    world.apply({ type: "park", lease, until: at, message });
  return { world, lease, until, park };
}
const parked = { end: "parked", message: "stopped", result: RESULT } as const;

describe("park", () => {
  test("the worker hears of it at once and in its next heartbeat, and the event says until when", () => {
    const { world, lease, until, park } = started();
    const { reply, effects } = park();
    expect(reply).toEqual({ parked: true, until });
    expect(effects).toContainEqual(
      expect.objectContaining({ type: "signal", signal: "stop", workerId: "w", fence: 1 }),
    );
    expect(world.beat(lease).stop).toEqual({ code: "quota", message: "anthropic: five hours are used up" });
    expect(world.last("a")).toMatchObject({ type: "job.stop_requested", data: { code: "quota", until } });
    expect(world.status("a")).toBe("running");
  });

  test("the job waits for the quota with nothing counted, tells so, and goes on by itself", () => {
    const { world, lease, until, park } = started();
    park();
    expect(world.finish(lease, parked)).toEqual({ status: "scheduled", repeated: false });
    expect(world.status("a")).toBe("scheduled: quota");
    expect(world.job("a")).toMatchObject({ runAt: until, run: { failures: 0, losses: 0, returns: 0, stop: null } });
    expect(world.last("a")).toMatchObject({
      type: "job.retrying",
      data: { status: "scheduled", reason: "quota", runAt: until, message: "anthropic: five hours are used up" },
    });
    expect(world.store.get("attempts/a/00000001")).toMatchObject({ end: "parked", error: null, result: RESULT });
    world.pass(2 * HOUR - 1);
    expect(world.claim("w")).toBeNull();
    world.pass(1);
    expect(world.status("a")).toBe("queued");
    const next = world.start("w");
    expect(next).toEqual({ jobId: "a", fence: 2 });
    expect(world.beat(next).stop).toBeNull();
    expect(world.finish(next, SUCCESS)).toMatchObject({ status: "succeeded" });
  });

  test("a parked job survives a restart of the server", () => {
    const { world, lease, park } = started();
    park();
    world.finish(lease, parked);
    world.restart();
    world.pass(2 * HOUR);
    expect(world.status("a")).toBe("queued");
  });

  test("however the attempt ends once the quota is gone, the job is parked", () => {
    const ends = [
      failure("work", "agent_error"),
      failure("system", "llm_rate_limited"),
      { end: "returned", message: "drained" },
      { end: "canceled", result: null },
    ] as const;
    for (const end of ends) {
      const { world, lease, park } = started();
      park();
      world.finish(lease, end);
      expect(world.status("a")).toBe("scheduled: quota");
      expect(world.job("a").run).toMatchObject({ failures: 0, losses: 0 });
      const message = String(world.last("a").data["message"]);
      expect(message).toMatch(/^anthropic: five hours are used up/);
      if (end.end === "failed") expect(message).toContain(`; the attempt ended with ${end.error.code}: it broke`);
    }
  });

  test("so is the job of a worker that is not heard of any more", () => {
    const { world, until, park } = started();
    park();
    world.pass(30_001);
    expect(world.status("a")).toBe("scheduled: quota");
    expect(world.job("a")).toMatchObject({ runAt: until, run: { losses: 0 } });
    expect(world.store.get("attempts/a/00000001")).toMatchObject({ end: "parked" });
  });

  test("a success that was reached all the same counts, and a cancel outranks the quota, whichever came first", () => {
    const one = started();
    one.park();
    expect(one.world.finish(one.lease, SUCCESS).status).toBe("succeeded");
    const two = started();
    two.park();
    two.world.do({ type: "cancel", jobId: "a", by: "me", reason: "enough" });
    expect(two.world.finish(two.lease, parked).status).toBe("canceled");
    const three = started();
    three.world.do({ type: "cancel", jobId: "a", by: "me", reason: "enough" });
    expect(three.park().reply).toEqual({ parked: false, until: null });
    expect(three.world.finish(three.lease, { end: "canceled", result: null }).status).toBe("canceled");
  });

  test("a parked job can be canceled while it waits", () => {
    const { world, lease, park } = started();
    park();
    world.finish(lease, parked);
    expect(world.do({ type: "cancel", jobId: "a", by: "me", reason: "enough" })).toEqual({ status: "canceled" });
  });

  test("told twice the later time counts, and a time in the past or years ahead is brought into reason", () => {
    const { world, lease, until, park } = started();
    park();
    expect(park(until + HOUR).reply.until).toBe(until + HOUR);
    expect(park(until - HOUR).reply.until).toBe(until + HOUR);
    world.finish(lease, parked);
    expect(world.job("a").runAt).toBe(until + HOUR);
    const past = started();
    expect(past.park(0).reply.until).toBe(past.world.wall + 10_000);
    const far = started();
    expect(far.park(far.world.wall + 365 * 24 * HOUR).reply.until).toBe(far.world.wall + 8 * 24 * HOUR);
  });

  test("a job without money is not parked: it is over", () => {
    const { world, lease, park } = started();
    const job = world.state.jobs.get("a");
    if (job?.run) {
      const stop = { at: world.wall, code: "budget_exceeded", message: "5 USD are used up", until: null } as const;
      world.state.jobs.set("a", { ...job, run: { ...job.run, stop } });
    }
    expect(park().reply).toEqual({ parked: false, until: null });
    expect(world.finish(lease, failure("work")).status).toBe("failed");
    expect(world.status("a")).toBe("failed: budget_exceeded");
  });

  test("an attempt that nobody told to stop cannot park itself: the job goes back", () => {
    const { world, lease } = started();
    expect(world.finish(lease, parked).status).toBe("queued");
    expect(world.job("a").run).toMatchObject({ returns: 1, failures: 0 });
  });

  test("an old lease parks nothing", () => {
    const { world, lease } = started();
    world.finish(lease, { end: "returned", message: "" });
    expect(() => world.do({ type: "park", lease, until: 0, message: "" })).toThrow(
      expect.objectContaining({ code: "lease_lost" }),
    );
  });
});

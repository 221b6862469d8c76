import { describe, expect, test } from "vitest";
import { SUCCESS, World, failure, newJob } from "../queue.fixture.ts";

const cancel = { type: "cancel", jobId: "a", by: "me", reason: "changed my mind" } as const;
const retry = { type: "retry", jobId: "a", by: "me" } as const;

describe("cancel", () => {
  test("a waiting job ends at once, from every waiting status", () => {
    const world = new World();
    world.enqueue(
      newJob("queued"),
      newJob("held", { approval: "start" }),
      newJob("scheduled", { runAt: world.wall + 1 }),
      newJob("blocked", { dependsOn: ["held"] }),
    );
    for (const jobId of ["queued", "blocked", "scheduled", "held"]) {
      expect(world.do({ ...cancel, jobId })).toEqual({ status: "canceled" });
      expect(world.last(jobId)).toMatchObject({ type: "job.canceled", data: { by: "me", message: "changed my mind" } });
    }
    expect(world.state.counts).toEqual({ held: 0, blocked: 0, scheduled: 0, queued: 0, running: 0 });
    world.register("w");
    expect(world.claim("w")).toBeNull();
  });

  test("a running job is marked, its worker is told at once, and asking twice changes nothing", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const lease = world.start("w");
    const { reply, effects } = world.apply(cancel);
    expect(reply).toEqual({ status: "running" });
    expect(effects).toContainEqual({
      type: "signal",
      workerId: "w",
      signal: "cancel",
      jobId: "a",
      fence: 1,
      reason: "changed my mind",
    });
    expect(world.apply(cancel).changes).toEqual([]);
    expect(world.finish(lease, { end: "canceled", result: null })).toMatchObject({ status: "canceled" });
    expect(world.story("a").slice(-2)).toEqual(["job.cancel_requested", "job.canceled"]);
  });

  test("a canceled job is canceled, a job that ended otherwise cannot be, an unknown one is not found", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    world.do(cancel);
    expect(world.apply(cancel)).toMatchObject({ reply: { status: "canceled" }, changes: [] });
    world.enqueue(newJob("b"));
    world.finish(world.start("w"), SUCCESS);
    expect(() => world.do({ ...cancel, jobId: "b" })).toThrow(expect.objectContaining({ code: "wrong_status" }));
    expect(() => world.do({ ...cancel, jobId: "c" })).toThrow(expect.objectContaining({ code: "not_found" }));
  });
});

describe("retry", () => {
  test("a failed job begins a new generation at the end of the queue, with fresh counters and the fence it had", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    world.finish(world.start("w"), failure("work"));
    world.enqueue(newJob("b"));
    expect(world.do(retry)).toEqual({ status: "queued", generation: 2 });
    expect(world.job("a")).toMatchObject({
      endedAt: null,
      reason: null,
      generation: 2,
      seq: 1,
      run: { fence: 1, attempts: 0, failures: 0, losses: 0, cancel: null },
    });
    expect(world.last("a").data).toMatchObject({ by: "me", retry: true, generation: 2 });
    expect(world.start("w").jobId).toBe("b");
  });

  test("a poisoned job gets all its chances again", () => {
    const world = new World({ maxLosses: 2 });
    world.register("w");
    world.enqueue(newJob("a"));
    for (let n = 0; n < 2; n += 1) {
      world.start("w");
      world.pass(30_000);
    }
    expect(world.status("a")).toBe("failed: poison");
    world.do(retry);
    expect(world.job("a").run).toMatchObject({ attempts: 0, losses: 0, failures: 0, returns: 0 });
    world.start("w");
    world.pass(30_000);
    expect(world.status("a")).toBe("queued");
  });

  test("only a failed or canceled job can be retried", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const wrong = expect.objectContaining({ code: "wrong_status" });
    expect(() => world.do(retry)).toThrow(wrong);
    const lease = world.start("w");
    expect(() => world.do(retry)).toThrow(wrong);
    world.finish(lease, SUCCESS);
    expect(() => world.do(retry)).toThrow(wrong);
    expect(() => world.do({ ...retry, jobId: "b" })).toThrow(expect.objectContaining({ code: "not_found" }));
  });

  test("canceling and retrying gets around no approval and no setting", () => {
    const world = new World();
    world.enqueue(newJob("a", { approval: "start", hold: "no_isolation" }));
    world.do(cancel);
    expect(world.do(retry)).toMatchObject({ status: "held" });
    expect(world.status("a")).toBe("held: no_isolation");
    world.do({ type: "reconsider", satisfied: [{ reason: "no_isolation", agent: null, untrusted: true }] });
    expect(world.status("a")).toBe("held: approval");
    world.do({ type: "reject", jobId: "a", by: "me", reason: "" });
    world.do(retry);
    expect(world.status("a")).toBe("held: approval");
    world.do({ type: "approve", jobId: "a", by: "me", sha256: null });
    world.do(cancel);
    expect(world.do(retry)).toMatchObject({ status: "queued" });
  });

  test("a job canceled before its time still waits for it, one canceled in a back-off does not", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a", { runAt: world.wall + 60_000 }));
    world.do(cancel);
    expect(world.do(retry)).toMatchObject({ status: "scheduled" });
    world.pass(60_000);
    world.finish(world.start("w"), failure("system"));
    world.do(cancel);
    expect(world.do(retry)).toMatchObject({ status: "queued" });
  });

  test("a job canceled with the job it waited for cannot go before that one", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("parent"), newJob("other"), newJob("a", { dependsOn: ["parent", "other"] }));
    world.do({ ...cancel, jobId: "parent" });
    expect(world.status("a")).toBe("canceled: dependency_failed");
    expect(() => world.do(retry)).toThrow(/parent, which ended canceled/);
    world.do({ ...retry, jobId: "parent" });
    expect(world.do(retry)).toMatchObject({ status: "blocked" });
    world.finish(world.start("w"), SUCCESS);
    world.finish(world.start("w"), SUCCESS);
    expect(world.status("a")).toBe("queued");
  });

  test("a full queue refuses a retry too", () => {
    const world = new World({ maxWaiting: 1 });
    world.enqueue(newJob("a"));
    world.do(cancel);
    world.enqueue(newJob("b"));
    expect(() => world.do(retry)).toThrow(expect.objectContaining({ code: "queue_full" }));
  });
});

describe("approve and reject", () => {
  test("an approval lets a held job go on along the ladder, and says who gave it", () => {
    const world = new World();
    world.enqueue(newJob("a", { approval: "start", runAt: world.wall + 1_000 }));
    expect(world.do({ type: "approve", jobId: "a", by: "ann", sha256: null })).toEqual({ status: "scheduled" });
    expect(world.story("a")).toEqual(["job.held", "job.approved", "job.scheduled"]);
    expect(world.last("a").data).toMatchObject({ released: "approval", by: "ann" });
    expect(() => world.do({ type: "approve", jobId: "a", by: "ann", sha256: null })).toThrow(
      expect.objectContaining({ code: "wrong_status" }),
    );
  });

  test("an operator lets a paused job go on, and then its approval is due", () => {
    const world = new World();
    world.enqueue(newJob("a", { hold: "paused", approval: "start" }));
    expect(world.do({ type: "approve", jobId: "a", by: "ann", sha256: null })).toEqual({ status: "held" });
    expect(world.status("a")).toBe("held: approval");
  });

  test("no approval stands for a missing setting; the message names it", () => {
    const world = new World();
    world.enqueue(newJob("a", { hold: "no_isolation" }), newJob("b", { hold: "no_agent" }));
    const approve = (jobId: string) => () => world.do({ type: "approve", jobId, by: "ann", sha256: null });
    expect(approve("a")).toThrow(/HIVE_ALLOW_UNISOLATED=1/);
    expect(approve("b")).toThrow(/HIVE_AGENT/);
  });

  test("a rejected job is canceled with who and why, and rejecting again changes nothing", () => {
    const world = new World();
    world.enqueue(newJob("a", { approval: "start", callback: true }), newJob("b", { dependsOn: ["a"] }));
    const reject = { type: "reject", jobId: "a", by: "ann", reason: "too risky" } as const;
    expect(world.do(reject)).toEqual({ status: "canceled" });
    expect(world.status("a")).toBe("canceled: rejected");
    const told = world.events.find((event) => event.type === "job.canceled" && event.jobId === "a");
    expect(told?.data).toMatchObject({ by: "ann", message: "too risky", hold: "approval" });
    expect(world.status("b")).toBe("canceled: dependency_failed");
    expect(world.apply(reject)).toMatchObject({ reply: { status: "canceled" }, changes: [] });
    world.enqueue(newJob("c"));
    expect(() => world.do({ ...reject, jobId: "c" })).toThrow(expect.objectContaining({ code: "wrong_status" }));
  });
});

describe("reconsider", () => {
  test("jobs held for a setting that is there now go on, the others stay", () => {
    const world = new World();
    world.enqueue(
      newJob("a", { hold: "no_agent", agent: "claude" }),
      newJob("b", { hold: "no_agent", agent: "codex" }),
      newJob("c", { hold: "no_isolation", agent: "claude" }),
      newJob("d", { hold: "no_agent", agent: "claude", trust: "untrusted" }),
      newJob("e", { approval: "start", agent: "claude" }),
    );
    const satisfied = [{ reason: "no_agent", agent: "claude", untrusted: false }] as const;
    world.restart();
    expect(world.do({ type: "reconsider", satisfied })).toEqual({ released: 1 });
    expect(["a", "b", "c", "d", "e"].filter((id) => world.status(id) === "queued")).toEqual(["a"]);
    expect(world.do({ type: "reconsider", satisfied })).toEqual({ released: 0 });
  });

  test("a job that had no agent gets the one that is there now, and may then wait for isolation", () => {
    const world = new World();
    world.enqueue(newJob("a", { task: "agent", hold: "no_agent" }));
    const setting = { reason: "no_agent", agent: "claude", untrusted: true, next: "no_isolation" } as const;
    expect(world.do({ type: "reconsider", satisfied: [setting] })).toEqual({ released: 1 });
    expect(world.status("a")).toBe("held: no_isolation");
    world.do({ type: "reconsider", satisfied: [{ reason: "no_isolation", agent: null, untrusted: true }] });
    expect(world.status("a")).toBe("queued");
    expect(world.state.jobs.get("a")?.agent).toBe("claude");
  });

  test("it releases at most a thousand at once", () => {
    const world = new World();
    for (let n = 0; n < 2; n += 1) {
      world.enqueue(...Array.from({ length: 750 }, (_, i) => newJob(`${n}-${i}`, { hold: "paused" })));
    }
    const satisfied = [{ reason: "paused", agent: null, untrusted: true }] as const;
    const released = [1, 2, 3].map(() => world.do({ type: "reconsider", satisfied }).released);
    expect(released).toEqual([1_000, 500, 0]);
  });
});

import { describe, expect, test } from "vitest";
import { apply } from "../apply.ts";
import { nextDeadline } from "../state.ts";
import { SUCCESS, World, failure, newJob } from "../queue.fixture.ts";

describe("enqueue", () => {
  test("a job is stored with its body and told as queued", () => {
    const world = new World();
    const [accepted] = world.enqueue(newJob("a", { instructions: "do it" }));
    expect(accepted).toEqual({ jobId: "a", status: "queued", reason: null, position: 0, existing: false });
    expect(world.job("a")).toMatchObject({ seq: 1, status: "queued", generation: 1, run: null });
    expect(world.store.get("bodies/a")).toMatchObject({ instructions: "do it", bodyHash: "hash of a" });
    expect(world.events).toEqual([expect.objectContaining({ id: 1, type: "job.queued", jobId: "a", at: world.wall })]);
  });

  test("the same id with the same body is the same job, with its status of now", () => {
    const world = new World();
    world.enqueue(newJob("a"));
    const before = world.store.size;
    expect(world.enqueue(newJob("a"))).toEqual([expect.objectContaining({ status: "queued", existing: true })]);
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "no" });
    expect(world.enqueue(newJob("a"))).toEqual([
      expect.objectContaining({ status: "canceled", reason: "requested", existing: true }),
    ]);
    expect(world.store.size).toBe(before + 1);
  });

  test("the same id with another body is refused", () => {
    const world = new World();
    world.enqueue(newJob("a"));
    expect(() => world.enqueue(newJob("a", { bodyHash: "other" }))).toThrow(
      expect.objectContaining({ code: "id_conflict" }),
    );
    expect(() => world.enqueue(newJob("b"), newJob("b", { bodyHash: "other" }))).toThrow(
      expect.objectContaining({ code: "id_conflict" }),
    );
  });

  test("twins in one batch are one job", () => {
    const world = new World();
    const jobs = world.enqueue(newJob("a"), newJob("a"));
    expect(jobs.map((job) => job.existing)).toEqual([false, true]);
    expect(world.state.counts.queued).toBe(1);
  });

  test("a batch is accepted whole or not at all", () => {
    const world = new World();
    world.enqueue(newJob("x"));
    const events = world.events.length;
    expect(() => world.enqueue(newJob("a"), newJob("x", { bodyHash: "other" }))).toThrow();
    expect(world.state.jobs.has("a")).toBe(false);
    expect(world.events).toHaveLength(events);
    world.enqueue(...Array.from({ length: 1_000 }, (_, n) => newJob(`b${n}`)));
    expect(world.state.counts.queued).toBe(1_001);
  });

  test("a request with an Idempotency-Key gets the same answer again, and another request under it is refused", () => {
    const world = new World();
    const request = (id: string, hash: string) =>
      world.do({ type: "enqueue", jobs: [newJob(id, { idGiven: false })], idempotency: { key: "k", hash } });
    const first = request("made-1", "h");
    expect(request("made-2", "h")).toEqual(first);
    expect(world.state.jobs.has("made-2")).toBe(false);
    expect(() => request("made-3", "other")).toThrow(expect.objectContaining({ code: "idempotency_conflict" }));
  });

  test("the position counts queued jobs of the same or a better priority", () => {
    const world = new World();
    const positions = world
      .enqueue(newJob("a"), newJob("b"), newJob("urgent", { priority: 0 }), newJob("late", { priority: 9 }))
      .map((job) => job.position);
    expect(positions).toEqual([0, 1, 0, 3]);
  });

  test("a full queue takes no more, and takes jobs again once there is room", () => {
    const world = new World({ maxWaiting: 2 });
    world.enqueue(newJob("a"), newJob("b"));
    expect(() => world.enqueue(newJob("c"))).toThrow(expect.objectContaining({ code: "queue_full" }));
    expect(world.enqueue(newJob("a"))).toMatchObject([{ existing: true }]);
    world.register("w");
    world.start("w");
    expect(world.enqueue(newJob("c"))).toMatchObject([{ status: "queued" }]);
  });

  test("a job is held, blocked, scheduled or queued, in this order of looking", () => {
    const world = new World();
    const later = world.wall + 60_000;
    world.enqueue(newJob("parent"));
    const all = { hold: "no_agent", approval: "start", dependsOn: ["parent"], runAt: later } as const;
    world.enqueue(
      newJob("a", all),
      newJob("b", { ...all, hold: null }),
      newJob("c", { dependsOn: ["parent"], runAt: later }),
      newJob("d", { runAt: later }),
      newJob("e", { runAt: world.wall }),
    );
    expect(["a", "b", "c", "d", "e"].map((id) => world.status(id))).toEqual([
      "held: no_agent",
      "held: approval",
      "blocked",
      "scheduled",
      "queued",
    ]);
  });

  test("a callback is owed for the events an owner is told of, in the same step", () => {
    const world = new World();
    const { changes, effects } = world.apply({
      type: "enqueue",
      jobs: [newJob("a", { callback: true }), newJob("b")],
      idempotency: null,
    });
    expect(changes.filter((change) => change.collection === "callbacks")).toEqual([
      {
        collection: "callbacks",
        id: "0000000000000001",
        doc: expect.objectContaining({ n: 1, jobId: "a", type: "job.queued", state: "pending", nextAt: world.wall }),
      },
    ]);
    expect(effects).toContainEqual({ type: "callback", n: 1, jobId: "a" });
  });

  test("secrets are stored apart and erased when the job ends", () => {
    const world = new World();
    world.enqueue(newJob("a", { secrets: { githubToken: "sealed" } }));
    expect(world.store.get("secrets/a/githubToken")).toEqual({ jobId: "a", name: "githubToken", sealed: "sealed" });
    world.register("w");
    world.finish(world.start("w"), SUCCESS);
    expect(world.store.has("secrets/a/githubToken")).toBe(false);
    expect(world.store.get("bodies/a")).toMatchObject({ secrets: ["githubToken"] });
  });

  test("a document that was needed and not read is a bug, not an answer", () => {
    const world = new World();
    const command = { type: "enqueue", jobs: [newJob("a")], idempotency: null } as const;
    const now = { mono: 0, wall: 0, random: () => 0 };
    expect(() => apply(world.state, command, new Map(), now)).toThrow("bodies/a was not read");
    expect(world.state.jobs.size).toBe(0);
  });
});

describe("dependencies", () => {
  test("a job waits for those it depends on and goes on when all have succeeded", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("c", { dependsOn: ["a", "b", "a"] }), newJob("a"), newJob("b"));
    expect(world.status("c")).toBe("blocked");
    world.finish(world.start("w"), SUCCESS);
    expect(world.status("c")).toBe("blocked");
    expect(world.job("c").waitsFor).toEqual(["b"]);
    world.finish(world.start("w"), SUCCESS);
    expect(world.status("c")).toBe("queued");
    expect(world.story("c")).toEqual(["job.blocked", "job.queued"]);
  });

  test("a job that depends on one that succeeded before does not wait", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    world.finish(world.start("w"), SUCCESS);
    expect(world.enqueue(newJob("b", { dependsOn: ["a"] }))).toMatchObject([{ status: "queued" }]);
  });

  test("jobs that wait for a job that failed are canceled, and those that wait for them", () => {
    const world = new World();
    world.register("w");
    world.enqueue(
      newJob("a"),
      newJob("b", { dependsOn: ["a"], secrets: { githubToken: 1 } }),
      newJob("c", { dependsOn: ["b"], approval: "start" }),
    );
    world.finish(world.start("w"), failure("work"));
    expect(world.status("b")).toBe("canceled: dependency_failed");
    expect(world.status("c")).toBe("canceled: dependency_failed");
    expect(world.last("c").data).toMatchObject({ dependency: "b" });
    expect(world.store.has("secrets/b/githubToken")).toBe(false);
    expect(world.state.jobs.size).toBe(0);
    expect(world.state.dependents.size).toBe(0);
  });

  test("a job that depends on one that already failed is accepted and canceled at once, with those behind it", () => {
    const world = new World();
    world.enqueue(newJob("a"), newJob("other"));
    world.do({ type: "cancel", jobId: "a", by: "me", reason: "" });
    const batch = [
      newJob("c", { dependsOn: ["b"] }),
      newJob("b", { dependsOn: ["other", "a"], callback: true, secrets: { githubToken: 1 } }),
    ];
    expect(world.enqueue(...batch)).toMatchObject([
      { jobId: "c", status: "canceled", reason: "dependency_failed" },
      { jobId: "b", status: "canceled", reason: "dependency_failed" },
    ]);
    expect(world.story("b")).toEqual(["job.canceled"]);
    expect(world.job("b").endedAt).toBe(world.wall);
    expect([...world.store.keys()].filter((key) => key.startsWith("secrets/"))).toEqual([]);
    expect([...world.store.keys()].filter((key) => key.startsWith("callbacks/"))).toHaveLength(1);
  });

  test("an unknown dependency and jobs that wait in a circle are refused", () => {
    const world = new World();
    expect(() => world.enqueue(newJob("a", { dependsOn: ["nobody"] }))).toThrow(
      expect.objectContaining({ code: "unknown_dependency", details: { jobId: "a", dependsOn: "nobody" } }),
    );
    expect(() => world.enqueue(newJob("a", { dependsOn: ["a"] }))).toThrow(
      expect.objectContaining({ code: "dependency_cycle" }),
    );
    const circle = [
      newJob("a", { dependsOn: ["b"] }),
      newJob("b", { dependsOn: ["c"] }),
      newJob("c", { dependsOn: ["a"] }),
    ];
    expect(() => world.enqueue(newJob("free"), ...circle)).toThrow(
      expect.objectContaining({ code: "dependency_cycle", details: { jobs: ["a", "b", "c"] } }),
    );
    expect(world.state.jobs.size).toBe(0);
  });

  test("however many wait for a job, one step moves on a thousand, and the sweeps do the rest, over a restart too", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("good"), newJob("bad"));
    for (const parent of ["good", "bad"]) {
      for (let batch = 0; batch < 3; batch += 1) {
        const jobs = Array.from({ length: 900 }, (_, n) => newJob(`${parent}-${batch}-${n}`, { dependsOn: [parent] }));
        world.enqueue(...jobs);
      }
    }
    world.finish(world.start("w"), SUCCESS);
    expect(world.state.counts).toMatchObject({ queued: 1_001, blocked: 4_400 });
    expect(nextDeadline(world.state)).toMatchObject({ mono: 0 });
    world.do({ type: "cancel", jobId: "bad", by: "me", reason: "" });
    expect(world.state.counts).toMatchObject({ queued: 1_000, blocked: 3_400 });
    world.restart();
    for (let sweeps = 0; nextDeadline(world.state).mono === 0; sweeps += 1) {
      expect(sweeps).toBeLessThan(5);
      world.do({ type: "sweep" });
    }
    expect(world.state.counts).toMatchObject({ queued: 2_700, blocked: 0 });
    expect(world.status("good-2-899")).toBe("queued");
    expect(world.status("bad-2-899")).toBe("canceled: dependency_failed");
  });

  test("a job retried while others still wait for its end keeps them waiting", () => {
    const world = new World();
    world.enqueue(newJob("bad"));
    for (let batch = 0; batch < 2; batch += 1) {
      world.enqueue(...Array.from({ length: 900 }, (_, n) => newJob(`${batch}-${n}`, { dependsOn: ["bad"] })));
    }
    world.do({ type: "cancel", jobId: "bad", by: "me", reason: "" });
    world.do({ type: "retry", jobId: "bad", by: "me" });
    world.do({ type: "sweep" });
    expect(world.state.counts).toMatchObject({ queued: 1, blocked: 800 });
    expect(nextDeadline(world.state)).toEqual({ mono: null, wall: null });
  });
});

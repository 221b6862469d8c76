import { describe, expect, test } from "vitest";
import { SUCCESS, World, failure, newJob } from "../queue.fixture.ts";

describe("claim", () => {
  test("jobs come by priority, and first in, first out within one", () => {
    const world = new World();
    world.enqueue(newJob("a"), newJob("b"), newJob("late", { priority: 9 }), newJob("urgent", { priority: 0 }));
    const order = ["w1", "w2", "w3", "w4"].map((id) => {
      world.register(id);
      return world.claim(id)?.jobId;
    });
    expect(order).toEqual(["urgent", "a", "b", "late"]);
  });

  test("nothing to do changes nothing", () => {
    const world = new World();
    world.register("w");
    const applied = world.apply({ type: "claim", workerId: "w", claimId: "c" });
    expect(applied).toEqual({ changes: [], effects: [], reply: { grant: null, drain: false } });
  });

  test("a grant has a fence, a salt of 128 bits, and is stored and told", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const { grant } = world.do({ type: "claim", workerId: "w", claimId: "c" });
    expect(grant?.lease).toMatchObject({ fence: 1, workerId: "w", claimId: "c", begunAt: null, purpose: "work" });
    expect(grant?.lease.salt).toMatch(/^[0-9a-f]{32}$/);
    expect(world.job("a")).toMatchObject({ status: "running", run: { fence: 1, attempts: 0, lease: grant?.lease } });
    expect(world.last("a")).toMatchObject({ type: "job.leased", data: { fence: 1, workerId: "w" } });
  });

  test("the same claim again gets the same grant, also after a restart of the dispatcher", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"), newJob("b"));
    const claim = { type: "claim", workerId: "w", claimId: "c" } as const;
    const first = world.do(claim);
    const again = world.apply(claim);
    expect(again.reply).toEqual(first);
    expect(again.changes).toEqual([]);
    world.restart();
    expect(world.do(claim)).toEqual(first);
  });

  test("a worker that claims anew without having begun gives the first job back uncounted", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    expect(world.claim("w")).toEqual({ jobId: "a", fence: 1 });
    expect(world.claim("w")).toEqual({ jobId: "a", fence: 2 });
    expect(world.job("a").run).toMatchObject({ attempts: 0, failures: 0, losses: 0, returns: 1 });
    expect(world.story("a")).toEqual(["job.queued", "job.leased", "job.queued", "job.leased"]);
  });

  test("a worker that has begun a job cannot claim another", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"), newJob("b"));
    world.start("w");
    expect(() => world.claim("w")).toThrow(expect.objectContaining({ code: "worker_busy" }));
  });

  test("an unknown worker is told to register, and a draining one gets nothing", () => {
    const world = new World();
    world.enqueue(newJob("a"));
    expect(() => world.claim("w")).toThrow(expect.objectContaining({ code: "worker_unknown" }));
    world.register("w");
    world.do({ type: "drain", workerId: "w", draining: true });
    expect(world.do({ type: "claim", workerId: "w", claimId: "c" })).toEqual({ grant: null, drain: true });
    world.do({ type: "drain", workerId: "w", draining: false });
    expect(world.claim("w")).toEqual({ jobId: "a", fence: 1 });
  });

  test("the fence rises with every lease of a job, over retries by hand too", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    world.finish(world.start("w"), failure("work"));
    world.do({ type: "retry", jobId: "a", by: "me" });
    expect(world.claim("w")).toEqual({ jobId: "a", fence: 2 });
  });
});

describe("matching", () => {
  test("a job with a role goes to workers of that role and to those without any", () => {
    const world = new World();
    world.enqueue(newJob("a", { role: "tester" }));
    world.register("builder", { roles: ["builder"] });
    world.register("any");
    expect(world.claim("builder")).toBeNull();
    expect(world.claim("any")).toMatchObject({ jobId: "a" });
  });

  test("a job without a role fits a worker with roles", () => {
    const world = new World();
    world.enqueue(newJob("a"));
    world.register("w", { roles: ["tester", "builder"] });
    expect(world.claim("w")).toMatchObject({ jobId: "a" });
  });

  test("all labels of the job must be the worker's", () => {
    const world = new World();
    world.enqueue(newJob("a", { labels: ["gpu", "arm"] }));
    world.register("w1", { labels: ["gpu"] });
    world.register("w2", { labels: ["x", "arm", "gpu"] });
    expect(world.claim("w1")).toBeNull();
    expect(world.claim("w2")).toMatchObject({ jobId: "a" });
  });

  test("an agent runs only where its adapter is", () => {
    const world = new World();
    world.enqueue(newJob("a", { task: "agent", agent: "claude" }));
    world.register("w1", { agents: [] });
    world.register("w2", { agents: ["demo", "claude"] });
    expect(world.claim("w1")).toBeNull();
    expect(world.claim("w2")).toMatchObject({ jobId: "a" });
  });

  test("the best job of all requirements a worker meets comes first, whatever the order of labels", () => {
    const world = new World();
    world.enqueue(
      newJob("a", { labels: ["x", "y"] }),
      newJob("b", { role: "r", priority: 4 }),
      newJob("c", { labels: ["y", "x"], priority: 3 }),
    );
    expect(world.state.ready.requirements).toBe(2);
    const order = ["w1", "w2", "w3"].map((id) => {
      world.register(id, { labels: ["y", "x"] });
      return world.claim(id)?.jobId;
    });
    expect(order).toEqual(["c", "b", "a"]);
    expect(world.state.ready.requirements).toBe(0);
  });

  test("no more jobs of one key run than its limit, and the next is claimable when one ends", () => {
    const world = new World({ limitOf: (key) => (key === "two" ? 2 : null) });
    for (const id of ["w1", "w2", "w3", "w4"]) world.register(id);
    world.enqueue(newJob("a", { key: "two" }), newJob("b", { key: "two" }), newJob("c", { key: "two" }), newJob("d"));
    const first = world.start("w1");
    expect([world.claim("w2")?.jobId, world.claim("w3")?.jobId, world.claim("w4")]).toEqual(["b", "d", null]);
    const lease = { ...first };
    const { effects } = world.apply({ type: "finish", lease, finishId: "f", outcome: SUCCESS, log: null });
    expect(effects).toContainEqual({ type: "ready", requirement: "" });
    expect(world.claim("w4")?.jobId).toBe("c");
  });

  test("jobs of a full key are not told as ready, others are", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a", { key: "k" }));
    world.start("w");
    const enqueue = (id: string, key: string | null) =>
      world
        .apply({ type: "enqueue", jobs: [newJob(id, { key, role: "r" })], idempotency: null })
        .effects.filter((effect) => effect.type === "ready");
    expect(enqueue("b", "k")).toEqual([]);
    expect(enqueue("c", "other")).toEqual([{ type: "ready", requirement: '["r",null]' }]);
  });
});

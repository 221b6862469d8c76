import { describe, expect, test } from "vitest";
import type { CommandOf, Forgettable } from "../command.ts";
import { docKey } from "../command.ts";
import type { Key } from "../document.ts";
import { numberId } from "../document.ts";
import { MARKS } from "../marks.ts";
import { SUCCESS, World, failure, newJob } from "../queue.fixture.ts";
import { rememberedKey } from "../remembered-ids.ts";

/** A world where the job `old` is over, and a newer one is not. */
function worldWithOldJob(what: Parameters<typeof newJob>[1] = {}): World {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("old", what));
  world.finish(world.start("w"), SUCCESS);
  world.enqueue(newJob("new", { approval: "start" }));
  return world;
}

/** What retention finds out about a job before it asks. */
function found(world: World, jobId: string): Forgettable {
  const { endedAt } = world.job(jobId);
  if (endedAt === null) throw new Error(`${jobId} is not over`);
  const callbacks = [...world.store.entries()]
    .filter(([key, doc]) => key.startsWith("callbacks/") && doc["jobId"] === jobId)
    .map(([, doc]) => Number(doc["n"]));
  return { jobId, endedAt, callbacks };
}

function forget(world: World, ...jobs: readonly string[]): readonly string[] {
  return world.do({ type: "forget", jobs: jobs.map((id) => found(world, id)) }).forgotten;
}

/** All that is stored of a job, besides what is remembered. */
function left(world: World, jobId: string): string[] {
  return [...world.store.keys()].filter((key) => {
    const doc = world.store.get(key);
    const own = key.includes(`/${jobId}/`) || key.endsWith(`/${jobId}`) || doc?.["jobId"] === jobId;
    return own && key !== docKey(rememberedKey(jobId));
  });
}

function prune(world: World, jobId: string): CommandOf<"prune"> {
  const keys: Key[] = left(world, jobId).map((key) => {
    const cut = key.indexOf("/");
    return { collection: key.slice(0, cut), id: key.slice(cut + 1) };
  });
  return { type: "prune", keys, cleared: [jobId] };
}

describe("a job that is over and old", () => {
  test("leaves the store, and its id, its body's hash and how it ended are remembered", () => {
    const world = worldWithOldJob({ secrets: { githubToken: { sealed: 1 } } });
    const { endedAt } = world.job("old");
    expect(forget(world, "old")).toEqual(["old"]);
    expect(world.store.get("ids/old")).toEqual({
      id: "old",
      bodyHash: "hash of old",
      status: "succeeded",
      reason: null,
      endedAt,
      forgottenAt: world.wall,
      state: "clearing",
    });
    expect(left(world, "old").filter((key) => !/^(events|attempts)\//.test(key))).toEqual([]);
  });

  test("is cleared of everything else afterwards, and the events tell how far they are incomplete", () => {
    const world = worldWithOldJob();
    forget(world, "old");
    const events = left(world, "old").filter((key) => key.startsWith("events/"));
    world.do(prune(world, "old"));
    expect(left(world, "old")).toEqual([]);
    expect(world.store.get("ids/old")).toMatchObject({ state: "clear" });
    expect(world.store.get(docKey(MARKS.events))).toEqual({ upTo: Number(events.at(-1)?.slice("events/".length)) });
    // Again, as after a crash: nothing breaks.
    world.do({ type: "prune", keys: [], cleared: ["old", "never-there"] });
  });

  test("takes the accounts of all its generations along, and its candidates", () => {
    const world = worldWithOldJob();
    world.store.set("accounts/job/old/1", { id: "job/old/1" });
    world.store.set("accounts/job/older/1", { id: "job/older/1" });
    forget(world, "old");
    expect(world.store.has("accounts/job/old/1")).toBe(false);
    expect(world.store.has("accounts/job/older/1")).toBe(true);
  });

  test("goes together with its candidates, and never before the job they work for", () => {
    const world = new World();
    world.register("w");
    const candidate = { parent: "p" };
    world.enqueue(
      newJob("p", { candidates: { count: 2, choose: "rule" } }),
      newJob("p.1", candidate),
      newJob("p.2", candidate),
    );
    world.do({ type: "cancel", jobId: "p", by: "me", reason: "no" });
    world.enqueue(newJob("new"));
    expect(forget(world, "p.1")).toEqual([]);
    expect(forget(world, "p")).toEqual(["p", "p.1", "p.2"]);
    expect(world.store.get("ids/p.2")).toMatchObject({ status: "canceled" });
  });
});

describe("a job stays", () => {
  test("while it lives, went on since it was looked at, or is unknown", () => {
    const world = worldWithOldJob();
    const old = found(world, "old");
    world.finish({ jobId: "old", fence: 1 }, SUCCESS);
    expect(world.do({ type: "forget", jobs: [{ ...old, endedAt: old.endedAt - 1 }] }).forgotten).toEqual([]);
    expect(world.do({ type: "forget", jobs: [{ jobId: "new", endedAt: 1, callbacks: [] }] }).forgotten).toEqual([]);
    expect(world.do({ type: "forget", jobs: [{ jobId: "none", endedAt: 1, callbacks: [] }] }).forgotten).toEqual([]);
  });

  test("when somebody has it done again just before, and the others that were asked for with it go", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("old", { callback: true }));
    world.finish(world.start("w"), failure("work"));
    world.enqueue(newJob("other"));
    world.finish(world.start("w"), SUCCESS);
    world.enqueue(newJob("newest"));
    const attempt = { at: 1, ms: 1, status: 200, error: null };
    for (const n of found(world, "old").callbacks)
      world.do({ type: "delivered", n, attempt, state: "delivered", nextAt: null });
    const jobs = [found(world, "old"), found(world, "other")];
    world.do({ type: "retry", jobId: "old", by: "somebody" });
    expect(world.do({ type: "forget", jobs }).forgotten).toEqual(["other"]);
  });

  test("while it is the newest of all, whose number the next one follows", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    world.finish(world.start("w"), SUCCESS);
    expect(forget(world, "a")).toEqual([]);
    world.enqueue(newJob("b"));
    expect(forget(world, "a")).toEqual(["a"]);
    world.restart();
    world.enqueue(newJob("c"));
    expect(world.job("c").seq).toBe(3);
  });

  test("while somebody is still to be told of it", () => {
    const world = worldWithOldJob({ callback: true });
    const { callbacks } = found(world, "old");
    expect(callbacks.length).toBeGreaterThan(1);
    const attempt = { at: 1, ms: 1, status: 200, error: null };
    for (const n of callbacks) {
      expect(forget(world, "old")).toEqual([]);
      world.do({ type: "delivered", n, attempt, state: "delivered", nextAt: null });
    }
    expect(forget(world, "old")).toEqual(["old"]);
    expect(() => world.do({ type: "redeliver", n: callbacks[0] ?? 0, by: "me" })).toThrow(
      expect.objectContaining({ code: "job_forgotten" }),
    );
  });

  test("while others wait for it, also where they wait in vain and were not moved on yet", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("old"));
    world.enqueue(...Array.from({ length: 1_001 }, (_, n) => newJob(`child-${n}`, { dependsOn: ["old"], key: null })));
    world.finish(world.start("w"), failure("work"));
    world.enqueue(newJob("new"));
    expect(world.state.unsettled.has("old")).toBe(true);
    expect(forget(world, "old")).toEqual([]);
    world.pass(1);
    expect(forget(world, "old")).toEqual(["old"]);
  });

  test("and so does the newest event of all, whose number the next one follows", () => {
    const world = worldWithOldJob();
    world.store.delete("jobs/new");
    const newest = numberId(world.state.nextEvent - 1);
    const keys = [{ collection: "events", id: newest }];
    expect(world.do({ type: "prune", keys, cleared: [] })).toEqual({ pruned: 0 });
    expect(world.store.has(`events/${newest}`)).toBe(true);
    expect(() => world.do({ type: "prune", keys: [{ collection: "jobs", id: "new" }], cleared: [] })).toThrow(
      "nothing that is pruned",
    );
  });
});

describe("what is remembered of a job", () => {
  test("makes the same request the same job with the end it had, and another request a conflict", () => {
    const world = worldWithOldJob();
    forget(world, "old");
    const before = world.store.size;
    expect(world.enqueue(newJob("old"))).toEqual([
      { jobId: "old", status: "succeeded", reason: null, position: 0, existing: true },
    ]);
    expect(world.store.size).toBe(before);
    expect(() => world.enqueue(newJob("old", { bodyHash: "another" }))).toThrow(
      expect.objectContaining({ code: "id_conflict" }),
    );
  });

  test("counts for jobs that depend on it", () => {
    const world = worldWithOldJob();
    forget(world, "old");
    world.enqueue(newJob("child", { dependsOn: ["old"] }));
    expect(world.status("child")).toBe("queued");

    world.do({ type: "cancel", jobId: "child", by: "me", reason: "no" });
    world.enqueue(newJob("newer"));
    forget(world, "child");
    world.enqueue(newJob("grandchild", { dependsOn: ["child"] }));
    expect(world.status("grandchild")).toBe("canceled: dependency_failed");
    expect(() => world.do({ type: "retry", jobId: "grandchild", by: "me" })).toThrow("is not kept any more");
  });

  test("answers whoever asks something of it, with how and when it ended", () => {
    const world = worldWithOldJob();
    forget(world, "old");
    const error = expect.objectContaining({
      code: "job_forgotten",
      details: expect.objectContaining({ jobId: "old", jobStatus: "succeeded" }),
    });
    expect(() => world.do({ type: "cancel", jobId: "old", by: "me", reason: "no" })).toThrow(error);
    expect(() => world.do({ type: "retry", jobId: "old", by: "me" })).toThrow(error);
    expect(() => world.comment("old")).toThrow(error);
  });

  test("is forgotten too one day, and then the id is free", () => {
    const world = worldWithOldJob();
    forget(world, "old");
    world.do({ type: "prune", keys: [rememberedKey("old")], cleared: [] });
    expect(world.enqueue(newJob("old", { bodyHash: "another" }))[0]).toMatchObject({ existing: false });
  });
});

describe("a store that was restored", () => {
  test("ends every lease, uncounted, and gives no fence that may have been given before", () => {
    const world = new World({ maxWaiting: 2_000 });
    world.register("w");
    world.enqueue(newJob("a"));
    const old = world.start("w");
    world.state.fenceFloor = 1_000_000;
    expect(world.do({ type: "endLeases", message: "restored from a backup" })).toEqual({ ended: 1, left: 0 });
    expect(world.job("a").run).toMatchObject({ lease: null, failures: 0, losses: 0, returns: 1 });
    expect(() => world.beat(old)).toThrow(expect.objectContaining({ code: "lease_lost" }));
    world.pass(60_000);
    expect(world.start("w")).toEqual({ jobId: "a", fence: 1_000_001 });
    world.enqueue(newJob("b"));
    world.register("v");
    expect(world.start("v")).toEqual({ jobId: "b", fence: 1_000_001 });
  });

  test("ends many leases in steps", () => {
    const world = new World();
    for (let n = 0; n < 501; n += 1) {
      world.register(`w${n}`);
      world.enqueue(newJob(`j${n}`, { key: null }));
      world.claim(`w${n}`);
    }
    const end = { type: "endLeases", message: "restored" } as const;
    expect(world.do(end)).toEqual({ ended: 500, left: 1 });
    expect(world.do(end)).toEqual({ ended: 1, left: 0 });
    expect(world.do(end)).toEqual({ ended: 0, left: 0 });
  });
});

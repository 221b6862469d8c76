import { describe, expect, test } from "vitest";
import { SUCCESS, World, newJob, profile } from "../queue.fixture.ts";

describe("register", () => {
  test("a worker is stored and told, and the same registration again changes nothing", () => {
    const world = new World();
    const register = {
      type: "register",
      workerId: "w",
      registrationId: "r1",
      profile: profile({ roles: ["x"] }),
    } as const;
    const first = world.do(register);
    expect(first.worker).toMatchObject({ id: "w", roles: ["x"], draining: false, registeredAt: world.wall });
    expect(world.store.get("workers/w")).toEqual(first.worker);
    expect(world.events.map((event) => event.type)).toEqual(["worker.registered"]);
    world.restart();
    expect(world.apply(register)).toEqual({ changes: [], effects: [], reply: first });
  });

  test("a new registration of a known worker ends the lease of its earlier self as a loss", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"));
    const lease = world.start("w");
    world.do({ type: "register", workerId: "w", registrationId: "r2", profile: profile() });
    expect(world.job("a")).toMatchObject({ status: "queued", run: { losses: 1, lease: null } });
    expect(() => world.beat(lease)).toThrow(expect.objectContaining({ code: "lease_lost" }));
    expect(world.claim("w")).toEqual({ jobId: "a", fence: 2 });
  });
});

describe("a registration that comes late", () => {
  const life = (registrationId: string, provenAt: number) =>
    ({ type: "register", workerId: "w", registrationId, profile: profile(), provenAt }) as const;

  test("is refused once the worker's next life was taken in, also by a dispatcher that knows only the store", () => {
    const world = new World();
    const sent = world.wall;
    world.do(life("life-2", sent + 2_000));
    world.enqueue(newJob("a"));
    const lease = world.start("w");
    const late = (): unknown => world.apply(life("life-1", sent));
    expect(late).toThrow(/a later one under its name/);
    world.restart();
    expect(late).toThrow(expect.objectContaining({ code: "registration_refused" }));
    expect(world.beat(lease)).toMatchObject({ drain: false });
    // Its own repetition and the life after it are taken.
    expect(world.do(life("life-2", sent + 1_000)).worker.registrationId).toBe("life-2");
    expect(world.do(life("life-3", sent + 2_001)).worker.registrationId).toBe("life-3");
  });

  test("is taken when nothing tells which life is the later one, or once no proof is that old", () => {
    const world = new World();
    world.do({ type: "register", workerId: "w", registrationId: "launched", profile: profile() });
    world.do(life("life-1", 5));
    world.wall += 10 * 60_000;
    expect(world.do(life("life-2", 4)).worker.registrationId).toBe("life-2");
  });
});

describe("placement", () => {
  test("what the launcher said of a worker is stored with it; one that came by itself, or before there were pools, has none", () => {
    const world = new World();
    const placement = { pool: "big", egress: ["registries"], timeoutMs: 60_000 };
    world.do({ type: "register", workerId: "w", registrationId: "r1", profile: profile(), placement });
    world.register("alone");
    const { pool: _, egress: __, timeoutMs: ___, ...before } = world.state.workers.get("w")?.record ?? { id: "" };
    expect(world.store.get("workers/w")).toMatchObject(placement);
    world.restart();
    expect(world.state.workers.get("w")?.record).toMatchObject(placement);
    expect(world.state.workers.get("alone")?.record).toMatchObject({ pool: null, egress: null, timeoutMs: null });
    world.store.set("workers/w", before);
    world.restart();
    expect(world.state.workers.get("w")?.record).toMatchObject({ name: "bee", pool: null, egress: null });
  });
});

describe("drain", () => {
  test("the worker is told, keeps its job and gets no other", () => {
    const world = new World();
    world.register("w");
    world.enqueue(newJob("a"), newJob("b"));
    const lease = world.start("w");
    const drain = { type: "drain", workerId: "w", draining: true } as const;
    expect(world.apply(drain).effects).toEqual([expect.objectContaining({ type: "signal", signal: "drain" })]);
    expect(world.apply(drain).changes).toEqual([]);
    world.restart();
    expect(world.beat(lease)).toMatchObject({ drain: true });
    world.finish(lease, SUCCESS);
    expect(world.claim("w")).toBeNull();
    expect(() => world.do({ ...drain, workerId: "x" })).toThrow(expect.objectContaining({ code: "not_found" }));
  });
});

describe("worker gone", () => {
  const gone = { type: "workerGone", workerId: "w", blame: true, message: "exited with 137" } as const;

  test("its job is queued again: as a loss when the worker is to blame and had begun, else uncounted", () => {
    for (const [begun, blame, run] of [
      [true, true, { losses: 1, returns: 0 }],
      [true, false, { losses: 0, returns: 1 }],
      [false, true, { losses: 0, returns: 1 }],
    ] as const) {
      const world = new World();
      world.register("w");
      world.enqueue(newJob("a"));
      const lease = world.claim("w");
      if (begun && lease !== null) world.beat(lease);
      expect(world.do({ ...gone, blame })).toEqual({ ended: "a" });
      expect(world.job("a")).toMatchObject({ status: "queued", run });
      expect(world.state.leases.size).toBe(0);
      expect(world.store.has("workers/w")).toBe(false);
    }
  });

  test("a worker that is gone must register again, and going twice changes nothing", () => {
    const world = new World();
    world.register("w");
    expect(world.do(gone)).toEqual({ ended: null });
    expect(world.events.at(-1)).toMatchObject({ type: "worker.gone", data: { workerId: "w", jobId: null } });
    expect(world.apply(gone).changes).toEqual([]);
    expect(() => world.claim("w")).toThrow(expect.objectContaining({ code: "worker_unknown" }));
  });
});

describe("callbacks", () => {
  const attempt = { at: 1, ms: 5, status: 500, error: null };

  function owed() {
    const world = new World();
    world.enqueue(newJob("a", { callback: true }));
    const told = (state: "pending" | "delivered" | "dead", nextAt: number | null = null) =>
      world.do({ type: "delivered", n: 1, attempt, state, nextAt }).state;
    return { world, told, record: () => world.store.get("callbacks/0000000000000001") };
  }

  test("attempts are kept until one succeeds, and nothing changes after that", () => {
    const { world, told, record } = owed();
    expect(told("pending", world.wall + 9)).toBe("pending");
    expect(record()).toMatchObject({ state: "pending", nextAt: world.wall + 9, tries: 1, attempts: [attempt] });
    expect(told("delivered")).toBe("delivered");
    expect(record()).toMatchObject({ state: "delivered", nextAt: null, tries: 2 });
    expect(told("dead")).toBe("delivered");
    expect(record()).toMatchObject({ state: "delivered", tries: 2 });
  });

  test("the last twenty attempts are kept", () => {
    const { told, record } = owed();
    for (let n = 0; n < 30; n += 1) told("pending", n);
    expect(record()).toMatchObject({ tries: 30 });
    expect(record()?.["attempts"]).toHaveLength(20);
  });

  test("one that is given up is an event, and can be sent again by hand", () => {
    const { world, told, record } = owed();
    told("dead");
    expect(world.last("a")).toMatchObject({ type: "callback.dead", data: { n: 1, type: "job.queued", tries: 1 } });
    const { reply, effects } = world.apply({ type: "redeliver", n: 1, by: "me" });
    expect(reply).toEqual({ state: "pending" });
    expect(effects).toContainEqual({ type: "callback", n: 1, jobId: "a" });
    expect(record()).toMatchObject({ state: "pending", nextAt: world.wall, tries: 0 });
  });

  test("an unknown callback is not found", () => {
    const { world } = owed();
    expect(() => world.do({ type: "redeliver", n: 9, by: "me" })).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
  });
});

import { afterEach, describe, expect, test } from "vitest";
import { type FleetWorld, fleetWorld, type WorldOptions } from "./fleet.fixture.ts";

const worlds: FleetWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.dispose();
});

async function start(options: WorldOptions = {}): Promise<FleetWorld> {
  const world = await fleetWorld(options);
  worlds.push(world);
  return world;
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n + 1}`);
}

describe("the size of a pool", () => {
  test("one worker is kept warm; as many come as there are jobs, up to the most, and go with their jobs", async () => {
    const world = await start({ workers: 4 });
    await world.pass(1_100);
    expect(world.names()).toEqual(["hive-worker-1"]);
    expect(world.pool()).toMatchObject({ state: "ok", desired: 1, workers: { starting: 0, idle: 1, busy: 0 } });

    await world.enqueue({}, {}, {}, {}, {}, {});
    await world.pass(200);
    expect(world.names()).toEqual(numbered("hive-worker", 4));
    expect(world.pool()).toMatchObject({ desired: 4, runnable: 4, workers: { starting: 3, idle: 1 } });
    await world.pass(2_000);
    expect(await world.claim()).toEqual(numbered("hive-worker", 4));

    await world.finish("hive-worker-2");
    await world.pass(200);
    expect(world.names()).toEqual(numbered("hive-worker", 4));
    expect(world.pool()).toMatchObject({ desired: 4, runnable: 1, workers: { starting: 1, busy: 3 } });
    await world.pass(1_000);
    expect(await world.claim()).toEqual(["hive-worker-2"]);
    for (const name of ["hive-worker-1", "hive-worker-3", "hive-worker-4"]) await world.finish(name);
    await world.pass(1_200);
    expect(await world.claim()).toEqual(["hive-worker-1"]);
    await world.finish("hive-worker-1");
    await world.finish("hive-worker-2");
    await world.pass(1_200);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { starting: 0, idle: 1, busy: 0, draining: 0 } });
    expect(world.names()).toHaveLength(1);
  });

  test("without warm workers nothing runs until there is a job, and nothing after it", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    await world.pass(60_000);
    expect(world.names()).toEqual([]);
    await world.enqueue({});
    await world.pass(1_200);
    expect(await world.claim()).toEqual(["hive-worker-1"]);
    await world.finish("hive-worker-1");
    await world.pass(60_000);
    expect(world.names()).toEqual([]);
    expect(world.docker.machine.started).toHaveLength(1);
  });

  test("a worker that registers and takes the job counts for it: none is started twice for one job", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }], bootMs: 9_000 });
    await world.enqueue({}, {});
    for (let n = 0; n < 20; n += 1) await world.pass(400);
    await world.pass(1_200);
    await world.claim();
    await world.pass(30_000);
    expect(world.docker.machine.started).toHaveLength(2);
  });

  test("no more boot at once than four", async () => {
    const world = await start({ bootMs: 5_000 });
    await world.enqueue(...numbered("", 10).map(() => ({})));
    await world.pass(4_000);
    expect(world.names()).toHaveLength(4);
    await world.pass(2_000);
    expect(world.names()).toHaveLength(8);
    await world.pass(5_000);
    expect(world.names()).toHaveLength(10);
  });

  test("jobs that may not run together need no workers together", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }], limitOf: (key) => (key === "one" ? 1 : null) });
    await world.enqueue({ key: "one" }, { key: "one" }, { key: "one" });
    await world.pass(2_000);
    await world.claim();
    await world.pass(30_000);
    expect(world.names()).toEqual(["hive-worker-1"]);
  });

  test("workers that are leaving count for the most there may be, and a name is given again only when it is free", async () => {
    const world = await start({ workers: 1 });
    await world.pass(1_100);
    await world.enqueue({}, {});
    await world.claim();
    await world.queue.submit<"workerGone">({
      type: "workerGone",
      workerId: "hive-worker-1",
      blame: false,
      message: "",
    });
    await world.pass(5_000);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { starting: 0, draining: 1 } });
    expect(world.docker.machine.started).toHaveLength(1);
    world.docker.end(world.launchOf("hive-worker-1").launchId);
    await world.pass(200);
    expect(world.names()).toEqual(["hive-worker-1"]);
    expect(world.docker.machine.started).toHaveLength(2);
  });

  test("idle workers that are too many are asked to leave after a minute, and never killed", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }], bootMs: 2_000 });
    await world.enqueue({}, {}, {});
    await world.pass(1_000);
    for (const jobId of ["j1", "j2"])
      await world.queue.submit<"cancel">({ type: "cancel", jobId, by: "me", reason: "" });
    await world.pass(2_000);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { idle: 3 } });
    await world.pass(50_000);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { idle: 3, draining: 0 } });
    await world.pass(12_000);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { idle: 1, draining: 2 } });
    expect(world.names()).toHaveLength(3);
    expect(await world.claim()).toHaveLength(1);
  });

  test("workers that stay are started at once, stay for more jobs, and are replaced when they leave", async () => {
    const world = await start({ pools: [{ name: "default", provider: "process" }] });
    await world.pass(1_100);
    expect(world.names()).toEqual(["hive-worker-1", "hive-worker-2"]);
    expect(world.launchOf("hive-worker-1").env).not.toHaveProperty("HIVE_ONE_SHOT");
    await world.enqueue({}, {}, {});
    expect(await world.claim()).toHaveLength(2);
    await world.finish("hive-worker-1");
    expect(await world.claim()).toEqual(["hive-worker-1"]);
    expect(world.process.machine.started).toHaveLength(2);
    await world.leave("hive-worker-2");
    await world.pass(1_200);
    expect(world.names()).toEqual(["hive-worker-1", "hive-worker-2"]);
    expect(world.pool().failures).toBe(0);
  });

  test("each worker is told what it needs and nothing else, and has a token of its own", async () => {
    const world = await start({
      pools: [{ name: "big", min: 2, roles: ["builder"], labels: ["gpu", "x"], memory: "8g" }],
    });
    await world.pass(500);
    const [first, second] = ["hive-big-1", "hive-big-2"].map((name) => world.launchOf(name));
    const { HIVE_LAUNCH_TOKEN: token, ...env } = first?.env ?? {};
    expect(env).toEqual({
      PATH: "/bin",
      HIVE_ONE_SHOT: "1",
      HIVE_PROVIDER: "docker",
      HIVE_ROLES: "builder",
      HIVE_LABELS: "gpu,x",
      HIVE_WORKER_NAME: "hive-big-1",
      HIVE_WORKER_SLOT: "0",
    });
    expect(first?.pool).toMatchObject({ name: "big", memoryBytes: 8 * 2 ** 30 });
    expect([first?.slot, second?.slot]).toEqual([0, 1]);
    expect(second?.env["HIVE_LAUNCH_TOKEN"]).not.toBe(token);
    await world.pass(1_000);
    const record = await world.queue.read((state) => state.workers.get("hive-big-1")?.record);
    expect(record).toMatchObject({ roles: ["builder"], labels: ["gpu", "x"], pool: "big", provider: "docker" });
  });
});

describe("several pools", () => {
  const TWO = [
    { name: "default", max: 2, warm: 0 },
    { name: "big", labels: ["gpu"], max: 2, warm: 0 },
  ];

  test("share the work: what fits both counts once, for the first that has room", async () => {
    const world = await start({ pools: TWO });
    await world.enqueue({}, { labels: ["gpu"] });
    await world.pass(1_200);
    expect(world.names()).toEqual(["hive-big-1", "hive-worker-1"]);
    await world.enqueue({}, {});
    await world.pass(1_200);
    expect(world.names()).toEqual(["hive-big-1", "hive-big-2", "hive-worker-1", "hive-worker-2"]);
    expect(
      ["hive-worker-1", "hive-worker-2", "hive-big-1", "hive-big-2"].map((name) => world.launchOf(name).slot),
    ).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  });

  test("a pool that cannot start leaves its jobs to another that fits", async () => {
    const world = await start({ pools: [{ ...TWO[0], paused: true }, TWO[1] ?? {}] });
    await world.enqueue({});
    await world.pass(1_200);
    expect(world.names()).toEqual(["hive-big-1"]);
  });

  test("together they keep to HIVE_WORKERS", async () => {
    const world = await start({ pools: TWO, workers: 3 });
    await world.enqueue({}, {}, { labels: ["gpu"] }, { labels: ["gpu"] });
    await world.pass(3_000);
    expect(world.names()).toHaveLength(3);
  });

  test("an agent that the pool's workers turned out not to have starts no more of them", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    await world.enqueue({ task: "agent", agent: "claude" });
    await world.pass(2_000);
    expect(world.docker.machine.started).toHaveLength(1);
    expect(await world.claim()).toEqual([]);
    expect(world.pool()).toMatchObject({ agents: ["demo"], runnable: 0, desired: 0 });
    await world.pass(61_000);
    await world.leave("hive-worker-1");
    await world.pass(60_000);
    expect(world.docker.machine.started).toHaveLength(1);
  });

  test("a pool outside its hours starts nothing and its workers take no more jobs; then it goes on", async () => {
    // The world's clock begins on 14 November 2023, 22:30:00 UTC, a Tuesday.
    const world = await start({ pools: [{ name: "default", hours: ["Tu 20:00-22:45 UTC", "Tu 23:15-24:00 UTC"] }] });
    await world.pass(1_100);
    await world.enqueue({});
    expect(await world.claim()).toEqual(["hive-worker-1"]);
    await world.pass(1_100);
    expect(world.pool()).toMatchObject({ state: "ok", workers: { busy: 1, idle: 1 } });
    await world.pass(15 * 60_000);
    expect(world.pool()).toMatchObject({ state: "outside_hours", workers: { busy: 1 } });
    await world.enqueue({});
    await world.pass(1_000);
    const idle = await world.queue.read((state) =>
      [...state.workers.values()].filter(({ record }) => !record.draining),
    );
    expect(idle).toEqual([]);
    await world.pass(28 * 60_000);
    expect(world.pool().state).toBe("outside_hours");
    await world.pass(3 * 60_000);
    expect(world.pool()).toMatchObject({ state: "ok", desired: 3 });
  });

  test("a paused pool starts nothing, says so, and what runs of it finishes", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.enqueue({});
    await world.claim();
    await world.pass(1_100);
    await world.restart({ pools: [{ name: "default", paused: true }] });
    await world.enqueue({});
    await world.pass(1_000);
    expect(world.pool()).toMatchObject({ state: "paused", desired: 1, workers: { busy: 1, draining: 1 } });
    await world.finish("hive-worker-1");
    await world.leave("hive-worker-2");
    await world.pass(60_000);
    expect(world.names()).toEqual([]);
  });
});

describe("boots that fail", () => {
  test("are tried again after 0, 5, 10, 20, 40 and 80 seconds and then every 80, by one worker at a time", async () => {
    const world = await start();
    const starts: number[] = [];
    let known = 1;
    world.docker.end(world.launchOf("hive-worker-1").launchId, {
      code: 1,
      lastWords: "Error: no such thing\n    at x",
    });
    await world.enqueue({}, {}, {});
    let failedAt = world.clock.time;
    for (let passed = 0; passed < 400_000; passed += 10) {
      await world.clock.pass(10);
      const { started } = world.docker.machine;
      if (started.length === known) continue;
      expect(started).toHaveLength(known + 1);
      known += 1;
      starts.push(world.clock.time - failedAt);
      failedAt = world.clock.time;
      world.docker.end(started.at(-1)?.launchId ?? "", { code: 1 });
    }
    // Each a moment later than the wait: changes are gathered before a look.
    expect(starts.map((ms) => Math.floor(ms / 1_000))).toEqual([0, 5, 10, 20, 40, 80, 80, 80, 80]);
    expect(world.pool()).toMatchObject({ state: "backing_off", failures: 10 });
  }, 60_000);

  test("are told with the reason and the time of the next try", async () => {
    const world = await start();
    const fail = (): void => {
      const { launchId } = world.launchOf("hive-worker-1");
      world.docker.end(launchId, { code: 1, lastWords: "12:00:00 hello\nError: no such thing\n    at x" });
    };
    fail();
    await world.pass(200);
    fail();
    await world.pass(200);
    const pool = world.pool();
    expect(pool).toMatchObject({
      state: "backing_off",
      failures: 2,
      lastError: { message: "hive-worker-1 ended with code 1: Error: no such thing" },
    });
    expect(pool.message).toMatch(/^backing off until \S+Z after 2 failed boots: hive-worker-1 ended with code 1/);
    expect((pool.nextTryAt ?? 0) - world.clock.wall()).toBeGreaterThan(4_000);
    expect((pool.nextTryAt ?? 0) - world.clock.wall()).toBeLessThan(5_000);
  });

  test("the first worker that registers ends the back-off", async () => {
    const world = await start({ bootMs: null });
    for (const wait of [200, 5_200]) {
      world.docker.end(world.launchOf("hive-worker-1").launchId, { code: 1 });
      await world.pass(wait);
    }
    world.bootMs = 1_000;
    world.docker.end(world.launchOf("hive-worker-1").launchId, { code: 1 });
    await world.pass(11_500);
    expect(world.pool()).toMatchObject({ state: "ok", failures: 0, nextTryAt: null, workers: { idle: 1 } });
    await world.enqueue({}, {}, {}, {});
    await world.pass(200);
    expect(world.pool().workers.starting).toBe(4);
  });

  test("several that began together and fail together are one failure", async () => {
    const world = await start({ bootMs: null, pools: [{ name: "default", min: 3 }] });
    for (const name of world.names()) world.docker.end(world.launchOf(name).launchId, { code: 1 });
    await world.pass(0);
    expect(world.pool().failures).toBe(1);
  });

  test("a worker that registers and leaves at once is a failed boot all the same", async () => {
    const world = await start();
    for (const failures of [1, 2, 3]) {
      await world.pass(20_000);
      world.docker.end(world.launchOf("hive-worker-1").launchId, { code: 0 });
      await world.pass(0);
      expect(world.pool().failures).toBe(failures);
    }
    await world.pass(20_000);
    await world.enqueue({});
    await world.claim();
    await world.finish("hive-worker-1");
    await world.pass(2_000);
    expect(world.pool().failures).toBe(0);
  });

  test("one that does not register in two minutes is stopped, its token revoked, and counts", async () => {
    const world = await start({ bootMs: null });
    const { launchId } = world.launchOf("hive-worker-1");
    world.docker.ignoreStop(launchId);
    await world.pass(119_000);
    expect(world.pool()).toMatchObject({ failures: 0, workers: { starting: 1 } });
    await world.pass(1_500);
    expect(world.pool()).toMatchObject({
      failures: 1,
      lastError: { message: "hive-worker-1 did not register within 120 s" },
    });
    await world.pass(6_000);
    expect(world.launchOf("hive-worker-1").launchId).not.toBe(launchId);
  });

  test("a start that is refused counts, and one whose name somebody else has is tried under the next name", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    world.docker.failStart("failed");
    await world.enqueue({});
    await world.pass(100);
    expect(world.pool()).toMatchObject({ failures: 1, lastError: { message: "the fake machine refused" } });
    world.docker.failStart("taken");
    await world.pass(1_000);
    expect(world.names()).toEqual(["hive-worker-2"]);
    expect(world.pool().failures).toBe(1);
  });

  test("while the image is missing or being built nothing is started, and it goes on by itself once it is there", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    world.docker.setReadiness({ ready: false, why: "missing", message: "there is no image big:3" });
    await world.enqueue({});
    await world.pass(60_000);
    expect(world.names()).toEqual([]);
    expect(world.pool()).toMatchObject({
      state: "image_missing",
      message: "image missing: there is no image big:3",
      desired: 1,
      failures: 0,
    });
    world.docker.setReadiness({ ready: false, why: "building", message: "step 3 of 9" });
    await world.pass(200);
    expect(world.pool()).toMatchObject({ state: "building_image", message: "building image: step 3 of 9" });
    world.docker.setReadiness({ ready: true, image: { name: "big:3", digest: "sha256:1" } });
    await world.pass(200);
    expect(world.names()).toEqual(["hive-worker-1"]);
    expect(world.pool()).toMatchObject({ state: "ok", image: "big:3", imageDigest: "sha256:1" });
  });
});

describe("what cannot be known", () => {
  test("a first listing that fails holds everything until one answers", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.restart({ failLists: 3 });
    await world.enqueue({}, {});
    await world.pass(14_000);
    expect(world.docker.machine.started).toHaveLength(1);
    expect(world.pool()).toMatchObject({
      state: "engine_unreachable",
      message: "engine unreachable: the fake machine cannot say",
    });
    await world.pass(2_000);
    expect(world.names()).toHaveLength(3);
    expect(world.pool().state).toBe("ok");
  });

  test("an engine that is away is no empty one: nothing is started, what runs goes on, and it is seen when it is back", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.enqueue({});
    await world.claim();
    await world.pass(1_100);
    world.docker.die("connect ENOENT /var/run/docker.sock");
    await world.enqueue({}, {}, {});
    await world.pass(60_000);
    expect(world.docker.machine.started).toHaveLength(2);
    expect(world.pool()).toMatchObject({
      state: "engine_unreachable",
      message: "engine unreachable: connect ENOENT /var/run/docker.sock",
      desired: 5,
      failures: 0,
    });
    world.docker.comeBack();
    await world.pass(200);
    expect(world.names()).toHaveLength(5);
    expect(world.pool().state).toBe("ok");
  });

  test("a start whose answer was lost is asked for again under the same id, whether it ran or not", async () => {
    for (const fault of ["unclear, runs", "unclear, does not run"] as const) {
      const world = await start({ pools: [{ name: "default", warm: 0 }], bootMs: null });
      world.docker.failStart(fault);
      await world.enqueue({});
      await world.pass(1_000);
      expect(world.pool()).toMatchObject({ failures: 0, workers: { starting: 1 } });
      await world.pass(10_000);
      expect(world.names()).toEqual(["hive-worker-1"]);
      expect(world.docker.machine.started).toHaveLength(1);
    }
  });

  test("while the store is away nothing changes", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.queue.stop();
    world.fleet.poke();
    await world.pass(30_000);
    expect(world.names()).toEqual(["hive-worker-1"]);
    expect(world.logged.some((line) => line.includes("the fleet could not look"))).toBe(true);
  });
});

describe("a server that starts again", () => {
  test("goes on with the containers that run, with their pools, and starts no second one of a name", async () => {
    const world = await start({
      pools: [
        { name: "default", warm: 1 },
        { name: "big", labels: ["gpu"], warm: 1 },
      ],
    });
    await world.pass(1_100);
    await world.enqueue({ labels: ["gpu"] });
    expect(await world.claim()).toEqual(["hive-big-1"]);
    await world.pass(1_100);
    const before = world.names();
    await world.restart();
    expect(world.names()).toEqual(before);
    expect(world.pool("big")).toMatchObject({ workers: { busy: 1, idle: 1 }, desired: 2 });
    expect(world.pool("default")).toMatchObject({ workers: { idle: 1 } });
    expect(await world.job("j1")).toMatchObject({ status: "running" });
    await world.finish("hive-big-1");
    await world.pass(2_000);
    expect(world.names()).toEqual(["hive-big-2", "hive-worker-1"]);
  });

  test("gives back the jobs of workers that fell with it, uncounted", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.enqueue({});
    await world.claim();
    world.docker.machine.workers.clear();
    await world.restart();
    expect(await world.job("j1")).toEqual({ status: "queued", losses: 0, returns: 1 });
  });

  test("stops a container that had not registered: nobody knows its token any more", async () => {
    const world = await start({ bootMs: null });
    const { launchId } = world.launchOf("hive-worker-1");
    world.bootMs = 1_000;
    await world.restart();
    await world.pass(62_000);
    expect(world.names()).toHaveLength(1);
    expect(world.docker.machine.workers.has(launchId)).toBe(false);
    expect(world.pool()).toMatchObject({ failures: 0, workers: { idle: 1 } });
  });

  test("shows workers of a pool that the settings name no more; they take no other job", async () => {
    const world = await start({ pools: [{ name: "old", warm: 1 }] });
    await world.pass(1_100);
    await world.restart({});
    await world.pass(1_200);
    expect(world.pool("old")).toMatchObject({ state: "removed", max: 0, workers: { draining: 1 } });
    await world.leave("hive-old-1");
    await world.pass(100);
    expect(world.names()).toEqual(["hive-worker-1"]);
  });

  test("leaves the slot of a process that still reports alone until it left", async () => {
    const world = await start({ pools: [{ name: "default", provider: "process", max: 1 }] });
    await world.pass(1_100);
    await world.enqueue({});
    await world.claim();
    await world.restart();
    await world.pass(300_000);
    expect(world.process.machine.started).toHaveLength(1);
    expect(world.pool().workers).toMatchObject({ starting: 0, idle: 0 });
    await world.leave("hive-worker-1");
    await world.pass(1_200);
    expect(world.process.machine.started).toHaveLength(2);
    expect(world.launchOf("hive-worker-1").slot).toBe(0);
  });
});

describe("a worker's end", () => {
  async function working(): Promise<{ world: FleetWorld; launchId: string }> {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    await world.enqueue({});
    await world.pass(1_100);
    await world.claim();
    return { world, launchId: world.launchOf("hive-worker-1").launchId };
  }

  test("is blamed on its job when it died by its own doing, and not when others did it", async () => {
    for (const [how, blamed] of [
      [{ code: 1 }, true],
      [{ code: null, signal: "SIGSEGV" }, true],
      [{ code: null, signal: "SIGKILL", outOfMemory: true }, true],
      [{ code: null, signal: "SIGKILL", outside: true }, false],
      [{ code: 137, outside: true }, false],
      [{ code: null, outside: true }, false],
      [{ code: 0 }, false],
    ] as const) {
      const { world, launchId } = await working();
      world.docker.end(launchId, how);
      await world.pass(0);
      const { losses, returns } = await world.job("j1");
      expect({ how, losses, returns }).toEqual({ how, losses: blamed ? 1 : 0, returns: blamed ? 0 : 1 });
    }
  });

  test("with a job is no failed boot, and the job is taken over", async () => {
    const { world, launchId } = await working();
    world.docker.end(launchId, { code: 1 });
    await world.pass(1_300);
    expect(world.pool()).toMatchObject({ failures: 0 });
    expect(await world.claim()).toEqual(["hive-worker-1"]);
  });

  test("that does not come after its goodbye is brought about a minute later", async () => {
    const { world, launchId } = await working();
    world.docker.ignoreStop(launchId);
    await world.queue.submit<"workerGone">({
      type: "workerGone",
      workerId: "hive-worker-1",
      blame: false,
      message: "",
    });
    await world.pass(59_000);
    expect(world.docker.machine.workers.has(launchId)).toBe(true);
    await world.pass(8_000);
    expect(world.docker.machine.workers.has(launchId)).toBe(false);
  });
});

describe("a stop", () => {
  test("ends every worker, blames nobody, starts nothing and may be repeated", async () => {
    const world = await start();
    await world.pass(1_100);
    await world.enqueue({}, {});
    await world.claim();
    await world.pass(300);
    world.docker.ignoreStop(world.launchOf("hive-worker-1").launchId);
    const stopped = Promise.all([world.fleet.stop(10_000), world.fleet.stop(10_000)]);
    await world.pass(9_000);
    expect(world.names()).toEqual(["hive-worker-1"]);
    await world.pass(2_000);
    await stopped;
    expect(world.names()).toEqual([]);
    expect(await world.job("j1")).toEqual({ status: "queued", losses: 0, returns: 1 });
    await world.pass(60_000);
    expect(world.names()).toEqual([]);
  });

  test("does not wait for an engine that is away", async () => {
    const world = await start();
    await world.pass(1_100);
    world.docker.die("it is off");
    await world.fleet.stop(10_000);
    expect(world.names()).toEqual(["hive-worker-1"]);
  });
});

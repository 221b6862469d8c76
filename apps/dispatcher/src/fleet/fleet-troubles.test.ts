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
    const first = world.launchOf("hive-worker-1");
    const { launchId } = first;
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
    await expect(world.register(first)).rejects.toThrow(/launch token is unknown or expired/);
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

  test("an image that is missing is seen before there is a job for it", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    world.docker.setReadiness({ ready: false, why: "missing", message: "there is no image big:3" });
    await world.pass(200);
    expect(world.pool()).toMatchObject({ state: "image_missing", desired: 0 });
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

  test("a start that nobody answered for long is no boot that took too long", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    world.docker.failStart("unclear, does not run");
    await world.enqueue({});
    await world.pass(1_000);
    world.docker.die("it is off");
    await world.pass(600_000);
    world.docker.comeBack();
    await world.pass(2_000);
    expect(world.pool()).toMatchObject({ failures: 0, workers: { idle: 1 } });
    expect(world.docker.machine.started).toHaveLength(1);
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

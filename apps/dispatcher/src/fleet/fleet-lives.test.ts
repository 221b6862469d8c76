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

  test("does not take another dispatcher's workers for fallen, nor their names, for it cannot see them", async () => {
    const world = await start({ dispatcher: "aaaa" });
    await world.pass(1_100);
    await world.enqueue({});
    expect(await world.claim()).toEqual(["hive-worker-aaaa-1"]);
    world.docker.machine.workers.clear();
    await world.restart({ dispatcher: "bbbb" });
    await world.enqueue({});
    await world.pass(1_100);
    expect(await world.job("j1")).toMatchObject({ status: "running", returns: 0 });
    expect(world.names()).toEqual(["hive-worker-bbbb-1", "hive-worker-bbbb-2"]);
    // Its own, of its earlier life, it knows by their names.
    world.docker.machine.workers.clear();
    await world.restart({ dispatcher: "aaaa" });
    expect(await world.job("j1")).toMatchObject({ status: "queued", returns: 1 });
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

  test("kills no process that takes its time to leave", async () => {
    const world = await start({ pools: [{ name: "default", provider: "process", max: 1 }] });
    await world.pass(1_100);
    const { launchId } = world.launchOf("hive-worker-1");
    await world.restart();
    await world.pass(300_000);
    expect(world.launchOf("hive-worker-1").launchId).toBe(launchId);
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

  test("is told to the queue before another worker gets its place", async () => {
    const world = await start({ workers: 1 });
    await world.pass(1_100);
    await world.enqueue({});
    await world.claim();
    const { release } = world.hold("workerGone");
    world.docker.end(world.launchOf("hive-worker-1").launchId, { code: 1 });
    await world.pass(30_000);
    expect(world.names()).toEqual([]);
    release();
    await world.pass(200);
    expect(world.names()).toEqual(["hive-worker-1"]);
    expect(await world.job("j1")).toMatchObject({ status: "queued", losses: 1 });
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

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

  test("a worker whose only job is over is none for the next one, also while it is still there", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    await world.enqueue({});
    await world.pass(1_200);
    await world.claim();
    await world.finish("hive-worker-1", "stays");
    await world.enqueue({});
    await world.pass(200);
    expect(world.names()).toEqual(["hive-worker-1", "hive-worker-2"]);
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

  test("a worker that an operator asks to leave is replaced once it left; taken back, it goes on", async () => {
    const world = await start({ pools: [{ name: "default", provider: "process", max: 1 }] });
    await world.pass(1_100);
    const drain = (draining: boolean) =>
      world.queue.submit<"drain">({ type: "drain", workerId: "hive-worker-1", draining });
    await drain(true);
    await world.pass(1_000);
    expect(world.pool()).toMatchObject({ desired: 1, workers: { idle: 0, draining: 1 } });
    await drain(false);
    await world.pass(16_000);
    expect(world.pool().workers).toMatchObject({ idle: 1, draining: 0 });
    await drain(true);
    await world.leave("hive-worker-1");
    await world.pass(1_200);
    expect(world.process.machine.started).toHaveLength(2);
    expect(world.pool()).toMatchObject({ failures: 0, workers: { idle: 1 } });
  });

  test("a worker that could not be asked to leave is asked again", async () => {
    const world = await start({ pools: [{ name: "default", min: 1 }] });
    await world.pass(1_100);
    const { release } = world.hold("drain", "fail");
    await world.restart({ pools: [{ name: "default", paused: true }] });
    await world.pass(2_000);
    const isDraining = () => world.queue.read((state) => state.workers.get("hive-worker-1")?.record.draining);
    expect(await isDraining()).toBe(false);
    release();
    await world.pass(16_000);
    expect(await isDraining()).toBe(true);
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

  test("an agent that the pool's workers turned out not to have starts no more of them, until their image is another", async () => {
    const world = await start({ pools: [{ name: "default", warm: 0 }] });
    world.docker.setReadiness({ ready: true, image: { name: "hive-worker", digest: "sha256:of the first image" } });
    await world.pass(100);
    await world.enqueue({ task: "agent", agent: "claude" });
    await world.pass(2_000);
    expect(world.docker.machine.started).toHaveLength(1);
    expect(await world.claim()).toEqual([]);
    expect(world.pool()).toMatchObject({ agents: ["demo"], runnable: 0, desired: 0 });
    await world.pass(61_000);
    await world.leave("hive-worker-1");
    await world.pass(60_000);
    expect(world.docker.machine.started).toHaveLength(1);
    world.docker.setReadiness({ ready: true, image: { name: "hive-worker", digest: "sha256:of another image" } });
    await world.pass(1_200);
    expect(world.docker.machine.started).toHaveLength(2);
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

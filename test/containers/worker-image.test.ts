/** The worker image as the server itself builds it, through the engine's API, and the worker in it. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../apps/dispatcher/src/clock.ts";
import { createDockerProvider } from "../../apps/dispatcher/src/fleet/docker/docker-provider.ts";
import { createEngine } from "../../apps/dispatcher/src/fleet/docker/engine.ts";
import { createImageBuild } from "../../apps/dispatcher/src/fleet/docker/image-build.ts";
import { readImageSource } from "../../apps/dispatcher/src/fleet/docker/image-source.ts";
import { createWorkerImages } from "../../apps/dispatcher/src/fleet/docker/worker-image.ts";
import type { Exit, PoolNeeds } from "../../apps/dispatcher/src/fleet/provider.ts";
import { checkout } from "../../scripts/checkout.ts";
import { until } from "../e2e/until.ts";
import { BASE_IMAGE } from "./engine/base-image.ts";
import { engineCall } from "./engine/engine-api.ts";
import { engine, isMissing } from "./test-engine.ts";

const IMAGE = "hive-built-by-itself:test";
const POOL: PoolNeeds = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.skipIf(isMissing)("the worker image of a checkout", () => {
  test("is built when it is missing, is not built again, and its worker starts", async () => {
    const client = createEngine(`unix://${engine.socket}`, systemClock);
    const said: string[] = [];
    const log = { info: (text: string) => void said.push(text), warn: (text: string) => void said.push(text) };
    const source = await readImageSource(checkout, { BASE_IMAGE });
    if (source === null) throw new Error("this is no checkout");
    const build = createImageBuild({ engine: client, checkout, source, image: IMAGE, clock: systemClock, log });
    const images = createWorkerImages({ engine: client, defaultImage: IMAGE, build });
    cleanups.push(() => engineCall(engine.socket, "DELETE", `/images/${IMAGE}`));

    expect(await images.prepare(POOL)).toMatchObject({ ready: false, why: "building" });
    const isBuilt = async (): Promise<boolean> => {
      const now = await images.prepare(POOL);
      if (!now.ready && now.why === "missing") throw new Error(now.message);
      return now.ready;
    };
    await until("the image", isBuilt, { limitMs: 280_000, more: () => said.join("\n") });
    expect(said.filter((line) => line.includes("is built from this checkout"))).toHaveLength(1);
    expect(said.filter((line) => line.includes(": Step ")).length).toBeGreaterThan(10);
    expect(await images.need(POOL)).toMatchObject({ name: IMAGE, volumes: [] });

    const folder = await mkdtemp(join(tmpdir(), "hive-built-"));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, "run"));
    const exits: Exit[] = [];
    const provider = createDockerProvider({
      engine: client,
      images,
      serverId: `built-${process.pid}`,
      folders: { run: join(folder, "run"), handouts: null },
      clock: systemClock,
      onLine: (_, line) => void said.push(line),
      log,
    });
    cleanups.push(() => provider.close());
    provider.onExit((exit) => exits.push(exit));
    await provider.start({ launchId: "built-1", name: `built-${process.pid}`, slot: 0, pool: POOL, env: {} });
    const exit = await until("its end", () => exits[0], { more: () => said.join("\n") });
    // It was given no token, and says so: it is our worker that runs.
    expect(exit).toMatchObject({
      outside: false,
      stopped: false,
      lastWords: expect.stringContaining("HIVE_LAUNCH_TOKEN"),
    });
    expect(exit.code).not.toBe(0);
  });
});

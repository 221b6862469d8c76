/** A Docker Engine that is ended and started again below its workers: an upgrade, a crash, and one that keeps containers. */
import { afterEach, describe, expect, test } from "vitest";
import { ProviderError, type Launch, type Provider } from "../../apps/dispatcher/src/fleet/provider.ts";
import { until } from "../e2e/until.ts";
import { importBaseImage } from "./engine/base-image.ts";
import { type Engine, startEngine } from "./engine/engine.ts";
import { engineJson } from "./engine/engine-api.ts";
import { type ProbeWorld, startProbes } from "./probe-worker.ts";
import { isMissing } from "./test-engine.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function ownEngine(
  more: readonly string[] = [],
): Promise<{ engine: Engine; world: ProbeWorld; provider: Provider }> {
  const engine = await startEngine(more);
  cleanups.push(() => engine.stop());
  importBaseImage({ PATH: process.env["PATH"], DOCKER_HOST: `unix://${engine.socket}` });
  const world = await startProbes(engine.socket);
  cleanups.push(() => world.close());
  const provider = world.open();
  expect(await provider.list()).toEqual([]);
  return { engine, world, provider };
}

async function started(world: ProbeWorld, provider: Provider): Promise<Launch> {
  const launch = world.launch("stays");
  await provider.start(launch);
  await world.said(launch, "up");
  return launch;
}

const isOk = (provider: Provider) => () => provider.status().state === "ok";

describe.skipIf(isMissing)("an engine that starts again", () => {
  test.each(["SIGTERM", "SIGKILL"] as const)(
    "after %s: its workers ended, nobody is to blame, and new ones start",
    async (signal) => {
      const { engine, world, provider } = await ownEngine();
      const states: string[] = [];
      provider.onChange(() => states.push(provider.status().state));
      const launches = [await started(world, provider), await started(world, provider)];
      await engine.restart(signal);
      for (const launch of launches) {
        const exit = await world.exitOf(launch);
        expect(exit).toMatchObject({ stopped: false, outOfMemory: false });
        // One that left when the engine asked it to ended well; of any other nobody in it is to blame.
        expect(exit.outside || exit.code === 0).toBe(true);
      }
      await until("the provider to see it", isOk(provider), { limitMs: 60_000 });
      expect(states[0]).toBe("unreachable");
      const next = await started(world, provider);
      expect((await provider.list()).map(({ name }) => name)).toEqual([next.name]);
      await provider.stop(next.launchId, 10_000);
      expect(world.exits).toHaveLength(3);
      expect(await engineJson(engine.socket, "GET", "/containers/json?all=1")).toEqual([]);
    },
  );

  test("that keeps its containers: the workers go on, and are heard, listed and stopped as before", async () => {
    const { engine, world, provider } = await ownEngine(["--live-restore"]);
    const launch = await started(world, provider);
    await engine.restart("SIGTERM");
    await until("the provider to see it", isOk(provider), { limitMs: 60_000 });
    expect((await provider.list()).map(({ name }) => name)).toEqual([launch.name]);
    expect(world.exits).toEqual([]);
    expect(world.lines.filter((line) => line.endsWith(": up"))).toHaveLength(1);
    await provider.stop(launch.launchId, 10_000);
    expect(world.exits).toMatchObject([{ code: 0, stopped: true, outside: false }]);
  });

  test("under load: no launch is lost or made twice, whatever was asked in between", async () => {
    const { engine, world, provider } = await ownEngine();
    const launches = Array.from({ length: 8 }, () => world.launch("stays"));
    let restarted = Promise.resolve();
    const ask = async (launch: Launch): Promise<void> => {
      const told = (): boolean => world.exits.some(({ launchId }) => launchId === launch.launchId);
      while (!told()) {
        try {
          await provider.start(launch);
          return;
        } catch (error) {
          if (!(error instanceof ProviderError) || error.kind !== "unclear") throw error;
          await until("the provider to see it", isOk(provider), { limitMs: 60_000 });
        }
      }
    };
    await Promise.all(
      launches.map(async (launch, index) => {
        if (index === 3) restarted = engine.restart("SIGKILL");
        await ask(launch);
      }),
    );
    await restarted;
    await until("the provider to see it", isOk(provider), { limitMs: 60_000 });
    const running = await until("a list", () => provider.list().catch(() => null), { limitMs: 60_000 });
    for (const { launchId } of running) await provider.stop(launchId, 10_000);
    await until("every end to be told", () => world.exits.length >= launches.length, { limitMs: 60_000 });
    expect(world.exits.map(({ launchId }) => launchId).sort((a, b) => a.localeCompare(b))).toEqual(
      launches.map(({ launchId }) => launchId).sort((a, b) => a.localeCompare(b)),
    );
    expect(await engineJson(engine.socket, "GET", "/containers/json?all=1")).toEqual([]);
  });
});

import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { chooseFleet } from "./choose-fleet.ts";
import { type FakeEngine, startFakeEngine } from "./docker/fake-engine.fixture.ts";
import { poolsSchema } from "./pool-settings.ts";

const engines: FakeEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

async function engine(): Promise<FakeEngine> {
  const started = await startFakeEngine();
  engines.push(started);
  return started;
}

const NOWHERE = "unix:///nowhere/docker.sock";

function choose(settings: Partial<Parameters<typeof chooseFleet>[0]> & { readonly list?: object[] }) {
  const { list, ...rest } = settings;
  const defaults = { fleet: "auto", dockerHost: NOWHERE, workers: undefined, workerImage: undefined } as const;
  const pools = list === undefined ? undefined : poolsSchema.parse(list);
  return chooseFleet({ ...defaults, pools, allowUnisolated: false, ...rest }, systemClock);
}

describe("where workers run", () => {
  test("in containers, where an engine answers", async () => {
    const { address } = await engine();
    const choice = await choose({ dockerHost: address });
    expect(choice).toMatchObject({ dockerHost: address, isolated: true, max: 10 });
    expect(choice.pools).toMatchObject([{ name: "default", provider: "docker", max: 10, warm: 1 }]);
    expect(choice.isolation).toMatch(/^containers \(Docker .+, image hive-worker\)$/);
  });

  test("as processes where there is none, and the start says why", async () => {
    const choice = await choose({});
    expect(choice).toMatchObject({ dockerHost: null, isolated: false, max: 2 });
    expect(choice.pools).toMatchObject([{ name: "default", provider: "process", min: 2, max: 2 }]);
    expect(choice.isolation).toMatch(/^none \(no container engine: .*nowhere.*\): real agents are held$/);
    expect((await choose({ allowUnisolated: true })).isolation).toMatch(/HIVE_ALLOW_UNISOLATED is set$/);
  });

  test("as processes where that was asked for: the engine is not even asked", async () => {
    const { address, calls } = await engine();
    const choice = await choose({ dockerHost: address, fleet: "process", workers: 5 });
    expect(choice).toMatchObject({ dockerHost: null, isolated: false, max: 5, pools: [{ min: 5, max: 5 }] });
    expect(choice.isolation).toBe("none (HIVE_FLEET is process): real agents are held");
    expect(calls).toEqual([]);
  });

  test("in containers where that was asked for, also while the engine is away", async () => {
    const choice = await choose({ fleet: "docker", workerImage: "mine:1" });
    expect(choice).toMatchObject({ dockerHost: NOWHERE, isolated: true, pools: [{ provider: "docker" }] });
    expect(choice.isolation).toMatch(/^containers \(the engine cannot be reached: .*nowhere.*, image mine:1\)$/);
  });

  test("as each pool says; what is not in a container is named", async () => {
    const { address } = await engine();
    const list = [{ name: "default" }, { name: "big", image: "big:1" }, { name: "bare", provider: "process" }];
    const choice = await choose({ dockerHost: address, list });
    expect(choice.pools.map(({ provider }) => provider)).toEqual(["docker", "docker", "process"]);
    expect(choice.isolation).toMatch(/image hive-worker, big:1\); none in bare, whose workers are processes$/);
    expect(choice.max).toBe(22);
    expect((await choose({ dockerHost: address, list, workers: 3 })).max).toBe(3);
    const bare = await choose({ dockerHost: address, list: list.slice(2) });
    expect(bare.isolation).toMatch(/^none \(the pools in hive.yaml are of processes\)/);
  });

  test("elsewhere, where this server starts none: they say themselves what they offer", async () => {
    for (const choice of [await choose({ workers: 0 }), await choose({ list: [] })])
      expect(choice).toMatchObject({ pools: [], dockerHost: null, isolated: true });
  });
});

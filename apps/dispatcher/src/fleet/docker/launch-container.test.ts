import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DockerWorld, dockerWorld } from "./docker-provider.fixture.ts";

let world: DockerWorld;
beforeEach(async () => {
  world = await dockerWorld();
});
afterEach(() => world.close());

const LABELS = { "hive.managed": "1", "hive.server": "server-1", "hive.pool": "default", "hive.slot": "1" };

describe("starting a launch", () => {
  it.each([/\/create/, /\/start/])("makes one container although the answer to %s is lost", async (call) => {
    const { fake, provider, launch } = world;
    fake.failNext(call, "lost answer");
    await provider.start(launch(1));
    expect(fake.containers.map(({ name, state }) => [name, state])).toEqual([["worker-1", "running"]]);
    expect(await provider.list()).toEqual([{ launchId: "launch-1", name: "worker-1", slot: 1, pool: "default" }]);
  });

  it("tries again when the create certainly was not carried out, and says unclear when nobody can tell", async () => {
    const { fake, clock, provider, launch, until } = world;
    fake.failNext(/\/create/, "cut");
    const started = provider.start(launch(1));
    await until("a second create", () => fake.calls.filter((call) => call.includes("/create")).length === 2, 500);
    await started;
    expect(fake.container("worker-1").state).toBe("running");

    fake.failNext(/\/start/, "cut");
    fake.failNext(/\/containers\/[^/]+\/json/, "cut");
    await expect(provider.start(launch(2))).rejects.toMatchObject({ name: "ProviderError", kind: "unclear" });
    await until("the engine to be asked again", () => provider.status().state === "ok", 1_000);
    await provider.start(launch(2));
    expect(fake.containers.map(({ name, state }) => [name, state])).toEqual([
      ["worker-1", "running"],
      ["worker-2", "running"],
    ]);
    clock.pass(0);
  });

  it("is one start, however often it is asked for at once", async () => {
    const { fake, provider, launch } = world;
    await Promise.all([provider.start(launch(1)), provider.start(launch(1)), provider.start(launch(1))]);
    await provider.start(launch(1));
    expect(fake.calls.filter((call) => call.includes("/create"))).toHaveLength(1);
  });

  it("replaces what an ended launch left under its name", async () => {
    const { fake, provider, launch, until } = world;
    fake.add("worker-1", { ...LABELS, "hive.launch": "launch-0", "hive.name": "worker-1" }, "created");
    const started = provider.start(launch(1));
    await until("the second create", () => fake.calls.filter((call) => call.includes("/create")).length === 2, 500);
    await started;
    expect(fake.containers.map(({ spec }) => spec.Labels?.["hive.launch"])).toEqual(["launch-1"]);
  });

  it("fails where a stranger or a living launch has its name, and touches neither", async () => {
    const { fake, provider, launch } = world;
    fake.add("worker-1", { "hive.managed": "1", "hive.server": "server-2", "hive.launch": "launch-1" }, "exited");
    fake.add("worker-2", {}, "exited");
    fake.add("worker-3", { ...LABELS, "hive.launch": "launch-0", "hive.name": "worker-3" }, "running");
    const failed = { name: "ProviderError", kind: "taken" };
    await expect(provider.start(launch(1))).rejects.toMatchObject({
      ...failed,
      message: expect.stringContaining("worker-1 is taken by a container that is not this server's"),
    });
    await expect(provider.start(launch(2))).rejects.toMatchObject(failed);
    await expect(provider.start(launch(3))).rejects.toMatchObject({
      ...failed,
      message: expect.stringContaining("launch-0, which runs"),
    });
    expect(fake.containers).toHaveLength(3);
    expect(fake.calls.filter((call) => call.startsWith("DELETE"))).toEqual([]);
  });

  it("leaves nothing behind when the engine cannot start it", async () => {
    const { fake, provider, launch } = world;
    fake.failNext(/\/start/, { status: 500, message: "OCI runtime create failed: no such device" });
    await expect(provider.start(launch(1))).rejects.toMatchObject({
      kind: "failed",
      message: expect.stringContaining("no such device"),
    });
    expect(fake.containers).toEqual([]);
    expect(await provider.list()).toEqual([]);
  });

  it("says which image is missing, and that the disk is full", async () => {
    const { fake, provider, launch } = world;
    const needs = launch(1).pool;
    const own = launch(1, { pool: { ...needs, image: "my/image:2" } });
    await expect(provider.start(own)).rejects.toMatchObject({
      kind: "missing",
      message: expect.stringContaining("docker pull my/image:2"),
    });
    fake.failNext(/\/create/, { status: 500, message: "no space left on device" });
    await expect(provider.start(launch(1))).rejects.toMatchObject({
      kind: "failed",
      message: expect.stringContaining("docker system df"),
    });
  });

  it("takes no name that is no container's", async () => {
    const { fake, provider, launch } = world;
    for (const name of ["../up", "a b", "-x", "", "x".repeat(65)])
      await expect(provider.start(launch(1, { name }))).rejects.toMatchObject({ kind: "failed" });
    expect(fake.containers).toEqual([]);
  });
});

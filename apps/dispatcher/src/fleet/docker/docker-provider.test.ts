import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endOf } from "./container-watch.ts";
import { type DockerWorld, dockerWorld } from "./docker-provider.fixture.ts";
import type { InspectedContainer } from "./engine-replies.ts";

let world: DockerWorld;
beforeEach(async () => {
  world = await dockerWorld();
});
afterEach(() => world.close());

const OURS = { "hive.managed": "1", "hive.server": "server-1" };
const labelled = (number: number, server = "server-1"): Record<string, string> => ({
  "hive.managed": "1",
  "hive.server": server,
  "hive.pool": "default",
  "hive.launch": `launch-${number}`,
  "hive.name": `worker-${number}`,
  "hive.slot": String(number),
});

describe("a container's end", () => {
  it("is told once it is removed, with its code and last words, and its name is free by then", async () => {
    const { fake, provider, exits, lines, launch, until } = world;
    await provider.start(launch(1));
    fake.say("worker-1", "hello");
    fake.say("worker-1", "no socket there", "stdout");
    const names: string[][] = [];
    provider.onExit(() => names.push(fake.containers.map(({ name }) => name)));
    fake.exit("worker-1", 3);
    await until("the end", () => exits.length > 0);
    expect(exits).toEqual([
      {
        launchId: "launch-1",
        name: "worker-1",
        slot: 1,
        pool: "default",
        code: 3,
        signal: null,
        stopped: false,
        outOfMemory: false,
        outside: false,
        lastWords: "hello\nno socket there",
      },
    ]);
    expect(lines).toEqual(["worker-1: hello", "worker-1: no socket there"]);
    expect(names).toEqual([[]]);
    expect(await provider.list()).toEqual([]);
  });

  const state = (ExitCode: number, OOMKilled = false): InspectedContainer => ({
    Id: "1",
    Name: "/x",
    State: { Status: "exited", Running: false, OOMKilled, ExitCode, StartedAt: "" },
    Config: { Labels: {} },
  });

  it("says who is to blame: itself, its memory limit, or somebody outside", () => {
    const itself = { outOfMemory: false, outside: false };
    const outside = { outOfMemory: false, outside: true };
    expect(endOf(state(0), false)).toEqual({ code: 0, signal: null, ...itself });
    expect(endOf(state(1), false)).toEqual({ code: 1, signal: null, ...itself });
    expect(endOf(state(139), false)).toEqual({ code: null, signal: "SIGSEGV", ...itself });
    expect(endOf(state(137, true), false)).toEqual({
      code: null,
      signal: "SIGKILL",
      outOfMemory: true,
      outside: false,
    });
    expect(endOf(state(137), false)).toEqual({ code: null, signal: "SIGKILL", ...outside });
    expect(endOf(state(143), false)).toEqual({ code: null, signal: "SIGTERM", ...outside });
    // The engine found it dead when it started; it ended with the machine.
    expect(endOf(state(255), false)).toEqual({ code: 255, signal: null, ...outside });
    expect(endOf(state(1), true)).toEqual({ code: 1, signal: null, ...outside });
    expect(endOf(state(0, true), true)).toEqual({ code: 0, signal: null, ...itself });
    expect(endOf(null, false)).toEqual({ code: null, signal: null, ...outside });
  });

  it("is told once, also when the engine will not remove it for a while", async () => {
    const { fake, provider, exits, launch, until } = world;
    await provider.start(launch(1));
    for (let n = 0; n < 5; n += 1) fake.failNext(/^DELETE/, { status: 500, message: "device or resource busy" });
    fake.exit("worker-1", 0);
    await until("the end", () => exits.length > 0, 1_000);
    expect(fake.containers).toHaveLength(1);
    expect(await provider.list()).toEqual([]);
    await until("the reaper", () => fake.containers.length === 0, 10_000);
    await provider.stop("launch-1", 1_000);
    expect(exits).toHaveLength(1);
  });
});

describe("stopping", () => {
  it("asks with SIGTERM, and kills what does not leave in time", async () => {
    const { fake, clock, provider, exits, launch, until } = world;
    await provider.start(launch(1));
    const container = fake.container("worker-1");
    const leave = container.onSignal;
    container.onSignal = (signal) => signal === "SIGKILL" && leave(signal);
    const stopped = provider.stop("launch-1", 7_000);
    await until("the question", () => container.signals.length === 1);
    clock.pass(6_999);
    await provider.list();
    expect(container.signals).toEqual(["SIGTERM"]);
    clock.pass(1);
    await stopped;
    expect(container.signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(exits).toMatchObject([{ stopped: true, outside: false, signal: "SIGKILL" }]);
    await provider.stop("launch-1", 7_000);
    await provider.stop("launch-none", 7_000);
  });

  it("rejects when the engine goes away in the middle: nobody knows whether it left", async () => {
    const { fake, provider, launch, until } = world;
    await provider.start(launch(1));
    const container = fake.container("worker-1");
    container.onSignal = () => undefined;
    const stopped = provider.stop("launch-1", 7_000);
    await until("the question", () => container.signals.length === 1);
    await Promise.all([fake.away(), expect(stopped).rejects.toMatchObject({ name: "ProviderError", kind: "unclear" })]);
    await expect(provider.stop("launch-1", 7_000)).rejects.toMatchObject({ kind: "unclear" });
  });

  it("takes away a container that was made and never started", async () => {
    const { fake, provider } = world;
    fake.add("worker-1", labelled(1), "created");
    await provider.stop("launch-1", 1_000);
    expect(fake.containers).toEqual([]);
  });
});

describe("an engine that goes away", () => {
  it("is told with the reason and since when, and asked with growing pauses until it is back", async () => {
    const { fake, provider, launch, until } = world;
    const states: string[] = [];
    provider.onChange(() => states.push(provider.status().state));
    await provider.start(launch(1));
    expect(provider.status()).toEqual({ state: "ok" });
    await fake.away();
    await until("the loss to be seen", () => provider.status().state === "unreachable");
    await until("the reason", () => JSON.stringify(provider.status()).includes("HIVE_DOCKER_HOST"), 250);
    expect(provider.status()).toMatchObject({ since: expect.any(Number) });
    await expect(provider.list()).rejects.toThrow("No Docker Engine answers");
    await expect(provider.start(launch(2))).rejects.toMatchObject({ kind: "unclear" });
    expect(await provider.prepare(launch(2).pool)).toMatchObject({ ready: false, why: "unreachable" });
    await fake.back();
    await until("it to be back", () => provider.status().state === "ok", 1_000);
    expect(states.at(-1)).toBe("ok");
    await provider.start(launch(2));
    expect(await provider.list()).toHaveLength(2);
  });

  it("loses no worker that goes on, and no line of its log is told twice", async () => {
    const { fake, provider, exits, lines, launch, until } = world;
    await provider.start(launch(1));
    fake.say("worker-1", "one");
    fake.say("worker-1", "two");
    const waits = (): number => fake.calls.filter((call) => call.includes("/wait")).length;
    await until("the lines", () => lines.length === 2 && waits() === 1);
    await fake.away();
    await until("the loss to be seen", () => provider.status().state === "unreachable");
    fake.say("worker-1", "three, while away");
    await fake.back();
    await until("the rest", () => lines.length === 3, 1_000);
    expect(fake.calls.filter((call) => call.includes("/logs")).at(-1)).toContain("since=1767225600.000000002");
    fake.say("worker-1", "four");
    await until("what is new", () => lines.length === 4);
    expect(lines.map((line) => line.slice("worker-1: ".length))).toEqual(["one", "two", "three, while away", "four"]);
    await until("it to be followed again", () => waits() === 2);
    expect(exits).toEqual([]);
    // It crashes after the engine was back: that is its own doing.
    fake.exit("worker-1", 1);
    await until("the end", () => exits.length > 0);
    expect(exits).toMatchObject([{ code: 1, outside: false, lastWords: expect.stringContaining("four") }]);
  });

  it("blames nobody for workers that ended meanwhile, or are not there any more", async () => {
    const { fake, provider, exits, launch, until } = world;
    for (const number of [1, 2, 3]) await provider.start(launch(number));
    await fake.away();
    await until("the loss to be seen", () => provider.status().state === "unreachable");
    fake.exit("worker-1", 1);
    const gone = fake.containers as unknown[];
    gone.splice(1, 1);
    await fake.back();
    await until("two ends", () => exits.length === 2, 1_000);
    expect(exits.sort((a, b) => a.slot - b.slot)).toMatchObject([
      { name: "worker-1", code: 1, outside: true, stopped: false },
      { name: "worker-2", code: null, outside: true, stopped: false },
    ]);
    expect((await provider.list()).map(({ name }) => name)).toEqual(["worker-3"]);
  });
});

describe("the next life of a server", () => {
  it("finds its workers by their labels, and tells their ends", async () => {
    const { fake, provider, exits, launch, nextLife, until } = world;
    await provider.start(launch(1));
    await provider.start(launch(2));
    provider.close();
    fake.exit("worker-2", 0);
    const next = nextLife();
    expect(await next.list()).toEqual([{ launchId: "launch-1", name: "worker-1", slot: 1, pool: "default" }]);
    await until("the one that ended while nobody looked", () => exits.length === 1);
    expect(exits).toMatchObject([{ name: "worker-2", code: 0, outside: false, stopped: false }]);
    await next.start(launch(1));
    expect(fake.calls.filter((call) => call.includes("/create"))).toHaveLength(2);
    await next.stop("launch-1", 1_000);
    expect(exits).toHaveLength(2);
  });

  it("never touches what another server made", async () => {
    const { fake, provider, exits, nextLife, launch, clock, until } = world;
    await provider.start(launch(1));
    fake.add("exited", labelled(7, "server-9"), "exited");
    fake.add("created", labelled(8, "server-9"), "created", 0);
    fake.volumes.set("theirs", { "hive.managed": "1", "hive.server": "server-9" });
    fake.networks.set("theirs", {});
    const other = nextLife("server-2");
    expect(await other.list()).toEqual([]);
    await other.stop("launch-1", 1_000);
    clock.pass(0);
    await until("a look for leftovers", () => fake.calls.some((call) => call.includes("/networks")));
    expect(fake.containers.map(({ name }) => name)).toEqual(["worker-1", "exited", "created"]);
    expect([...fake.volumes.keys(), ...fake.networks.keys()]).toEqual(["theirs", "theirs"]);
    expect(exits).toEqual([]);
  });

  it("tells nothing after it was closed, and lets workers run", async () => {
    const { fake, provider, exits, launch } = world;
    await provider.start(launch(1));
    provider.close();
    expect(fake.container("worker-1").state).toBe("running");
    fake.exit("worker-1", 0);
    await new Promise(setImmediate);
    expect(exits).toEqual([]);
  });
});

describe("leftovers", () => {
  it("of this server go at boot and every minute: made and never started, volumes, networks, replaced images", async () => {
    const { fake, clock, provider, until } = world;
    const now = Date.now() / 1_000;
    fake.add("old", labelled(1), "created", now - 120);
    fake.add("young", labelled(2), "created", now);
    fake.add("unlabelled", OURS, "exited", now - 120);
    fake.volumes.set("ours", OURS).set("somebody's", {});
    fake.networks.set("ours", OURS).set("somebody's", {});
    fake.nameless
      .set("sha256:replaced", now - 3_600)
      .set("sha256:just-built", now)
      .set("sha256:in-use", now - 3_600);
    fake.failNext(/^DELETE .*in-use/, { status: 409, message: "image is being used by running container" });
    await provider.list();
    clock.pass(0);
    await until("the first look", () => fake.networks.size === 1);
    expect(fake.containers.map(({ name }) => name)).toEqual(["young"]);
    expect([...fake.volumes.keys()]).toEqual(["somebody's"]);
    expect([...fake.nameless.keys()]).toEqual(["sha256:just-built", "sha256:in-use"]);
    fake.volumes.set("later", OURS);
    await until("the next look", () => fake.volumes.size === 1 && fake.containers.length === 0, 61_000);
  });

  it("of handed out mirrors: a worker's folder goes with it; an empty one that nobody has mounted, after a minute", async () => {
    const { fake, clock, handouts, provider, exits, launch, until } = world;
    const made = (name: string, ageMs = 120_000): string => {
      const folder = join(handouts, name);
      mkdirSync(folder, { recursive: true });
      const at = new Date(Date.now() - ageMs);
      utimesSync(folder, at, at);
      return folder;
    };
    await provider.start(launch(1));
    await provider.start(launch(2));
    expect(statSync(join(handouts, "worker-1")).mode & 0o777).toBe(0o711);
    made("worker-1");
    made("worker-2");
    mkdirSync(join(handouts, "worker-2", "mirror.git"));
    made("orphan");
    writeFileSync(join(made("in-use"), "mirror"), "");
    made("young", 0);
    await provider.list();
    clock.pass(0);
    await until("the look", () => !readdirSync(handouts).includes("orphan"));
    expect(readdirSync(handouts).sort()).toEqual(["in-use", "worker-1", "worker-2", "young"]);
    fake.exit("worker-2", 0);
    await until("the end", () => exits.length > 0);
    expect(readdirSync(handouts)).not.toContain("worker-2");
  });
});

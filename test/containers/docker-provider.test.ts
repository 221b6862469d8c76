/** The docker provider on a real engine: the promises every provider makes, and those that only containers can keep. */
import { execFileSync, type StdioOptions } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../apps/dispatcher/src/clock.ts";
import { engineSocketPath } from "../../apps/dispatcher/src/fleet/docker/engine-address.ts";
import { findEngine } from "../../apps/dispatcher/src/fleet/docker/find-engine.ts";
import type { Provider } from "../../apps/dispatcher/src/fleet/provider.ts";
import { providerSuite } from "../../apps/dispatcher/src/fleet/provider.suite.ts";
import { until } from "../e2e/until.ts";
import { BASE_IMAGE } from "./engine/base-image.ts";
import { engineCall, engineJson } from "./engine/engine-api.ts";
import { type ProbeWorld, startProbes } from "./probe-worker.ts";
import { engine, isMissing } from "./test-engine.ts";

interface Listed {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const BUILT_TWICE = "hive-built-twice:test";

describe.skipIf(isMissing)("on a real engine", () => {
  const { socket } = engine;
  const docker = (dockerfile: string): void => {
    const env = { PATH: process.env["PATH"], DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: "0" };
    const stdio: StdioOptions = ["pipe", "ignore", "ignore"];
    execFileSync("docker", ["build", "--quiet", "--tag", BUILT_TWICE, "-"], { env, input: dockerfile, stdio });
  };

  providerSuite("docker", async () => {
    const world = await startProbes(socket);
    return {
      open: () => Promise.resolve(world.open()),
      launch: (does, name) => world.launch(does, name === undefined ? undefined : `${name}-${process.pid}`),
      untilUp: async (launch) => void (await world.said(launch, "up")),
      kill: async ({ name }) => void (await engineCall(socket, "POST", `/containers/${name}/kill?signal=SIGKILL`)),
      dispose: () => world.close(),
    };
  });

  describe("a worker's container", () => {
    let world: ProbeWorld;
    let provider: Provider;
    beforeAll(async () => {
      world = await startProbes(socket);
      provider = world.open();
      await provider.list();
    });
    afterAll(() => world.close());

    test("has its limits in force, seen from the inside", async () => {
      const launch = world.launch("looks");
      await provider.start(launch);
      const seen = JSON.parse(await world.said(launch, "saw ")) as Record<string, unknown>;
      // SETUID SETGID KILL CHOWN are bits 7, 6, 5 and 0.
      const capabilities = "00000000000000e1";
      expect(seen).toMatchObject({
        uid: 0,
        capabilities,
        bounding: capabilities,
        noNewPrivileges: "1",
        seccomp: "2",
        networks: ["lo"],
        oomScoreAdj: "500",
        root: "EROFS",
        mirror: "EROFS",
        server: [],
        serverWrite: "EROFS",
        closed: "700",
        fillWork: "ENOSPC",
        fillTmp: "ENOSPC",
        litter: "ENOSPC",
        files: "16384\n0",
        env: { HIVE_IMAGE: world.image, HIVE_IMAGE_DIGEST: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      });
      const mounts = new Map((seen["mounts"] as string[][]).map(([at, kind, options]) => [at, `${kind},${options},`]));
      expect(new Set(mounts.keys())).toEqual(new Set(["/run/hive", "/tmp", "/workspace"]));
      expect(mounts.get("/run/hive")).toMatch(/^tmpfs,rw,nosuid,nodev,noexec,/);
      for (const [at, kib] of [
        ["/workspace", 32_768],
        ["/tmp", 8_192],
      ] as const) {
        expect(mounts.get(at)).toMatch(/^tmpfs,rw,nosuid,nodev,/);
        expect(mounts.get(at)).toContain(`,size=${kib}k,`);
        expect(mounts.get(at)).not.toContain(",noexec,");
      }
      await world.exitOf(launch);
    });

    test("has its limits in force, as the engine tells them", async () => {
      const launch = world.launch("stays");
      await provider.start(launch);
      const { HostConfig, Config, Mounts } = await engineJson<{
        readonly HostConfig: Readonly<Record<string, unknown>>;
        readonly Config: Readonly<Record<string, unknown>>;
        readonly Mounts: readonly { readonly Type: string; readonly Destination: string; readonly RW: boolean }[];
      }>(socket, "GET", `/containers/${launch.name}/json`);
      const memory = 192 * 1024 * 1024;
      expect(HostConfig).toMatchObject({
        Memory: memory,
        MemorySwap: memory,
        NanoCpus: 500_000_000,
        PidsLimit: 80,
        NetworkMode: "none",
        Privileged: false,
        ReadonlyRootfs: true,
        Init: true,
        RestartPolicy: { Name: "no" },
      });
      expect(Config).toMatchObject({ User: "0:0", Labels: { "hive.managed": "1", "hive.launch": launch.launchId } });
      // The image declares a volume; it has become a tmpfs, and no folder of the host can be written to.
      expect(Mounts.filter(({ Type, RW }) => RW || Type !== "bind")).toEqual([]);
      await provider.stop(launch.launchId, 10_000);
    });

    test("that takes more memory than it has is ended, and said to be to blame", async () => {
      const launch = world.launch("eats");
      await provider.start(launch);
      expect(await world.exitOf(launch)).toMatchObject({
        code: null,
        signal: "SIGKILL",
        outOfMemory: true,
        outside: false,
      });
    });

    test("outlives a job that took all memory", async () => {
      const launch = world.launch("feeds a child");
      await provider.start(launch);
      expect(await world.exitOf(launch)).toMatchObject({
        code: 0,
        outOfMemory: false,
        lastWords: "the child was ended by SIGKILL",
      });
    });

    test("keeps the bytes and the order of what it says", async () => {
      const launch = world.launch("ends");
      await provider.start(launch);
      expect(await world.exitOf(launch)).toMatchObject({ code: 3, lastWords: "no server there" });
    });
  });

  test("leftovers go within a minute, and another server's stay", async () => {
    // Twenty minutes ahead: what was made just now is old enough to be nobody's.
    const world = await startProbes(socket, { ...systemClock, wall: () => Date.now() + 1_200_000 });
    const label = (server: string): object => ({ "hive.managed": "1", "hive.server": server });
    const [ours, theirs] = [`ours-${process.pid}`, `theirs-${process.pid}`];
    const make = async (server: string): Promise<void> => {
      const created = { Image: world.image, Labels: label(server) };
      await engineCall(socket, "POST", `/containers/create?name=left-${server}`, created);
      await engineCall(socket, "POST", `/containers/left-${server}/start`);
      await engineCall(socket, "POST", `/containers/left-${server}/kill`);
      await engineCall(socket, "POST", "/volumes/create", { Name: `left-${server}`, Labels: label(server) });
      await engineCall(socket, "POST", "/networks/create", { Name: `left-${server}`, Labels: label(server) });
    };
    const left = async (): Promise<readonly string[]> => {
      const filters = encodeURIComponent(JSON.stringify({ label: ["hive.managed=1"] }));
      const all = await Promise.all([
        engineJson<readonly Listed[]>(socket, "GET", `/containers/json?all=1&filters=${filters}`),
        engineJson<{ readonly Volumes: readonly Listed[] | null }>(socket, "GET", `/volumes?filters=${filters}`),
        engineJson<readonly Listed[]>(socket, "GET", `/networks?filters=${filters}`),
      ]);
      const kinds = [all[0], all[1].Volumes ?? [], all[2]];
      return kinds.flat().map(({ Labels }) => Labels?.["hive.server"] ?? "");
    };
    try {
      await make(ours);
      await make(theirs);
      // Two builds under one name: the first one has lost it.
      for (const source of ["old", "new"]) docker(`FROM ${BASE_IMAGE}\nLABEL hive.source=${source}-${process.pid}`);
      const provider = world.open(ours);
      await provider.list();
      await until("what is ours to be gone", async () => !(await left()).includes(ours), { limitMs: 30_000 });
      expect((await left()).filter((server) => server === theirs)).toHaveLength(3);
      const sources = async (): Promise<readonly string[]> =>
        (await engineJson<readonly Listed[]>(socket, "GET", "/images/json?all=1")).map(
          (image) => image.Labels?.["hive.source"] ?? "",
        );
      await until("the replaced image to be gone", async () => !(await sources()).includes(`old-${process.pid}`));
      expect(await sources()).toContain(`new-${process.pid}`);
    } finally {
      await engineCall(socket, "DELETE", `/images/${BUILT_TWICE}`).catch(() => undefined);
      await world.open(theirs).list();
      await until("the rest to be gone", async () => !(await left()).includes(theirs), { limitMs: 30_000 });
      await world.close();
    }
  });

  test("an engine is found and told, and one that is not there too", async () => {
    const world = await startProbes(socket);
    expect(await findEngine(world.engine)).toMatchObject({
      usable: true,
      about: expect.stringMatching(/^Docker \d+\./),
    });
    expect(engineSocketPath(world.engine.address)).toBe(socket);
    await world.close();
  });
});

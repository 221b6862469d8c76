import { describe, expect, it } from "vitest";
import type { Launch, PoolNeeds } from "../provider.ts";
import { containerSpec } from "./container-spec.ts";
import type { WorkerImage } from "./worker-image.ts";

const POOL: PoolNeeds = {
  name: "big",
  image: null,
  cpus: 1.5,
  memoryBytes: 2_000_000_000,
  diskBytes: 800_000_000,
  pids: 300,
};
const LAUNCH: Launch = {
  launchId: "launch-7",
  name: "hive-big-1",
  slot: 3,
  pool: POOL,
  env: { HIVE_WORKER_NAME: "hive-big-1", HIVE_SOCKET: "/elsewhere", HIVE_PROVIDER: "docker" },
};
const IMAGE: WorkerImage = { name: "hive-worker", digest: "sha256:abc", volumes: [] };
const FOLDERS = { run: "/data/run", handouts: "/data/mirrors/handouts" };

function specOf(pool: Partial<PoolNeeds> = {}, image = IMAGE): ReturnType<typeof containerSpec> {
  return containerSpec({ ...LAUNCH, pool: { ...POOL, ...pool } }, image, "server-1", FOLDERS);
}

describe("what a worker's container may do", () => {
  it("is exactly this: whoever loosens it changes this test too", () => {
    expect(specOf()).toEqual({
      Image: "hive-worker",
      Hostname: "hive-big-1",
      User: "0:0",
      Env: [
        "HIVE_WORKER_NAME=hive-big-1",
        "HIVE_SOCKET=/run/hive/server/dispatcher.sock",
        "HIVE_PROVIDER=docker",
        "HIVE_CONTACT_FILE=/run/hive/contact",
        "HIVE_WORKER_DATA=/workspace",
        "HIVE_MIRROR_HANDOUTS=/mirrors",
        "HIVE_AGENT_PROCESSES=236",
        "HIVE_IMAGE=hive-worker",
        "HIVE_IMAGE_DIGEST=sha256:abc",
      ],
      Labels: {
        "hive.managed": "1",
        "hive.server": "server-1",
        "hive.pool": "big",
        "hive.launch": "launch-7",
        "hive.name": "hive-big-1",
        "hive.slot": "3",
      },
      Tty: false,
      OpenStdin: false,
      Healthcheck: { Test: ["NONE"] },
      StopSignal: "SIGTERM",
      StopTimeout: 15,
      HostConfig: {
        NetworkMode: "none",
        CapDrop: ["ALL"],
        CapAdd: ["SETUID", "SETGID", "KILL", "CHOWN"],
        SecurityOpt: ["no-new-privileges"],
        Privileged: false,
        IpcMode: "private",
        PidMode: "",
        ReadonlyRootfs: true,
        Tmpfs: {
          "/run/hive": "rw,nosuid,nodev,noexec,mode=0700,size=4194304,nr_inodes=256",
          "/workspace": "rw,nosuid,nodev,exec,mode=0755,size=800000000,nr_inodes=97656",
          "/tmp": "rw,nosuid,nodev,exec,mode=1777,size=200000000,nr_inodes=24414",
        },
        ShmSize: 67_108_864,
        Mounts: [
          {
            Type: "bind",
            Source: "/data/run",
            Target: "/run/hive/server",
            ReadOnly: true,
            BindOptions: { Propagation: "rprivate" },
          },
          {
            Type: "bind",
            Source: "/data/mirrors/handouts/hive-big-1",
            Target: "/mirrors/handouts/hive-big-1",
            ReadOnly: true,
            BindOptions: { Propagation: "rprivate" },
          },
        ],
        Init: true,
        PidsLimit: 300,
        Memory: 2_000_000_000,
        MemorySwap: 2_000_000_000,
        NanoCpus: 1_500_000_000,
        OomScoreAdj: 500,
        Ulimits: [
          { Name: "nofile", Soft: 16_384, Hard: 16_384 },
          { Name: "core", Soft: 0, Hard: 0 },
        ],
        RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
        LogConfig: { Type: "json-file", Config: { "max-size": "4m", "max-file": "2" } },
        PublishAllPorts: false,
      },
    });
  });

  it("has limits on processes and on what is written also where the pool says none", () => {
    const none = specOf({ cpus: null, memoryBytes: null, diskBytes: null, pids: null });
    expect(none).toMatchObject({ HostConfig: { PidsLimit: 1_024, Tmpfs: { "/workspace": sized(4 * 2 ** 30) } } });
    expect(JSON.stringify(none)).not.toMatch(/Memory"|MemorySwap|NanoCpus/);
    const memoryOnly = specOf({ memoryBytes: 2 ** 30, diskBytes: null });
    expect(memoryOnly).toMatchObject({
      HostConfig: { Tmpfs: { "/workspace": sized(2 ** 29), "/tmp": sized(2 ** 27) } },
    });
  });

  it("leaves the supervisor room below the container's process limit", () => {
    const processes = (pids: number): string | undefined =>
      /HIVE_AGENT_PROCESSES=(\d+)/.exec(JSON.stringify(specOf({ pids })))?.[1];
    expect([64, 100, 1_024].map(processes)).toEqual(["32", "50", "960"]);
  });

  it("turns an image's volumes, which would be host folders without a limit, into small tmpfs", () => {
    const spec = specOf({}, { ...IMAGE, volumes: ["/var/lib/thing"] });
    expect(spec).toMatchObject({ HostConfig: { Tmpfs: { "/var/lib/thing": sized(200_000_000) } } });
  });

  it("mounts no mirrors where there are none", () => {
    const spec = containerSpec(LAUNCH, IMAGE, "server-1", { run: "/data/run", handouts: null });
    expect(JSON.stringify(spec)).not.toContain("mirrors");
  });
});

function sized(bytes: number): unknown {
  return expect.stringContaining(`,size=${bytes},`);
}

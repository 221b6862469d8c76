/**
 * What a worker's container may do: the whole of it in one place. An agent in it is hostile until proven otherwise, so
 * everything is closed and each opening has its reason here. A test pins every field.
 *
 * There is no network device but loopback; the way out is the socket in `/run/hive/server`, which only the supervisor
 * (root, four capabilities) can reach, because `/run/hive` is closed to others. The root file system is the image's and
 * read-only. What is writable is memory with a limit: it counts as the container's memory, is gone with the container,
 * and cannot fill the host's disk.
 */

import type { Launch } from "../provider.ts";
import type { WorkerImage } from "./worker-image.ts";

/** What carries this label is Hive's; which server's, says {@link SERVER_LABEL}. */
const MANAGED_LABEL = "hive.managed";
/** The installation id of the server that made it: nobody else touches it. */
export const SERVER_LABEL = "hive.server";
export const LAUNCH_LABEL = "hive.launch";
export const NAME_LABEL = "hive.name";
export const SLOT_LABEL = "hive.slot";
export const POOL_LABEL = "hive.pool";

/** Folders of this machine that a worker sees, absolute. */
export interface HostFolders {
  /** Holds the dispatcher's socket (`HIVE_RUN`). */
  readonly run: string;
  /** Holds a folder for each worker with the mirrors handed to it; null: there are no mirrors. */
  readonly handouts: string | null;
}

const MIB = 1024 * 1024;
/** Processes and threads of a container whose pool does not say. npm and compilers take some hundred. */
const DEFAULT_PIDS = 1_024;
/** What `/workspace` holds where the pool says neither disk nor memory. */
const DEFAULT_DISK_BYTES = 4_096 * MIB;
/** `/tmp` beside `/workspace`: a quarter of it, and at most this. */
const MAX_TMP_BYTES = 1_024 * MIB;
/** What the supervisor itself needs of the process limit: itself with its threads, tini, git, and one to spare. */
const SUPERVISOR_PIDS = 64;
/** The kernel keeps about a kilobyte for each file of a tmpfs; the usual dependency folder has files of 8 KiB. */
const BYTES_PER_FILE = 8_192;
const MAX_FILES = 1_000_000;
/** Seconds between SIGTERM and SIGKILL where others stop the container: docker stop, or an engine that shuts down. */
const STOP_SECONDS = 15;

/** Labels of everything this server makes in an engine. */
export function serverLabels(serverId: string): Readonly<Record<string, string>> {
  return { [MANAGED_LABEL]: "1", [SERVER_LABEL]: serverId };
}

/** The body of the engine's create call for one launch. */
export function containerSpec(launch: Launch, image: WorkerImage, serverId: string, folders: HostFolders): object {
  const { pool, name } = launch;
  const pids = pool.pids ?? DEFAULT_PIDS;
  const disk = pool.diskBytes ?? (pool.memoryBytes === null ? DEFAULT_DISK_BYTES : Math.floor(pool.memoryBytes / 2));
  const tmp = Math.min(Math.floor(disk / 4), MAX_TMP_BYTES);
  const files = Math.min(Math.max(Math.floor(disk / BYTES_PER_FILE), 10_000), MAX_FILES);
  const scratch = `rw,nosuid,nodev,exec,mode=1777,size=${tmp},nr_inodes=${Math.ceil(files / 4)}`;
  const mounts = [bind(folders.run, "/run/hive/server")];
  if (folders.handouts !== null) mounts.push(bind(handoutsOf(folders.handouts, name), `/mirrors/handouts/${name}`));
  return {
    Image: image.name,
    Hostname: name,
    // Whatever the image says: the supervisor starts as root to be able to start jobs as somebody without any rights.
    User: "0:0",
    Env: Object.entries({
      ...launch.env,
      HIVE_SOCKET: "/run/hive/server/dispatcher.sock",
      HIVE_CONTACT_FILE: "/run/hive/contact",
      HIVE_WORKER_DATA: "/workspace",
      ...(folders.handouts === null ? {} : { HIVE_MIRROR_HANDOUTS: "/mirrors" }),
      // Below the container's limit: a job that makes processes without end hits its own limit, and the supervisor can
      // still start what it needs to end the job.
      HIVE_AGENT_PROCESSES: String(Math.max(pids - SUPERVISOR_PIDS, Math.ceil(pids / 2), 16)),
      HIVE_IMAGE: image.name,
      HIVE_IMAGE_DIGEST: image.digest,
    }).map(([key, value]) => `${key}=${value}`),
    Labels: {
      ...serverLabels(serverId),
      [POOL_LABEL]: pool.name,
      [LAUNCH_LABEL]: launch.launchId,
      [NAME_LABEL]: name,
      [SLOT_LABEL]: String(launch.slot),
    },
    Tty: false,
    OpenStdin: false,
    // The fleet knows from the worker's own calls whether it lives; the image's check is for people without a fleet.
    Healthcheck: { Test: ["NONE"] },
    StopSignal: "SIGTERM",
    StopTimeout: STOP_SECONDS,
    HostConfig: {
      NetworkMode: "none",
      // All four are for the supervisor: to start, stop and own the files of jobs that run as somebody else.
      CapDrop: ["ALL"],
      CapAdd: ["SETUID", "SETGID", "KILL", "CHOWN"],
      SecurityOpt: ["no-new-privileges"],
      Privileged: false,
      IpcMode: "private",
      PidMode: "",
      ReadonlyRootfs: true,
      Tmpfs: {
        // An image's VOLUMEs would be writable folders of the host without a limit.
        ...Object.fromEntries(image.volumes.map((path) => [path, scratch])),
        "/run/hive": "rw,nosuid,nodev,noexec,mode=0700,size=4194304,nr_inodes=256",
        "/workspace": `rw,nosuid,nodev,exec,mode=0755,size=${disk},nr_inodes=${files}`,
        "/tmp": scratch,
      },
      ShmSize: 64 * MIB,
      Mounts: mounts,
      // A small init as process 1: it waits for orphans, which a job leaves as a matter of course.
      Init: true,
      PidsLimit: pids,
      ...(pool.memoryBytes === null ? {} : { Memory: pool.memoryBytes, MemorySwap: pool.memoryBytes }),
      ...(pool.cpus === null ? {} : { NanoCpus: Math.round(pool.cpus * 1e9) }),
      // When the host itself runs out of memory, workers go before the server and everything else.
      OomScoreAdj: 500,
      Ulimits: [
        { Name: "nofile", Soft: 16_384, Hard: 16_384 },
        { Name: "core", Soft: 0, Hard: 0 },
      ],
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      LogConfig: { Type: "json-file", Config: { "max-size": "4m", "max-file": "2" } },
      PublishAllPorts: false,
    },
  };
}

/** The folder of this machine where the mirrors of one worker are handed out. */
export function handoutsOf(handouts: string, name: string): string {
  return `${handouts}/${name}`;
}

/** A mount, not a "bind" string: a path that is missing is an error, where the other would be made as root's. */
function bind(source: string, target: string): object {
  return { Type: "bind", Source: source, Target: target, ReadOnly: true, BindOptions: { Propagation: "rprivate" } };
}

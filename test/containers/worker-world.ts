/**
 * A worker's container as the fleet makes it, against a scripted dispatcher of the test's: what crosses the socket can
 * be looked at, and no rule of the real server hides what the worker does.
 */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FinishRequest, LeasedJob, LeaseGrant } from "@hive/protocol";
import { containerSpec } from "../../apps/dispatcher/src/fleet/docker/container-spec.ts";
import type { PoolNeeds } from "../../apps/dispatcher/src/fleet/provider.ts";
import { type GitWorld, startGitWorld } from "../../apps/worker/src/git/git-fixture.ts";
import {
  type ScriptedDispatcher,
  startScriptedDispatcher,
} from "../../apps/worker/src/loops/scripted-dispatcher.fixture.ts";
import { type SocketServer, startSocketServer } from "../../apps/worker/src/way/socket-server.fixture.ts";
import { until } from "../e2e/until.ts";
import { engineCall, engineJson } from "./engine/engine-api.ts";
import type { TestEngine } from "./global-setup.ts";

/** What no job may ever see; nothing else in the world is spelled like it. */
export const LAUNCH_CANARY = "launch-canary-9b1f77";

const MIB = 1024 * 1024;
const POOL: PoolNeeds = {
  name: "default",
  image: null,
  cpus: null,
  memoryBytes: 512 * MIB,
  diskBytes: 192 * MIB,
  pids: 256,
};

/** A container with a worker in it. */
export interface WorkerContainer {
  readonly id: string;
  /** What it said so far, as `docker logs` shows it. */
  logs(): string;
  /** Runs a command in it as root with the container's capabilities, and answers what it printed. */
  exec(...argv: string[]): string;
  /** As `docker stop`: SIGTERM, and SIGKILL after 15 s. */
  stop(): Promise<void>;
  /** Its exit code, once it has ended. */
  exitCode(): Promise<number>;
}

/** Everything around the containers of one test file. */
export interface WorkerWorld {
  readonly git: GitWorld;
  readonly dispatcher: ScriptedDispatcher;
  readonly server: SocketServer;
  start(env?: Readonly<Record<string, string>>, pool?: Partial<PoolNeeds>): Promise<WorkerContainer>;
  /** Offers a script job of a new repository. */
  offer(jobId: string, script: string, more?: Partial<LeasedJob>): Promise<LeaseGrant>;
  /** The end of a job as the dispatcher was told it. */
  end(grant: LeaseGrant): Promise<FinishRequest["outcome"]>;
  logOf(grant: LeaseGrant): string;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startWorkerWorld(engine: TestEngine): Promise<WorkerWorld> {
  const { socket, workerImage } = engine;
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", DOCKER_HOST: `unix://${socket}` };
  const docker = (...args: string[]): string =>
    execFileSync("docker", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const git = await startGitWorld();
  const dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: git.credential, githubApiUrl: null };
  const folder = await mkdtemp(join(tmpdir(), "hive-worker-world-"));
  await chmod(folder, 0o755);
  await mkdir(join(folder, "run"), { mode: 0o755 });
  const server = await startSocketServer(join(folder, "run", "dispatcher.sock"), dispatcher.url);
  const { Id: digest } = await engineJson<{ Id: string }>(socket, "GET", `/images/${workerImage}/json`);
  const started: string[] = [];
  const endings = new Map<string, FinishRequest["outcome"]>();
  dispatcher.on("leaseFinish", (call) => {
    if (call.token !== null) endings.set(call.token, (call.body as FinishRequest).outcome);
    return undefined;
  });

  return {
    git,
    dispatcher,
    server,
    async start(more = {}, pool = {}) {
      const name = `hive-worker-${started.length + 1}`;
      const spec = containerSpec(
        {
          launchId: `world-${started.length}`,
          name,
          slot: started.length,
          pool: { ...POOL, ...pool },
          env: {
            HIVE_PROVIDER: "docker",
            HIVE_WORKER_NAME: name,
            HIVE_WORKER_SLOT: String(started.length),
            HIVE_LAUNCH_TOKEN: LAUNCH_CANARY,
            ...more,
          },
        },
        { name: workerImage, digest, volumes: [] },
        `world-${process.pid}`,
        { run: join(folder, "run"), handouts: null },
      );
      const { Id: id } = await engineJson<{ Id: string }>(socket, "POST", "/containers/create", spec);
      started.push(id);
      await engineCall(socket, "POST", `/containers/${id}/start`);
      const state = async () =>
        (await engineJson<{ State: { Running: boolean; ExitCode: number } }>(socket, "GET", `/containers/${id}/json`))
          .State;
      return {
        id,
        logs: () => execFileSync("sh", ["-c", `docker logs ${id} 2>&1`], { env, encoding: "utf8" }),
        exec: (...argv) => docker("exec", id, ...argv),
        stop: async () => void (await engineCall(socket, "POST", `/containers/${id}/stop?t=15`)),
        exitCode: () =>
          until("the container to end", async () => {
            const { Running, ExitCode } = await state();
            return Running ? null : { ExitCode };
          }).then(({ ExitCode }) => ExitCode),
      };
    },
    async offer(jobId, script, more = {}) {
      const repo = `${jobId}.git`;
      await git.makeRepo(repo);
      return dispatcher.offer({ jobId, repo: `${git.server.url}/${repo}`, script, ...more });
    },
    end: (grant) =>
      until(`the end of ${grant.job.jobId}`, () => endings.get(grant.token), {
        limitMs: 250_000,
        more: () => dispatcher.log.get(grant.fence)?.toString().slice(-4_000) ?? "",
      }),
    logOf: (grant) => dispatcher.log.get(grant.fence)?.toString() ?? "",
    async stop() {
      for (const id of started) {
        await engineCall(socket, "DELETE", `/containers/${id}?force=true&v=true`).catch(() => undefined);
      }
      await server.leave();
      await dispatcher.close();
      await git.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

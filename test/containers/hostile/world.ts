/**
 * The two worlds a hostile job is put into: the fleet (a dispatcher on this machine that starts a container for each
 * job) and compose (the quick start's named workers, which go on from job to job). Both give a test the same things, so
 * that one list of attacks runs through both.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHive, type HiveClient, type JobDetail, type NewJobRequest } from "@hive/sdk";
import { checkout } from "../../../scripts/checkout.ts";
import { type Files, type GitHost, startGitHost } from "../../e2e/git-host.ts";
import { plainEnvironment } from "../../e2e/hive-process.ts";
import { until } from "../../e2e/until.ts";
import { engineJson } from "../engine/engine-api.ts";
import { startFleetHive, untilEngineIsEmpty } from "../fleet-hive.ts";
import type { TestEngine } from "../global-setup.ts";

/** What a job is given to push with; nothing else of it may ever see it. */
export const GIT_TOKEN = "ghp_hostile0Canary1Token2For3Container4Tests";
/** A provider's key of the server. */
const PROVIDER_KEY = "sk-ant-canary-of-the-container-tests-0123456789";
/** Jobs with this label come to the one worker that is watched. */
const LABEL = "victim";

/** A job that ended, and what is known of it. */
export interface Ended {
  readonly job: JobDetail;
  readonly log: string;
  /** Log and error together, for the message of a test that fails. */
  readonly told: string;
  /** Hosts that were refused to it, as `host:port reason`. */
  readonly blocked: readonly string[];
}

/** What every world has. */
export interface World {
  readonly kind: "fleet" | "compose";
  readonly hive: HiveClient;
  readonly git: GitHost;
  /** Values that no job may find anywhere. */
  readonly secrets: readonly string[];
  /** Addresses of the dispatcher's own API, from wherever somebody may try: `host:port`. */
  readonly dispatchers: readonly string[];
  /** A server in a container of the same engine, and this machine's own: `host:port`. Nobody may reach them. */
  readonly neighbours: readonly string[];
  /** Connections that reached this machine's trap. */
  trapped(): number;
  /** Puts a script in under this name, which is also its repository's, and waits for its end. As another task an agent runs it. */
  run(name: string, script: string, more?: Partial<NewJobRequest> & { readonly files?: Files }): Promise<Ended>;
  /** Begins one; for attacks that need something done meanwhile. */
  begin(name: string, script: string, more?: Partial<NewJobRequest> & { readonly files?: Files }): Promise<string>;
  end(jobId: string): Promise<Ended>;
  /** The log as it is now. */
  logOf(jobId: string): Promise<string>;
  /** The container a job of this world runs in now. */
  container(): Promise<string>;
  /** What must never change: the server, and a worker that is not one-shot. */
  alive(): Promise<string>;
  dispose(): Promise<void>;
}

/** Runs the docker program against the test's engine. */
export function docker(engine: Pick<TestEngine, "socket">, ...args: string[]): string {
  return execFileSync("docker", args, {
    env: plainEnvironment({ DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: "0" }),
    encoding: "utf8",
    stdio: "pipe",
  }).trim();
}

interface Ground {
  readonly git: GitHost;
  readonly neighbours: readonly string[];
  readonly trapped: () => number;
  dispose(): Promise<void>;
}

/** What both worlds stand on: a git host, a neighbour, and a trap where the host listens. */
async function makeGround(engine: TestEngine): Promise<Ground> {
  const git = await startGitHost({ "x-access-token": { password: GIT_TOKEN } }, engine.hostAddress);
  let touched = 0;
  const trap: Server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  // The usual port: a list that allows a host without naming a port allows this one.
  await new Promise<void>((done) => trap.listen(80, engine.hostAddress, done));
  const program = 'require("net").createServer((s) => s.end("HTTP/1.1 200 OK\\r\\n\\r\\n")).listen(80)';
  const id = docker(engine, "run", "--detach", "--rm", "--entrypoint", "node", engine.workerImage, "-e", program);
  const address = docker(engine, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", id);
  return {
    git,
    neighbours: [`${engine.hostAddress}:80`, `${address}:80`],
    trapped: () => touched,
    async dispose() {
      docker(engine, "rm", "--force", id);
      await new Promise((done) => trap.close(done));
      await git.stop();
    },
  };
}

/** The part of a world that only needs to know where the server is. */
function jobsOf(
  kind: World["kind"],
  { git }: Ground,
  server: { readonly url: string; readonly token: string; readonly hive: HiveClient },
): Pick<World, "run" | "begin" | "end" | "logOf"> {
  const get = async (path: string): Promise<Response> =>
    fetch(server.url + path, { headers: { authorization: `Bearer ${server.token}` } });
  const logOf = async (jobId: string): Promise<string> => (await get(`/v1/jobs/${jobId}/logs`)).text();
  const world: Pick<World, "run" | "begin" | "end" | "logOf"> = {
    logOf,
    async begin(name, script, { files, task = "script", ...more } = {}) {
      const repo = git.makeRepo(`${kind}/${name}.git`, files);
      const { jobId } = await server.hive.enqueue({
        jobId: `${kind}-${name}`,
        repo,
        // An attack that fails is no reason to stop trying. An agent is told what to do by its instructions.
        ...(task === "script"
          ? { task, script: `set +e +o pipefail\n${script}` }
          : { task, agent: "command", instructions: `#!HOSTILE\n${script}\n#!END` }),
        githubToken: GIT_TOKEN,
        labels: [LABEL],
        // An attack is made once: what it did to the worker must not be hidden by a second try.
        maxAttempts: 1,
        timeoutMs: 120_000,
        ...more,
      });
      return jobId;
    },
    async end(jobId) {
      const job = await server.hive.wait(jobId, { held: true, signal: AbortSignal.timeout(170_000) });
      const log = await logOf(jobId);
      const { events } = (await (await get(`/v1/jobs/${jobId}/events`)).json()) as {
        readonly events: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
      };
      const blocked = events
        .filter(({ type }) => type === "job.egress_blocked")
        .map(({ data }) => `${String(data["host"])}:${String(data["port"])} ${String(data["reason"])}`);
      const told = `${log}\n${JSON.stringify(job.error)} ${blocked.join(", ")}`;
      return { job, log, told, blocked };
    },
    run: async (name, script, more) => world.end(await world.begin(name, script, more)),
  };
  return world;
}

/** All values of a `secrets.env`. */
function valuesOf(secretsFile: string): string[] {
  return [...secretsFile.matchAll(/^export \w+=["']?([^"'\n]+)/gm)].map(([, value = ""]) => value);
}

/** A dispatcher on this machine whose only pool has one container at a time. */
export async function startFleetWorld(engine: TestEngine): Promise<World> {
  const ground = await makeGround(engine);
  const server = await startFleetHive(engine, {
    env: {
      ANTHROPIC_API_KEY: PROVIDER_KEY,
      HIVE_ALLOW_PRIVATE_ADDRESSES: `${engine.hostAddress}/32`,
      HIVE_AGENT_COMMAND: AGENT,
    },
    yaml: [
      "pools:",
      "  - { name: victims, max: 1, memory: 2g, disk: 1g, pids: 512, cpus: 2,",
      `      labels: [${LABEL}], egress: ["*"] }`,
    ].join("\n"),
  });
  return {
    ...jobsOf("fleet", ground, server),
    kind: "fleet",
    hive: server.hive,
    git: ground.git,
    secrets: [GIT_TOKEN, PROVIDER_KEY, ...valuesOf(readFileSync(join(server.data, "secrets.env"), "utf8"))],
    dispatchers: [`127.0.0.1:${server.port}`, `localhost:${server.port}`, `${engine.hostAddress}:${server.port}`],
    neighbours: ground.neighbours,
    trapped: ground.trapped,
    container: async () => {
      const running = await engineJson<readonly { readonly Id: string }[]>(
        engine.socket,
        "GET",
        `/containers/json?filters=${encodeURIComponent(JSON.stringify({ label: ["hive.pool=victims"] }))}`,
      );
      const [one] = running;
      if (one === undefined || running.length > 1) throw new Error(`${running.length} containers`);
      return one.Id;
    },
    alive: () => Promise.resolve(String(server.pid())),
    async dispose() {
      await server.dispose();
      await untilEngineIsEmpty(engine.socket, 60_000);
      await ground.dispose();
    },
  };
}

/** The quick start of compose, from a clone. */
export async function startComposeWorld(engine: TestEngine): Promise<World> {
  const ground = await makeGround(engine);
  const folder = mkdtempSync(join(tmpdir(), "hive-hostile-"));
  execFileSync("git", ["clone", "--quiet", checkout, folder]);
  const compose = (...args: string[]): void => {
    execFileSync("docker-compose", args, {
      cwd: folder,
      env: plainEnvironment({
        DOCKER_HOST: `unix://${engine.socket}`,
        HOME: folder,
        HIVE_BIND: engine.engineAddress,
        HIVE_WORKER_IMAGE: engine.workerImage,
        HIVE_DISPATCHER_IMAGE: engine.dispatcherImage,
        HIVE_WORKER_1_LABELS: LABEL,
        HIVE_WORKER_MEMORY: "3g",
        HIVE_WORKER_DISK: "1g",
        HIVE_ALLOW_PRIVATE_ADDRESSES: `${engine.hostAddress}/32`,
        HIVE_EGRESS: "*",
        HIVE_AGENT_COMMAND: AGENT,
        ANTHROPIC_API_KEY: PROVIDER_KEY,
      }),
      stdio: "pipe",
    });
  };
  const dispose = async (): Promise<void> => {
    compose("down", "--volumes", "--remove-orphans", "--timeout", "1");
    rmSync(folder, { recursive: true, force: true });
    await ground.dispose();
  };
  try {
    compose("up", "--detach", "--no-build");
    const url = `http://${engine.engineAddress}:8099`;
    const workers = async (): Promise<boolean> => {
      const reply = await fetch(`${url}/health`).catch(() => null);
      return reply !== null && ((await reply.json()) as { workers: { total: number } }).workers.total === 2;
    };
    await until("two workers", workers, { limitMs: 90_000, more: () => docker(engine, "logs", "hive-dispatcher") });
    const token = docker(engine, "exec", "hive-dispatcher", "hive", "token");
    const hive = createHive({ url, token });
    const secretsFile = docker(engine, "exec", "hive-dispatcher", "cat", "/var/lib/hive/secrets.env");
    const own = docker(
      engine,
      "inspect",
      "--format",
      "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
      "hive-dispatcher",
    );
    return {
      ...jobsOf("compose", ground, { url, token, hive }),
      kind: "compose",
      hive,
      git: ground.git,
      secrets: [GIT_TOKEN, PROVIDER_KEY, token, ...valuesOf(secretsFile)],
      dispatchers: [
        "127.0.0.1:8099",
        "localhost:8099",
        "hive-dispatcher:8099",
        `${own}:8099`,
        `${engine.engineAddress}:8099`,
      ],
      neighbours: ground.neighbours,
      trapped: ground.trapped,
      container: () => Promise.resolve("hive-worker-1"),
      alive: () =>
        Promise.resolve(
          ["hive-dispatcher", "hive-worker-1", "hive-worker-2"]
            .map((name) =>
              docker(engine, "inspect", "--format", "{{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}", name),
            )
            .join("\n"),
        ),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The `command` agent of both: it does what its instructions say, as a shell would. */
const AGENT = `sed -n '/^#!HOSTILE$/,/^#!END$/p' "$HIVE_PROMPT_FILE" | bash`;

/**
 * A stand-in for the worker that does what a test asks for: it stays, ends, eats memory, or looks around and says what
 * it may do. In the same container as the real one, on a real engine.
 */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../apps/dispatcher/src/clock.ts";
import { createDockerProvider } from "../../apps/dispatcher/src/fleet/docker/docker-provider.ts";
import { createEngine, type Engine } from "../../apps/dispatcher/src/fleet/docker/engine.ts";
import { createWorkerImages } from "../../apps/dispatcher/src/fleet/docker/worker-image.ts";
import type { Exit, Launch, PoolNeeds, Provider } from "../../apps/dispatcher/src/fleet/provider.ts";
import { until } from "../e2e/until.ts";
import { BASE_IMAGE } from "./engine/base-image.ts";

/** What a probe does, in its variable DOES. */
export type ProbeDoes = "stays" | "ends" | "ignores" | "looks" | "eats" | "feeds a child";

const PROBE = `
const fs = require("node:fs"), os = require("node:os");
const does = process.env.DOES;
const tried = (what) => { try { return String(what()); } catch (error) { return error.code ?? error.message; } };
const eat = () => { const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1)); };
if (does === "ends") { console.error("no server there"); process.exit(3); }
if (does === "eats") eat();
if (does === "a child") eat();
if (does === "feeds a child") {
  const { signal } = require("node:child_process").spawnSync(process.execPath, ["-e", fs.readFileSync("/probe.js", "utf8")],
    { env: { DOES: "a child" }, stdio: "inherit" });
  console.error("the child was ended by " + signal);
  process.exit(0);
}
if (does === "looks") {
  const status = fs.readFileSync("/proc/self/status", "utf8");
  const field = (name) => new RegExp("^" + name + ":\\\\s*(.*)$", "m").exec(status)?.[1];
  const fill = (folder) => tried(() => {
    const chunk = Buffer.alloc(1024 * 1024); let written = 0;
    const file = fs.openSync(folder + "/fill", "w");
    try { for (;;) { fs.writeSync(file, chunk); written += 1; if (written > 4096) return "no limit"; } }
    finally { fs.closeSync(file); fs.rmSync(folder + "/fill"); }
  });
  const litter = () => tried(() => { for (let n = 0; n < 2000000; n += 1) fs.writeFileSync("/workspace/f" + n, ""); return "no limit"; });
  console.error("saw " + JSON.stringify({
    uid: process.getuid(), capabilities: field("CapEff"), bounding: field("CapBnd"),
    noNewPrivileges: field("NoNewPrivs"), seccomp: field("Seccomp"),
    networks: Object.keys(os.networkInterfaces()), oomScoreAdj: fs.readFileSync("/proc/self/oom_score_adj", "utf8").trim(),
    root: tried(() => fs.writeFileSync("/x", "")), mirror: tried(() => fs.writeFileSync(process.env.HIVE_MIRROR_HANDOUTS + "/handouts/" + process.env.NAME + "/x", "")),
    server: fs.readdirSync("/run/hive/server"), serverWrite: tried(() => fs.writeFileSync("/run/hive/server/x", "")),
    closed: (fs.statSync("/run/hive").mode & 0o777).toString(8),
    mounts: fs.readFileSync("/proc/mounts", "utf8").split("\\n").map((line) => line.split(" ")).filter(([, at]) => ["/workspace", "/tmp", "/run/hive"].includes(at)).map(([kind, at, , options]) => [at, kind, options]),
    fillWork: fill("/workspace"), fillTmp: fill("/tmp"), litter: litter(),
    files: tried(() => require("node:child_process").execSync("ulimit -Hn; ulimit -c", { shell: "/bin/sh" })).trim(),
    init: fs.readFileSync("/proc/1/comm", "utf8").trim(),
    env: process.env,
  }));
  process.exit(0);
}
process.on("SIGTERM", () => does === "stays" && process.exit(0));
setInterval(() => {}, 60000);
console.error("up");
`;

/** Memory is scarce, so that eating it takes no time. */
const POOL: PoolNeeds = {
  name: "default",
  image: null,
  cpus: 0.5,
  memoryBytes: 192 * 1024 * 1024,
  diskBytes: 32 * 1024 * 1024,
  pids: 80,
};

/** Everything around probes on one engine. */
export interface ProbeWorld {
  readonly image: string;
  readonly engine: Engine;
  readonly exits: readonly Exit[];
  /** `name: line`. */
  readonly lines: readonly string[];
  /** A provider as the next life of the server makes it. */
  open(serverId?: string): Provider;
  launch(does: ProbeDoes, name?: string): Launch;
  /** The line a probe said that begins with `start`. */
  said(launch: Launch, start: string): Promise<string>;
  exitOf(launch: Launch): Promise<Exit>;
  close(): Promise<void>;
}

/** Makes the image of the probe on this engine, and a world on it. `clock`: the providers'. */
export async function startProbes(socket: string, clock: Clock = systemClock): Promise<ProbeWorld> {
  const image = "hive-probe:test";
  const folder = await mkdtemp(join(tmpdir(), "hive-probes-"));
  const folders = { run: join(folder, "run"), handouts: join(folder, "handouts") };
  await mkdir(folders.run);
  const dockerfile = [
    `FROM ${BASE_IMAGE}`,
    `RUN node -e 'require("node:fs").writeFileSync("/probe.js", Buffer.from(process.argv[1], "base64"))' ${Buffer.from(PROBE).toString("base64")}`,
    "VOLUME /var/lib/declared",
    "USER nobody",
    'ENTRYPOINT ["node", "/probe.js"]',
  ].join("\n");
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: "0" };
  execFileSync("docker", ["build", "--quiet", "--tag", image, "-"], {
    env,
    input: dockerfile,
    stdio: ["pipe", "ignore", "pipe"],
  });
  const engine = createEngine(`unix://${socket}`, systemClock);
  const id = `probe-${process.pid}-${Date.now().toString(36)}`;
  const exits: Exit[] = [];
  const lines: string[] = [];
  const providers: Provider[] = [];
  let made = 0;
  return {
    image,
    engine,
    exits,
    lines,
    open(serverId = id) {
      const provider = createDockerProvider({
        engine,
        images: createWorkerImages({ engine, defaultImage: image, build: null }),
        serverId,
        folders,
        clock,
        onLine: ({ name }, line) => lines.push(`${name}: ${line}`),
        log: { info: () => undefined, warn: (message) => lines.push(`warning: ${message}`) },
      });
      provider.onExit((exit) => exits.push(exit));
      providers.push(provider);
      return provider;
    },
    launch(does, name) {
      made += 1;
      const own = name ?? `${id}-${made}`;
      return { launchId: `${id}-l${made}`, name: own, slot: made, pool: POOL, env: { DOES: does, NAME: own } };
    },
    async said({ name }, start) {
      const prefix = `${name}: ${start}`;
      const look = (): string | undefined => lines.find((line) => line.startsWith(prefix));
      return (await until(`${name} to say "${start}"`, look, { more: () => lines.join("\n") })).slice(prefix.length);
    },
    exitOf: ({ launchId, name }) =>
      until(`the end of ${name}`, () => exits.find((exit) => exit.launchId === launchId), {
        more: () => lines.join("\n"),
      }),
    async close() {
      for (const provider of providers) provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

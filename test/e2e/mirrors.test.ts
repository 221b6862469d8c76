/**
 * Workers that have no mirrors of their own: the server's keeper fetches, and hands out to each lease. Real workers of the
 * `manual` provider stand for containers here; what a container may see of the folders is tested in test/containers.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const TOKEN = "ghp_mirrors0Canary1Token2For3Hive4Tests56";
const SECRET = "mirrors-test-shared-secret";
const WORKERS = 10;
let git: GitHost;
let server: HiveProcess;
let mirrors: string;
let run: string;
const workers: ChildProcess[] = [];
let said = "";

beforeAll(async () => {
  git = await startGitHost({ "x-access-token": { password: TOKEN } });
  // Not in the data folder, which is closed: here the agents' users walk to it, where a container has it mounted.
  mirrors = mkdtempSync(join(tmpdir(), "hive-e2e-mirrors-"));
  chmodSync(mirrors, 0o755);
  // With a folder for the workers' socket there is a way out, and the keeper's git goes through it.
  run = mkdtempSync(join(tmpdir(), "hive-e2e-run-"));
  const env = { HIVE_WORKERS: "0", CALLBACK_SECRET: SECRET, HIVE_MIRROR_DATA: mirrors, HIVE_RUN: run };
  server = await startHive({ env });
  for (let slot = 0; slot < WORKERS; slot += 1) startWorker(slot);
  await until("the workers to register", async () => (await listed()) === WORKERS, { more: () => said });
});
afterAll(async () => {
  const gone = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
  for (const worker of workers) worker.kill("SIGTERM");
  await Promise.all(gone);
  await server?.dispose();
  await git?.stop();
  for (const folder of [mirrors, run]) rmSync(folder, { recursive: true, force: true });
});

function startWorker(slot: number): void {
  const data = join(dirname(server.data), `worker-${slot}`);
  mkdirSync(data, { mode: 0o711 });
  const env = plainEnvironment({
    HIVE_URL: server.url,
    CALLBACK_SECRET: SECRET,
    HIVE_WORKER_NAME: `bee-${slot}`,
    HIVE_WORKER_SLOT: String(slot),
    HIVE_WORKER_DATA: data,
    HIVE_AGENT_UID_BASE: String(server.traces.uids[0]),
    HIVE_MIRROR_HANDOUTS: mirrors,
    HIVE_LOG: "json",
  });
  const program = join(ROOT, "apps/worker/src/main.ts");
  const worker = spawn(process.execPath, [program], { cwd: data, env, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [worker.stdout, worker.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  workers.push(worker);
}

async function listed(): Promise<number> {
  const reply = (await (await server.fetch("/v1/workers")).json()) as { readonly workers: readonly object[] };
  return reply.workers.length;
}

/** What is handed out, as paths below `handouts`. */
function handOuts(): string[] {
  const folder = join(mirrors, "handouts");
  return readdirSync(folder).flatMap((worker) => readdirSync(join(folder, worker)).map((name) => join(worker, name)));
}

test("ten workers clone one repository at once, for one fetch, and push; then nothing is left handed out", async () => {
  const repo = git.makeRepo("shared.git", { "big.txt": "line\n".repeat(100_000) });
  const jobs = Array.from({ length: WORKERS }, (_, at) => ({
    jobId: `ten-${at}`,
    repo,
    githubToken: TOKEN,
    branch: `hive/ten-${at}`,
    task: "script" as const,
    script: `cp .git/objects/info/alternates lent.txt; echo ${at} > out.txt`,
  }));
  const before = git.server.requests.length;
  await Promise.all(jobs.map((job) => server.hive.enqueue(job)));
  const ended = await Promise.all(jobs.map(({ jobId }) => server.over(jobId)));
  expect(
    ended.map(({ status, reason }) => [status, reason]),
    said,
  ).toEqual(jobs.map(() => ["succeeded", null]));
  const lent = jobs.map(({ branch }) => git.read("shared.git", branch, "lent.txt"));
  expect(new Set(lent).size).toBe(WORKERS);
  for (const path of lent) expect(path).toMatch(/\/handouts\/bee-\d\/[0-9a-f]{32}\.git\/objects$/);
  // Every job lists the branches as often as every other, with one POST each; the one fetch takes two.
  const posts = git.server.requests
    .slice(before)
    .filter(({ method, path, user }) => method === "POST" && path.endsWith("git-upload-pack") && user !== null);
  expect(posts.length % WORKERS).toBe(2);
  await until("the hand-outs to go", () => handOuts().length === 0);
  expect(readdirSync(join(mirrors, "leases"))).toEqual([]);
});

test("a job that is canceled while its repository is fetched ends, and the fetch with it", async () => {
  const repo = git.makeRepo("slow.git");
  let fetching = false;
  git.server.intercept = ({ method, path }) => {
    const posts = git.server.requests.filter((one) => one.method === "POST" && one.path.includes("slow.git")).length;
    if (method !== "POST" || !path.includes("slow.git") || posts < 2) return null;
    fetching = true;
    return "hang";
  };
  await server.hive.enqueue({ jobId: "slow-1", repo, githubToken: TOKEN, task: "script", script: "true" });
  await until("the fetch", () => fetching, { more: () => said });
  await server.hive.cancel("slow-1");
  expect(await server.over("slow-1"), said).toMatchObject({ status: "canceled", reason: "requested" });
  git.server.intercept = null;
  const left = (): string[] => readdirSync(join(mirrors, "mirrors")).filter((name) => name.includes(".new-"));
  await until("the fetch to be gone", () => left().length === 0);
  await until("the hand-out to go", () => handOuts().length === 0);
});

test("a job goes on over a restart of the server, keeps what it was handed, and loses it at its end", async () => {
  const repo = git.makeRepo("restart.git", { "a.txt": "a\n" });
  const flag = join(dirname(server.data), "go-on");
  const script = `echo began; while [ ! -e ${flag} ]; do sleep 0.05; done; git log --oneline > log.txt; git add -A`;
  await server.hive.enqueue({ jobId: "restart-1", repo, githubToken: TOKEN, task: "script", script });
  await until("the script", async () => (await server.hive.get("restart-1")).phase === "run", { more: () => said });
  const [handOut = ""] = handOuts();
  const inode = statSync(join(mirrors, "handouts", handOut)).ino;
  await server.crash();
  await server.start();
  expect(statSync(join(mirrors, "handouts", handOut)).ino).toBe(inode);
  mkdirSync(flag);
  expect(await server.over("restart-1"), said).toMatchObject({ status: "succeeded" });
  await until("the hand-out to go", () => handOuts().length === 0);
});

test("the token of a job is nowhere below the folder of mirrors", () => {
  const files = readdirSync(mirrors, { recursive: true, encoding: "utf8" })
    .map((name) => join(mirrors, name))
    .filter((path) => existsSync(path) && statSync(path).isFile());
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((path) => readFileSync(path).includes(TOKEN))).toEqual([]);
});

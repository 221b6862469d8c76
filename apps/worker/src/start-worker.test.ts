import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HiveError } from "@hive/core";
import type { FinishRequest, LeasedJob } from "@hive/protocol";
import { pino } from "pino";
import { readConfig } from "./config.ts";
import { type GitWorld, plainGit, startGitWorld } from "./git/git-fixture.ts";
import { machineClock } from "./loops/clock.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { run } from "./process/run.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import { openWay } from "./way/way-to-server.ts";
import type { Tasks } from "./worker-parts.ts";

let world: GitWorld;
let dispatcher: ScriptedDispatcher;
let data = "";
let repo = "";
let count = 0;
/** Like no known token, so that only knowing it hides it. */
const PASSWORD = "canary in plain words 84";
/** Ends the time of the job in work, for jobs whose time is this long. */
let timeUp: (() => void) | null = null;
const SECRET = "s".repeat(32);
const ON_REQUEST_MS = 777_777;
const workers: Worker[] = [];

beforeAll(async () => {
  world = await startGitWorld({ robot: { password: PASSWORD } });
});
afterAll(() => world.stop());

beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: { username: "robot", password: PASSWORD }, githubApiUrl: null };
  timeUp = null;
  data = await mkdtemp(join(tmpdir(), "hive-worker-"));
  await chmod(data, 0o711);
  count += 1;
  repo = `repo-${count}.git`;
  await world.makeRepo(repo);
});
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.stopNow("the test is over");
    await worker.done.catch(() => undefined);
  }
  await dispatcher.close();
  await rm(data, { recursive: true, force: true });
});

/** The one task these tests need: the job's script, as the agent's user, in the repository. */
const scripts: Tasks = {
  setUp: () => Promise.resolve(null),
  async run({ job, workspace, slot, log, signal }) {
    const ended = await run({
      argv: ["/bin/sh", "-c", job.script ?? ""],
      cwd: workspace.repo,
      env: { PATH: "/usr/bin:/bin", HOME: slot.home },
      signal,
      onOutput: (chunk, stream) => log.write(chunk, stream),
      ...(slot.user === undefined ? {} : { user: slot.user }),
    });
    const failed = ended.exitCode !== 0;
    return {
      error: failed ? { code: "script_failed", kind: "work", message: `exit code ${ended.exitCode}` } : null,
      summary: "did it",
      verdict: null,
      outputs: null,
      exitCode: ended.exitCode,
      agent: null,
      files: [],
      publishes: true,
      verify: null,
    };
  },
};

/** Short waits are shorter; the end of a job's time comes when the test says so. */
function hurried(ms: number, act: () => void): () => void {
  if (ms !== ON_REQUEST_MS) return machineClock.after(ms < 300 ? Math.min(ms, 20) : ms, act);
  timeUp = act;
  return () => undefined;
}

/** Lets a script go on that waits for the file `go` in its repository. */
async function letGo(): Promise<void> {
  const [attempt = ""] = (await readdir(join(data, "slot-0"))).filter((name) => name.startsWith("attempt-"));
  const file = join(data, "slot-0", attempt, "work/repo/go");
  await run({ argv: ["touch", file], cwd: "/", env: { PATH: "/usr/bin:/bin" } });
}

async function worker(env: Record<string, string> = {}): Promise<Worker> {
  const config = readConfig({
    HIVE_URL: dispatcher.url,
    CALLBACK_SECRET: SECRET,
    HIVE_WORKER_DATA: data,
    HIVE_AGENT_UID_BASE: String(41_000 + (process.pid % 5_000)),
    HIVE_ORPHAN_SECONDS: "0",
    ...env,
  });
  const started = await startWorker({
    config,
    credential: { kind: "secret", secret: SECRET },
    way: await openWay(config, machineClock, () => undefined),
    clock: { ...machineClock, after: hurried },
    log: pino({ level: "silent" }),
    version: "test",
    tasksWith: () => scripts,
    agents: [],
    tools: Promise.resolve({ git: "2.39.5" }),
    mustReach: [],
  });
  workers.push(started);
  return started;
}

const offer = (script: string, more: Partial<LeasedJob> = {}, lease?: Parameters<ScriptedDispatcher["offer"]>[1]) =>
  dispatcher.offer({ jobId: "job-1", repo: `${world.server.url}/${repo}`, script, ...more }, lease);
const finishes = (): FinishRequest[] => dispatcher.callsOf("leaseFinish").map((call) => call.body as FinishRequest);
const finish = () => until("the end", () => finishes().at(-1));
const served = (...args: string[]): string => plainGit(join(world.folder, "served", repo), ...args);
const logText = (fence: number): string => dispatcher.log.get(fence)?.toString() ?? "";
/** The sleeping program of a script that ran `sleep <seconds>`, wherever it is. */
async function livesSleep(seconds: string): Promise<boolean> {
  for (const name of (await readdir("/proc")).filter((entry) => /^[0-9]+$/.test(entry))) {
    const line = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (line === `sleep\0${seconds}\0`) return true;
  }
  return false;
}

test("a script job goes from the first heartbeat to a pushed branch, and every byte of its log arrives", async () => {
  await worker();
  const { fence } = await offer(`echo "login ${PASSWORD}"; echo hello > new.txt; printf 'last words'`);
  const { outcome, log } = await finish();
  if (outcome.end !== "succeeded") throw new Error(JSON.stringify(outcome));
  const { result } = outcome;
  expect(result).toMatchObject({
    branch: "hive/job-1",
    noChanges: false,
    diffStat: { files: 1, insertions: 1, deletions: 0 },
    exitCode: 0,
    summary: "did it",
  });
  expect(result.environment).toEqual({
    isolation: process.getuid?.() === 0 ? "user" : "none",
    provider: "manual",
    image: null,
    build: null,
    tools: { git: "2.39.5" },
    config: null,
  });
  expect(result.isolation).toBe(result.environment?.isolation);
  expect(dispatcher.callsOf("workerRegister")[0]?.body).toMatchObject({ isolation: result.isolation });
  expect(served("rev-parse", "refs/heads/hive/job-1")).toBe(result.commit);
  expect(served("show", "hive/job-1:new.txt")).toBe("hello");
  expect(result.phases.map(({ name }) => name)).toEqual(["prepare", "setup", "run", "publish", "report"]);
  expect(result.artifacts.map(({ name }) => name)).toEqual(["diff.patch"]);
  expect(dispatcher.artifacts.get(`${fence}/diff.patch`)?.toString()).toContain("+hello");
  const bytes = dispatcher.log.get(fence) ?? Buffer.alloc(0);
  expect(log).toEqual({ bytes: bytes.length, crc32: crc32(bytes) });
  expect(logText(fence)).toContain("last words");
  const everything = JSON.stringify(dispatcher.calls.map(({ body }) => body)) + logText(fence);
  expect(everything).not.toContain(PASSWORD);
  expect(logText(fence)).toContain("login [redacted]");
  const order = dispatcher.calls.map(({ name }) => name).filter((name) => name !== "leaseHeartbeat");
  expect(order.indexOf("leasePublish")).toBeGreaterThan(order.indexOf("leaseSecrets"));
  expect(dispatcher.calls.findIndex(({ name }) => name === "leaseHeartbeat")).toBeLessThan(
    dispatcher.calls.findIndex(({ name }) => name === "leaseSecrets"),
  );
  expect(dispatcher.callsOf("leaseHeartbeat").map(({ body }) => (body as { phase?: string }).phase)).toContain("run");
});

test("between two jobs nothing of the first is left on the worker", async () => {
  await worker();
  await offer("echo one > one.txt; touch $HOME/left; touch ../../../home/left 2>/dev/null; true");
  await finish();
  await offer("ls -a $HOME > home.txt", { jobId: "job-2" });
  await until("the second end", () => finishes().length === 2);
  await until("the next claim", () => dispatcher.callsOf("workerClaim").length >= 3);
  expect(served("show", "hive/job-2:home.txt")).toBe(".\n..");
  const left = await readdir(join(data, "slot-0"));
  expect(left.filter((name) => name.startsWith("attempt-"))).toEqual([]);
  expect(await readdir(join(data, "slot-0", "logs"))).toEqual([]);
  expect(await readdir(join(data, "slot-0", "unsent"))).toEqual([]);
});

test("a failed script is a failed attempt whose work is kept and not pushed", async () => {
  await worker();
  const { fence } = await offer("echo half > half.txt; exit 3");
  const { outcome } = await finish();
  expect(outcome).toMatchObject({
    end: "failed",
    error: { code: "script_failed", kind: "work" },
    result: { branch: null, exitCode: 3, salvage: "salvage.bundle" },
  });
  expect(dispatcher.artifacts.get(`${fence}/salvage.bundle`)?.subarray(0, 6).toString()).toBe("# v2 g");
  expect(served("for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
});

test("a cancel over the stream kills the whole tree within that one message and ends the attempt as canceled", async () => {
  await worker();
  const { fence } = await offer("setsid sleep 3471 & echo started; sleep 3472");
  await until("the script", () => logText(fence).includes("started"));
  dispatcher.signal({ signal: "cancel", jobId: "job-1", fence, reason: "not needed" });
  expect((await finish()).outcome.end).toBe("canceled");
  expect([await livesSleep("3471"), await livesSleep("3472")]).toEqual([false, false]);
});

test("once the fence is old the tree dies, and nothing is written, announced or pushed any more", async () => {
  await worker();
  const { fence } = await offer("echo x > x.txt; echo started; sleep 3473");
  await until("the script", () => logText(fence).includes("started"));
  dispatcher.stale.add(fence);
  dispatcher.signal({ signal: "stale", jobId: "job-1", fence, reason: "given to another worker" });
  await until("the next claim", () => dispatcher.callsOf("workerClaim").length === 2);
  expect(await livesSleep("3473")).toBe(false);
  expect(finishes()).toEqual([]);
  expect(dispatcher.callsOf("leasePublish")).toEqual([]);
  expect(dispatcher.callsOf("leasePutArtifact")).toEqual([]);
  expect(served("for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
});

test("a signal for another job or fence harms nothing", async () => {
  dispatcher.intervals.heartbeatMs = 100;
  await worker();
  const { fence } = await offer("echo started; while [ ! -e go ]; do sleep 0.02; done; rm go; echo done > done.txt");
  await until("the stream", () => dispatcher.streams.size === 1);
  await until("the script", () => logText(fence).includes("started"));
  dispatcher.signal({ signal: "cancel", jobId: "job-1", fence: fence + 1, reason: "another attempt" });
  dispatcher.signal({ signal: "stale", jobId: "job-0", fence, reason: "another job" });
  const beats = dispatcher.callsOf("leaseHeartbeat").length;
  await until(
    "some heartbeats",
    () => finishes().length > 0 || dispatcher.callsOf("leaseHeartbeat").length > beats + 3,
  );
  await letGo();
  expect((await finish()).outcome.end).toBe("succeeded");
});

test("a dispatcher that is gone for two thirds of the lease: the tree is dead before the lease is over, and the job given back", async () => {
  dispatcher.intervals.leaseMs = 4_500;
  dispatcher.intervals.heartbeatMs = 300;
  await worker();
  const { fence } = await offer("echo started; sleep 3474");
  await until("the script", () => logText(fence).includes("started"));
  dispatcher.on("leaseHeartbeat", () => {
    throw new HiveError("store_failed", "the disk is gone");
  });
  expect((await finish()).outcome).toMatchObject({ end: "returned" });
  expect(await livesSleep("3474")).toBe(false);
  expect(dispatcher.callsOf("leasePublish")).toEqual([]);
});

test("a job that takes too long is a failure of the work, and what it made is kept", async () => {
  await worker();
  const { fence } = await offer("echo x > x.txt; echo started; sleep 3475", { timeoutMs: ON_REQUEST_MS });
  await until("the script", () => logText(fence).includes("started"));
  timeUp?.();
  expect((await finish()).outcome).toMatchObject({
    end: "failed",
    error: { code: "timeout", kind: "work" },
    result: { salvage: "salvage.bundle" },
  });
});

test("told to leave with a grace, the worker gives the job back after it, says goodbye and ends", async () => {
  const started = await worker();
  const { fence } = await offer("echo started; sleep 3476");
  await until("the script", () => logText(fence).includes("started"));
  started.drain("SIGTERM", 10);
  await started.done;
  expect((await finish()).outcome).toMatchObject({ end: "returned", message: "SIGTERM" });
  expect(await livesSleep("3476")).toBe(false);
  expect(dispatcher.calls.at(-1)?.name).toBe("workerGoodbye");
});

test("a drain over the stream lets the job finish and takes no other", async () => {
  const started = await worker();
  const { fence } = await offer("echo started; while [ ! -e go ]; do sleep 0.02; done; rm go; echo x > x.txt");
  await until("the script", () => logText(fence).includes("started"));
  await offer("echo never", { jobId: "job-2" });
  dispatcher.signal({ signal: "drain", jobId: null, fence: null, reason: "drain" });
  await until("it was heard", () => started.status().some((line) => line.includes("job-1")));
  await letGo();
  await started.done;
  expect(finishes().map(({ outcome }) => outcome.end)).toEqual(["succeeded"]);
});

test("a finish whose answer is lost is repeated under its id, and the job runs once", async () => {
  await worker();
  dispatcher.fault("leaseFinish", "cut", "refuse_connection", "cut");
  await offer("echo x > x.txt");
  await until("four tries", () => finishes().length === 4);
  await until("the next claim", () => dispatcher.callsOf("workerClaim").length === 2);
  expect(new Set(finishes().map(({ finishId }) => finishId)).size).toBe(1);
  expect(dispatcher.callsOf("leaseSecrets")).toHaveLength(1);
});

test("a result that could not be told survives the worker and is told by the next one, with the log that was missing", async () => {
  const first = await worker();
  dispatcher.on("leaseFinish", () => {
    throw new HiveError("store_failed", "not now");
  });
  const { fence } = await offer("echo x > x.txt; echo said");
  await until("a try", () => finishes().length > 0);
  first.stopNow("killed");
  await first.done;
  expect(await readdir(join(data, "slot-0", "unsent"))).toHaveLength(1);
  expect(dispatcher.callsOf("workerGoodbye")).toEqual([]);

  // The dispatcher comes back from a copy that has less of the log.
  dispatcher.log.set(fence, (dispatcher.log.get(fence) ?? Buffer.alloc(0)).subarray(0, 10));
  const before = finishes().length;
  dispatcher.on("leaseFinish", () => undefined);
  await worker();
  await until("the replay", () => finishes().length > before + 1);
  await until("an empty outbox", () => dispatcher.callsOf("workerClaim").length >= 2);
  expect(finishes().at(-1)?.finishId).toBe(finishes()[0]?.finishId);
  expect(finishes().at(-1)?.log?.bytes).toBe(dispatcher.log.get(fence)?.length);
  expect(logText(fence)).toContain("said");
});

test("work that needs approval is not pushed; the publishing lease pushes exactly the approved bundle", async () => {
  await worker();
  const { fence } = await offer("echo approved > x.txt", { approvePublish: true });
  const { outcome } = await finish();
  if (outcome.end !== "awaits_approval") throw new Error(JSON.stringify(outcome));
  expect(served("for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
  const bundle = { fence, ...outcome.bundle };

  await offer("", { bundle: { ...bundle, sha256: "0".repeat(64) } }, { purpose: "publish" });
  // The kept artifact is asked for under the fence that made it.
  await until("the refusal", () => finishes().length === 2);
  expect(finishes()[1]?.outcome).toMatchObject({ end: "failed", error: { code: "objects_refused" } });

  await offer("", { bundle }, { purpose: "publish" });
  await until("the end", () => finishes().length === 3);
  expect(finishes()[2]?.outcome).toMatchObject({ end: "succeeded", result: { branch: "hive/job-1" } });
  expect(served("show", "hive/job-1:x.txt")).toBe("approved");
});

test("a branch that somebody else moved is not overwritten, and the work goes to a salvage branch", async () => {
  await worker();
  const { fence } = await offer("echo mine > mine.txt; echo started; while [ ! -e go ]; do sleep 0.02; done; rm go", {
    branch: "shared",
  });
  await until("the script", () => logText(fence).includes("started"));
  const theirs = world.commitElsewhere(repo, "shared", { "theirs.txt": "theirs" });
  await letGo();
  const { outcome } = await finish();
  expect(outcome).toMatchObject({
    end: "failed",
    error: { code: "branch_moved" },
    result: { salvage: `hive/salvage/job-1/${fence}` },
  });
  expect(served("rev-parse", "shared")).toBe(theirs);
  expect(served("show", `hive/salvage/job-1/${fence}:mine.txt`)).toBe("mine");
});

test("a result the dispatcher will never take is replaced by one that says so", async () => {
  await worker();
  dispatcher.on("leaseFinish", (call) => {
    if ((call.body as FinishRequest).outcome.end === "succeeded")
      throw new HiveError("invalid_field", "outcome: too long");
    return undefined;
  });
  await offer("echo x > x.txt");
  await until("two ends", () => finishes().length === 2);
  expect(finishes()[1]?.outcome).toMatchObject({ end: "failed", error: { code: "result_refused", kind: "system" } });
});

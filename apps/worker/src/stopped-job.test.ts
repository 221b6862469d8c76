import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FinishRequest, LeasedJob } from "@hive/protocol";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { does, scriptedAgent, type ScriptedAgent } from "./conversation/scripted-agent.fixture.ts";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "./git/git-fixture.ts";
import { machineClock } from "./loops/clock.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import { createTasks, JOB_PROGRAMS } from "./tasks/tasks.ts";
import { openWay } from "./way/way-to-server.ts";

const SECRET = "a secret of sixteen";

let world: GitWorld;
let dispatcher: ScriptedDispatcher;
let data: string;
let repo: string;
let worker: Worker | null = null;
let number = 0;
/** Ends the time of the job in work, for jobs whose time is this long. */
let timeUp: (() => void) | null = null;
const ON_REQUEST_MS = 777_777;

beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());
beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  // No beat comes by itself while a test runs: what is heard sooner was asked for.
  Object.assign(dispatcher.intervals, { heartbeatMs: 60_000, leaseMs: 180_000 });
  dispatcher.secrets = { git: { username: "x-access-token", password: TOKEN }, githubApiUrl: null };
  data = await mkdtemp(join(tmpdir(), "hive-stopped-"));
  await chmod(data, 0o711);
  number += 1;
  repo = await world.makeRepo(`stopped-${number}.git`, {
    "README.md": "# a repository\n",
    ".hive/config.yaml": 'test: "test -f good"\n',
  });
});
afterEach(async () => {
  worker?.stopNow("the test is over");
  await worker?.done.catch(() => undefined);
  worker = null;
  await dispatcher.close();
  await rm(data, { recursive: true, force: true });
});

/** A real worker with this agent, and a job for it. */
async function begin(agent: ScriptedAgent, job: Partial<LeasedJob> = {}): Promise<void> {
  const config = readConfig({
    HIVE_URL: dispatcher.url,
    CALLBACK_SECRET: SECRET,
    HIVE_WORKER_DATA: data,
    HIVE_AGENT_UID_BASE: String(46_000 + (process.pid % 1_000)),
    HIVE_ORPHAN_SECONDS: "0",
  });
  worker = await startWorker({
    config,
    credential: { kind: "secret", secret: SECRET },
    way: await openWay(config, machineClock, () => undefined),
    clock: { ...machineClock, after: onRequest },
    log: pino({ level: "silent" }),
    version: "test",
    tasksWith: (git) =>
      createTasks({
        git,
        agents: [agent],
        llmUrl: "http://127.0.0.1:9",
        idleTimeoutMs: 60_000,
        path: config.path,
        extraCaFile: null,
      }),
    agents: ["scripted"],
    tools: Promise.resolve({}),
    mustReach: JOB_PROGRAMS,
  });
  await dispatcher.offer({
    jobId: "job-1",
    repo: `${world.server.url}/${repo}`,
    task: "agent",
    agent: "scripted",
    instructions: "Make it good.",
    ...job,
  });
}

/** The end of a job's time comes when the test says so. */
function onRequest(ms: number, act: () => void): () => void {
  if (ms !== ON_REQUEST_MS) return machineClock.after(ms, act);
  timeUp = act;
  return () => undefined;
}

/** From here on every heartbeat says it. */
function stopWith(code: "quota" | "budget_exceeded", message: string): void {
  dispatcher.on("leaseHeartbeat", () => ({ cancel: null, stop: { code, message }, drain: false, leaseMs: 180_000 }));
}

const told = (text: string) =>
  until(text, () => dispatcher.callsOf("leaseEvents").find((call) => call.bytes.toString().includes(text)));
const finish = async () =>
  (await until("the end", () => dispatcher.callsOf("leaseFinish").at(-1)?.body as FinishRequest | undefined)).outcome;
const served = (...args: string[]): string => plainGit(join(world.folder, "served", repo), ...args);
const branches = (): string => served("for-each-ref", "--format=%(refname:short)", "refs/heads");

const half = ["echo half > half.txt", does.say("half of it is done"), does.hang];

describe("told to stop", () => {
  test("for a quota: the agent dies at once, its work so far is on the branch, and the attempt ends parked", async () => {
    await begin(scriptedAgent([half]));
    await told("half of it is done");
    stopWith("quota", "anthropic: back at noon");
    dispatcher.signal({ signal: "stop", jobId: "job-1", fence: 1, reason: "anthropic: back at noon" });
    const outcome = await finish();
    if (outcome.end !== "parked") throw new Error(JSON.stringify(outcome));
    expect(outcome.message).toBe("anthropic: back at noon");
    expect(outcome.result).toMatchObject({
      branch: "hive/job-1",
      commit: served("rev-parse", "hive/job-1"),
      agent: { name: "scripted" },
    });
    expect(served("show", "hive/job-1:half.txt")).toBe("half");
  });

  test("for a budget: the same, and the attempt has failed", async () => {
    await begin(scriptedAgent([half]));
    await told("half of it is done");
    stopWith("budget_exceeded", "5 USD are used up");
    dispatcher.signal({ signal: "stop", jobId: "job-1", fence: 1, reason: "5 USD are used up" });
    const outcome = await finish();
    expect(outcome).toMatchObject({
      end: "failed",
      error: { code: "budget_exceeded", kind: "work", message: "5 USD are used up" },
      result: { branch: "hive/job-1", pullRequest: null },
    });
    expect(served("show", "hive/job-1:half.txt")).toBe("half");
  });

  test.each([
    ["with an error", does.fail("429 from the gateway")],
    ["well, by its own account", does.end("the model refused, so I stop here")],
  ])("an agent that ended %s before anybody said why was stopped all the same", async (_how, last) => {
    const wait = `until [ -e ${join(data, "go")} ]; do sleep 0.05; done`;
    await begin(scriptedAgent([["echo half > half.txt", does.say("asks the model"), wait, last]]));
    await told("asks the model");
    stopWith("quota", "back at noon");
    await writeFile(join(data, "go"), "");
    expect(await finish()).toMatchObject({ end: "parked", message: "back at noon" });
    expect(served("show", "hive/job-1:half.txt")).toBe("half");
  });

  test("for the last of its minutes: the same as for money", async () => {
    await begin(scriptedAgent([half]), { timeoutMs: ON_REQUEST_MS, timeIsBudget: true });
    await told("half of it is done");
    timeUp?.();
    expect(await finish()).toMatchObject({
      end: "failed",
      error: { code: "budget_exceeded", message: "the job's budget of minutes is used up" },
      result: { branch: "hive/job-1" },
    });
    expect(served("show", "hive/job-1:half.txt")).toBe("half");
  });

  test("work that a person must approve is not pushed; it is kept as a file", async () => {
    await begin(scriptedAgent([half]), { approvePublish: true });
    await told("half of it is done");
    stopWith("budget_exceeded", "5 USD are used up");
    dispatcher.signal({ signal: "stop", jobId: "job-1", fence: 1, reason: "" });
    expect(await finish()).toMatchObject({ end: "failed", result: { branch: null, salvage: "salvage.bundle" } });
    expect(branches()).toBe("main");
  });

  test("a cancel outranks it, and a signal for another lease is nothing", async () => {
    await begin(scriptedAgent([half]));
    await told("half of it is done");
    const beats = dispatcher.callsOf("leaseHeartbeat").length;
    dispatcher.signal({ signal: "stop", jobId: "job-1", fence: 7, reason: "" });
    dispatcher.signal({ signal: "cancel", jobId: "job-1", fence: 1, reason: "enough" });
    expect(await finish()).toMatchObject({ end: "canceled" });
    expect(beats).toBeGreaterThan(0);
  });

  test("an attempt before any work has nothing to push and says so", async () => {
    stopWith("quota", "back at noon");
    await begin(scriptedAgent([[does.hang]]));
    expect(await finish()).toMatchObject({ end: "parked", result: { branch: null } });
    expect(branches()).toBe("main");
  });
});

describe("red tests", () => {
  const tried = scriptedAgent([["date +%s%N > tried.txt", does.end("tried")]]);

  test("the work is pushed, and the job has failed with the report in its result", async () => {
    await begin(tried, { verify: { rounds: 1 } });
    const outcome = await finish();
    expect(outcome).toMatchObject({
      end: "failed",
      error: { code: "verify_failed", kind: "work", message: expect.stringContaining("went back to the agent once") },
      result: { branch: "hive/job-1", summary: "tried", salvage: null, verify: { state: "failed", rounds: 1 } },
    });
    expect(branches()).toContain("hive/job-1");
  });

  test("red work is not put before a person as if it were good; it is kept as a file", async () => {
    await begin(tried, { verify: { rounds: 0 }, approvePublish: true });
    expect(await finish()).toMatchObject({
      end: "failed",
      error: { code: "verify_failed" },
      result: { salvage: "salvage.bundle", verify: { state: "failed" } },
    });
    expect(branches()).toBe("main");
  });
});

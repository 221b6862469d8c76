import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HiveError } from "@hive/core";
import type { FinishRequest } from "@hive/protocol";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "./git/git-fixture.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const LAUNCH_TOKEN = "launch-token-canary-7f3a9c";
let world: GitWorld;
let dispatcher: ScriptedDispatcher;
let data = "";
let repo = "";
let count = 0;
const programs: Program[] = [];

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  text(): string;
}

beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: world.credential, githubApiUrl: null };
  data = await mkdtemp(join(tmpdir(), "hive-worker-main-"));
  await chmod(data, 0o711);
  count += 1;
  repo = `main-${count}.git`;
  await world.makeRepo(repo);
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.child.kill("SIGKILL");
    await program.ended;
  }
  await dispatcher.close();
  await rm(data, { recursive: true, force: true });
});

function start(env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HIVE_URL: dispatcher.url,
      HIVE_LAUNCH_TOKEN: LAUNCH_TOKEN,
      HIVE_PROVIDER: "process",
      HIVE_WORKER_NAME: "hive-worker-1",
      HIVE_WORKER_DATA: data,
      HIVE_AGENT_UID_BASE: String(47_000 + (process.pid % 5_000)),
      ...env,
    },
    stdio: ["pipe", "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const program = { child, ended, text: () => text };
  programs.push(program);
  return program;
}

const offer = (job: Parameters<ScriptedDispatcher["offer"]>[0]) =>
  dispatcher.offer({ jobId: "job-1", repo: `${world.server.url}/${repo}`, ...job });
const finishes = (): FinishRequest[] => dispatcher.callsOf("leaseFinish").map((call) => call.body as FinishRequest);
const served = (...args: string[]): string => plainGit(join(world.folder, "served", repo), ...args);
const logText = (fence: number): string => dispatcher.log.get(fence)?.toString() ?? "";

test("the program registers with its launch token, lets an agent work, and the agent finds no secret", async () => {
  const program = start();
  const { fence } = await offer({
    task: "agent",
    agent: "demo",
    instructions: "Add a README quick start demo:secret-hunt",
  });
  const { outcome } = await until("the end", () => finishes()[0]);
  if (outcome.end !== "succeeded") throw new Error(`${JSON.stringify(outcome)}\n${program.text()}\n${logText(fence)}`);
  expect(outcome.result).toMatchObject({
    branch: "hive/job-1",
    summary: "Extended README.md.",
    agent: { name: "demo", model: "scripted" },
  });
  expect(served("show", "hive/job-1:README.md")).toContain("Quick start");
  expect(served("log", "-1", "--format=%B", "hive/job-1")).toContain("Hive-Job: job-1");
  const events = dispatcher
    .callsOf("leaseEvents")
    .flatMap((call) => (call.body as { events: { type: string }[] }).events);
  expect(events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["message", "tool_call", "file_change", "result"]),
  );
  expect(dispatcher.callsOf("workerRegister")[0]?.body).toMatchObject({
    name: "hive-worker-1",
    provider: "process",
    isolation: process.getuid?.() === 0 ? "user" : "none",
    agents: expect.arrayContaining(["demo"]),
    proof: { kind: "launch", token: LAUNCH_TOKEN },
  });
  for (const canary of [TOKEN, LAUNCH_TOKEN, "worker-token"]) {
    expect(logText(fence) + JSON.stringify(events) + program.text()).not.toContain(canary);
  }
});

test("when its parent is gone the worker takes no more jobs, reports the one it has, says goodbye and ends", async () => {
  const program = start();
  const { fence } = await offer({ task: "script", script: "echo started; sleep 0.5; echo x > x.txt" });
  await until("the script", () => logText(fence).includes("started"));
  await offer({ jobId: "job-2", task: "script", script: "true" });
  program.child.stdin?.end();
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(finishes().map(({ outcome }) => outcome.end)).toEqual(["succeeded"]);
  expect(dispatcher.calls.at(-1)?.name).toBe("workerGoodbye");
});

test("without a parent and without a dispatcher the worker leaves after its time, and keeps its result on the disk", async () => {
  dispatcher.intervals.leaseMs = 2_000;
  dispatcher.intervals.heartbeatMs = 200;
  const program = start({ HIVE_ORPHAN_SECONDS: "0.3" });
  const { fence } = await offer({ task: "script", script: "echo started; sleep 3571" });
  await until("the script", () => logText(fence).includes("started"));
  await dispatcher.close();
  program.child.stdin?.end();
  expect(await program.ended).toEqual({ code: 0, signal: null });

  const revived = await startScriptedDispatcher();
  const again = start({ HIVE_URL: revived.url });
  // The new dispatcher does not know the lease: the result is told, refused, and leaves the disk.
  await until("the replay", () => revived.callsOf("leaseFinish").length > 0);
  expect(revived.callsOf("leaseFinish")[0]?.body).toMatchObject({ outcome: { end: "returned" } });
  again.child.stdin?.end();
  await again.ended;
  await revived.close();
});

test("a worker that was stopped for most of its lease kills the work before it does anything else", async () => {
  dispatcher.intervals.leaseMs = 4_500;
  dispatcher.intervals.heartbeatMs = 500;
  const program = start();
  const { fence } = await offer({ task: "script", script: "echo x > x.txt; echo started; sleep 3572" });
  await until("the script", () => logText(fence).includes("started"));
  program.child.kill("SIGSTOP");
  const stoppedAt = performance.now();
  await until("two thirds of the lease", () => performance.now() - stoppedAt > 3_100);
  const { length } = dispatcher.calls;
  dispatcher.stale.add(fence);
  program.child.kill("SIGCONT");
  await until("the next claim", () => dispatcher.callsOf("workerClaim").length === 2);
  const after = dispatcher.calls.slice(length).map(({ name }) => name);
  expect(after).not.toContain("leasePublish");
  expect(after).not.toContain("leasePutArtifact");
  expect(served("for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
});

test("SIGTERM gives the job back after the grace and ends the program with 0; the tree is dead", async () => {
  const program = start({ HIVE_DRAIN_SECONDS: "0.1" });
  const { fence } = await offer({ task: "script", script: "echo started $$; exec sleep 3573" });
  await until("the script", () => logText(fence).includes("started"));
  program.child.kill("SIGTERM");
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(finishes()[0]?.outcome).toEqual({ end: "returned", message: "SIGTERM" });
});

test("a second signal ends the worker at once", async () => {
  const program = start({ HIVE_DRAIN_SECONDS: "600" });
  const { fence } = await offer({ task: "script", script: "echo started; sleep 3574" });
  await until("the script", () => logText(fence).includes("started"));
  program.child.kill("SIGTERM");
  await until("the first is heard", () => program.text().includes("leaving"));
  program.child.kill("SIGTERM");
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(finishes()[0]?.outcome.end).toBe("returned");
});

test("settings that cannot be used and a used launch token end the program with 1 and a sentence", async () => {
  const bad = start({ HIVE_URL: "nowhere", HIVE_ROLES: "a b" });
  expect((await bad.ended).code).toBe(1);
  expect(bad.text()).toMatch(/HIVE_URL.*\n.*HIVE_ROLES/);
  dispatcher.on("workerRegister", () => {
    throw new HiveError("registration_refused", "its launch token was used by another worker");
  });
  const refused = start();
  expect((await refused.ended).code).toBe(1);
  expect(refused.text()).toContain("its launch token was used by another worker");
});

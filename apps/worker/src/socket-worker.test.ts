import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { FinishRequest, LeaseGrant } from "@hive/protocol";
import { type GitWorld, plainGit, startGitWorld } from "./git/git-fixture.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { type SocketServer, startSocketServer } from "./way/socket-server.fixture.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
let world: GitWorld;
let dispatcher: ScriptedDispatcher;
let server: SocketServer;
let data = "";
let repo = "";
let count = 0;
const children: ChildProcess[] = [];

beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: world.credential, githubApiUrl: null };
  data = await mkdtemp(join(tmpdir(), "hive-socket-worker-"));
  await chmod(data, 0o711);
  server = await startSocketServer(join(data, "server.sock"), dispatcher.url);
  count += 1;
  repo = `socket-${count}.git`;
  await world.makeRepo(repo);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
    }
  }
  await server.leave();
  await dispatcher.close();
  await rm(data, { recursive: true, force: true });
});

/** A worker that has nothing but the socket. */
function start(env: Record<string, string> = {}): { ended: Promise<number | null>; text(): string; stop(): void } {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HIVE_SOCKET: server.path,
      HIVE_LAUNCH_TOKEN: "launch-token-canary-1d7c",
      HIVE_WORKER_NAME: "hive-worker-1",
      HIVE_WORKER_DATA: join(data, "worker"),
      HIVE_AGENT_UID_BASE: String(59_000 + (process.pid % 5_000)),
      ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  return { ended, text: () => text, stop: () => child.kill("SIGTERM") };
}

const offer = (script: string, jobId = "job-1"): Promise<LeaseGrant> =>
  dispatcher.offer({ jobId, repo: `${world.server.url}/${repo}`, script });
const finishes = (): FinishRequest[] => dispatcher.callsOf("leaseFinish").map((call) => call.body as FinishRequest);
const served = (...args: string[]): string => plainGit(join(world.folder, "served", repo), ...args);
const logText = (fence: number): string => dispatcher.log.get(fence)?.toString() ?? "";
const login = (token: string): string => `Basic ${Buffer.from(`hive:${token}`).toString("base64")}`;

test("with nothing but a socket a whole job is done: each part goes out with the token that is its own", async () => {
  server.answer = (incoming) =>
    incoming.url?.startsWith("http://packages.example/") === true ? { status: 200, body: "a package" } : null;
  const program = start();
  const { fence, token, egressToken } = await offer(
    "curl -sS http://packages.example/p; git ls-remote http://packages.example/x.git; env; echo x > x.txt",
  );
  const { outcome } = await until("the end", () => finishes()[0]);
  if (outcome.end !== "succeeded") throw new Error(`${JSON.stringify(outcome)}\n${program.text()}\n${logText(fence)}`);
  expect(served("show", "hive/job-1:x.txt")).toBe("x");
  expect(outcome.result.artifacts.map(({ name }) => name)).toEqual(["diff.patch"]);
  expect(logText(fence)).toContain("a package");

  const logins = (host: string) =>
    new Set(server.proxied.filter(({ target }) => target.includes(host)).map(({ authorization }) => authorization));
  expect(logins(new URL(world.server.url).host)).toEqual(new Set([login(token)]));
  expect(logins("packages.example")).toEqual(new Set([login(egressToken)]));
  expect(logText(fence)).toMatch(/^HTTPS_PROXY=http:\/\/hive:\[redacted\]@127\.0\.0\.1:\d+$/m);
  for (const secret of [token, egressToken, "worker-token", "launch-token-canary"]) {
    expect(logText(fence) + program.text()).not.toContain(secret);
  }
});

test("when the server and its socket file are replaced, the stream, the log and the job go on", async () => {
  start();
  const { fence } = await offer("echo before; until [ -e go ]; do sleep 0.05; done; echo after; sleep 3581");
  await until("the script", () => logText(fence).includes("before"));
  const streams = dispatcher.callsOf("workerSignals").length;
  await server.leave();
  await until("the stream to break", () => dispatcher.streams.size === 0);
  await server.comeBack();
  await until("a new stream", () => dispatcher.callsOf("workerSignals").length > streams);
  dispatcher.signal({ signal: "cancel", jobId: "job-1", fence, reason: "not needed" });
  expect((await until("the end", () => finishes()[0])).outcome.end).toBe("canceled");
});

test("a one-shot worker does one job, tells its end, says goodbye and leaves with 0", async () => {
  const program = start({ HIVE_ONE_SHOT: "1" });
  await offer("echo x > x.txt");
  await offer("true", "job-2");
  expect(await program.ended).toBe(0);
  expect(finishes().map(({ outcome }) => outcome.end)).toEqual(["succeeded"]);
  expect(dispatcher.callsOf("workerClaim")).toHaveLength(1);
  expect(dispatcher.calls.at(-1)?.name).toBe("workerGoodbye");
});

test("a one-shot worker waits with an untold end until the server is back", async () => {
  dispatcher.intervals.leaseMs = 1_500;
  dispatcher.intervals.heartbeatMs = 300;
  const program = start({ HIVE_ONE_SHOT: "1", HIVE_ORPHAN_SECONDS: "60" });
  const { fence } = await offer("echo started; sleep 3582");
  await until("the script", () => logText(fence).includes("started"));
  await server.leave();
  await until("the worker to give the end up for now", () => program.text().includes("waits on the disk"));
  await server.comeBack();
  expect(await program.ended).toBe(0);
  expect(finishes().at(-1)?.outcome.end).toBe("returned");
});

test("the log tells a person the story of a job, without its secrets", async () => {
  const program = start({ HIVE_ONE_SHOT: "1" });
  const { token } = await offer("echo x > x.txt");
  await program.ended;
  const lines = program
    .text()
    .replaceAll(/\b\d\d:\d\d:\d\d /g, "")
    .replaceAll(/[0-9a-f]{40}/g, "COMMIT");
  expect(lines).toMatch(
    /^registered as hive-worker-1 at unix:.*server\.sock \(any role, agents: demo, isolation: \S+\)$/m,
  );
  const story = lines.split("\n").filter((line) => line.startsWith("job-1: "));
  expect(story.map((line) => line.slice("job-1: ".length).replace(/ in [\d.]+ s$/, " in TIME"))).toEqual([
    `script of ${world.server.url}/${repo}, attempt 1`,
    "prepare",
    "starting at COMMIT for hive/job-1",
    "setup",
    "run",
    "publish",
    "pushed COMMIT to hive/job-1",
    "report",
    "succeeded in TIME",
  ]);
  expect(lines).toMatch(/^leaving: its one job is done$/m);
  expect(lines).not.toContain(token);
});

test("the contact file is as young as the server's last answer", async () => {
  const contact = join(data, "contact");
  start({ HIVE_CONTACT_FILE: contact });
  await until("the claim", () => dispatcher.callsOf("workerClaim").length > 0);
  const first = (await stat(contact)).mtimeMs;
  expect(Date.now() - first).toBeLessThan(30_000);
});

test("a secret in a file is waited for, because the server that writes it may start later", async () => {
  const file = join(data, "callback-secret");
  const program = start({ HIVE_LAUNCH_TOKEN: "", CALLBACK_SECRET_FILE: file });
  await until("the wait", () => program.text().includes(`waiting for ${file}`));
  await writeFile(file, "");
  await writeFile(file, `${"s".repeat(32)}\n`);
  const registration = await until("the registration", () => dispatcher.callsOf("workerRegister")[0]);
  expect(registration.body).toMatchObject({ proof: { kind: "secret" } });
});

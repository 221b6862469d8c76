// A worker with the addresses of two dispatchers: one goes away in the middle of a job.
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import type { FinishRequest } from "@hive/protocol";
import { pino } from "pino";
import { startTcpProxy } from "../../../test/peers/tcp-proxy.ts";
import { readConfig } from "./config.ts";
import { startGitWorld } from "./git/git-fixture.ts";
import { machineClock } from "./loops/clock.ts";
import { startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { run } from "./process/run.ts";
import { startWorker } from "./start-worker.ts";
import type { Tasks } from "./worker-parts.ts";
import { openWay } from "./way/way-to-server.ts";

const SECRET = "s".repeat(32);
const SHELL = { cwd: "/", env: { PATH: "/usr/bin:/bin" } };

/** The job's script, in the repository. */
const scripts: Tasks = {
  setUp: () => Promise.resolve(null),
  async run({ job, workspace, slot, log, signal }) {
    await run({
      argv: ["/bin/sh", "-c", job.script ?? ""],
      cwd: workspace.repo,
      env: { ...SHELL.env, HOME: slot.home },
      signal,
      onOutput: (chunk, stream) => log.write(chunk, stream),
      ...(slot.user === undefined ? {} : { user: slot.user }),
    });
    const nothing = { error: null, summary: null, verdict: null, outputs: null, exitCode: 0, agent: null };
    return { ...nothing, files: [], publishes: true, verify: null };
  },
};

test("its session, claims, signals, heartbeats and log go on by the other one, and the job ends once", async () => {
  const login = { username: "robot", password: "of the robot" };
  const world = await startGitWorld({ robot: { password: login.password } });
  const dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: login, githubApiUrl: null };
  const to = Number(new URL(dispatcher.url).port);
  const [one, two] = [await startTcpProxy({ to }), await startTcpProxy({ to })];
  const data = await mkdtemp(join(tmpdir(), "hive-worker-"));
  await chmod(data, 0o711);
  await world.makeRepo("app.git");
  const config = readConfig({
    HIVE_URL: [one, two].map(({ port }) => `http://127.0.0.1:${port}`).join(","),
    CALLBACK_SECRET: SECRET,
    HIVE_WORKER_DATA: data,
    HIVE_AGENT_UID_BASE: String(47_000 + (process.pid % 1_000)),
    HIVE_ORPHAN_SECONDS: "0",
  });
  const worker = await startWorker({
    config,
    credential: { kind: "secret", secret: SECRET },
    way: await openWay(config, machineClock, () => undefined),
    clock: { ...machineClock, after: (ms, act) => machineClock.after(ms < 300 ? Math.min(ms, 20) : ms, act) },
    log: pino({ level: "silent" }),
    version: "test",
    tasksWith: () => scripts,
    agents: [],
    tools: Promise.resolve({}),
    mustReach: [],
  });
  const finishes = (): FinishRequest[] => dispatcher.callsOf("leaseFinish").map((call) => call.body as FinishRequest);
  const logOf = (fence: number): string => dispatcher.log.get(fence)?.toString() ?? "";
  try {
    const script = "echo before; until test -e go; do sleep 0.05; done; rm go; echo after; echo done > new.txt";
    const { fence } = await dispatcher.offer({ jobId: "job-1", repo: `${world.server.url}/app.git`, script });
    await until("the first bytes", () => logOf(fence).includes("before") || undefined);
    await until("the stream of signals", () => dispatcher.streams.size > 0 || undefined);
    expect(two.counts.connections).toBe(0);

    await one.dispose();
    const [attempt = ""] = (await readdir(join(data, "slot-0"))).filter((name) => name.startsWith("attempt-"));
    await run({ ...SHELL, argv: ["touch", join(data, "slot-0", attempt, "work/repo/go")] });
    const { outcome, log } = await until("the end", () => finishes()[0]);
    expect(outcome.end).toBe("succeeded");
    const bytes = dispatcher.log.get(fence) ?? Buffer.alloc(0);
    expect(logOf(fence)).toMatch(/before[^]*after/);
    expect(log).toEqual({ bytes: bytes.length, crc32: crc32(bytes) });

    await until("the stream of signals again", () => dispatcher.callsOf("workerSignals").length > 1 || undefined);
    await dispatcher.offer({ jobId: "job-2", repo: `${world.server.url}/app.git`, script: "true" });
    await until("the end of the next job", () => finishes()[1]);
    expect(dispatcher.callsOf("workerRegister")).toHaveLength(1);
    expect(two.counts.connections).toBeGreaterThan(0);
  } finally {
    worker.stopNow("the test is over");
    await worker.done.catch(() => undefined);
    await Promise.all([one.dispose(), two.dispose(), dispatcher.close(), world.stop()]);
    await rm(data, { recursive: true, force: true });
  }
});

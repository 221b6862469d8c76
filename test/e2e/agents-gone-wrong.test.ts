/** Agents that die, hang, flood and leave children: each ends its job with a reason, and harms nobody else. */
import { readFileSync } from "node:fs";
import type { JobDetail } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { descendants, withTraces } from "./processes.ts";
import { until } from "./until.ts";

const TOKEN = "ghp_goneWrong0Canary1Token2For3Hive4Tests";
let git: GitHost;
let server: HiveProcess;

beforeAll(async () => {
  git = await startGitHost({ "x-access-token": { password: TOKEN } });
  git.makeRepo("app.git");
  server = await startHive({ env: { HIVE_AGENT: "demo", HIVE_WORKERS: "1" } });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

function run(
  jobId: string,
  instructions: string,
  more: { maxAttempts?: number; timeoutMs?: number } = {},
): Promise<JobDetail> {
  return server.run({
    jobId,
    repo: `${git.server.url}/app.git`,
    task: "agent",
    instructions,
    githubToken: TOKEN,
    ...more,
  });
}

/** The most memory a process ever held, in KiB; null: it is over. */
function mostMemoryOf(pid: number): number | null {
  try {
    const found = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

async function nothingRuns(): Promise<void> {
  // The slot's own clean-up runs as the user the agent ran as, and ends by itself; what an agent left would stay.
  await until("the slot to be empty", () => withTraces({ folder: "/no/such", uids: server.traces.uids }).length === 0, {
    limitMs: 10_000,
  });
  await until("the worker to be free", async () => (await server.hive.health()).workers.free === 1);
}

test("one killed with 137 is told as out of memory or killed, and tried again as the system's trouble", async () => {
  const job = await run("killed", "demo:exit=137", { maxAttempts: 2 });
  expect(job).toMatchObject({ status: "failed", attempts: 2, failures: 2, result: { exitCode: 137 } });
  expect(job.error?.message).toMatch(/137|memory|killed/i);
  await nothingRuns();
});

test("one that ends with an error of its own is failed work, paid for once", async () => {
  const job = await run("fails", "demo:fail");
  expect(job).toMatchObject({ status: "failed", attempts: 1, reason: "agent_error" });
});

test("one that hangs and ignores signals is ended by the job's time limit", async () => {
  const job = await run("hangs", "demo:hang", { timeoutMs: 3_000, maxAttempts: 1 });
  expect(job).toMatchObject({ status: "failed", attempts: 1 });
  expect(job.reason).toContain("time");
  await nothingRuns();
});

test("one that leaves children behind succeeds, and the children are dead", async () => {
  const job = await run("children", "Write a.md demo:children");
  expect(job).toMatchObject({ status: "succeeded" });
  await nothingRuns();
});

test("one that hunts for secrets finds none", async () => {
  const job = await run("hunts", "Write b.md demo:secret-hunt");
  const log = await (await server.fetch("/v1/jobs/hunts/logs")).text();
  expect(job.status, log.slice(0, 2000)).toBe("succeeded");
  expect(log).toContain("hunt env:");
  expect(log).not.toContain(TOKEN);
  expect(log).not.toContain(server.token);
});

test("one that floods its output is bounded in memory, every byte is in the log, and the next job runs", async () => {
  const flood = 60_000_000;
  const job = await run("floods", `Write c.md demo:flood=${flood}`);
  expect(job).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(job.history[0]?.log?.bytes).toBeGreaterThan(flood);
  // The clean-up of the slot may end while we look.
  const most = [server.pid(), ...descendants(server.pid()).map(({ pid }) => pid)].flatMap(
    (pid) => mostMemoryOf(pid) ?? [],
  );
  expect(most.length).toBeGreaterThan(2);
  expect(Math.max(...most), `most memory in KiB, of ${most.join(", ")}`).toBeLessThan(600_000);
  const events = (await (await server.fetch("/v1/jobs/floods/events?limit=1000")).json()) as { next: string | null };
  expect(events.next).not.toBeNull();
  await nothingRuns();
  expect(await run("after-the-flood", "Write d.md")).toMatchObject({ status: "succeeded" });
});

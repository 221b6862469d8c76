/** Pools of containers on a real engine: who runs what with which limits, what is in the way, and what outlives a crash. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT } from "../e2e/hive-process.ts";
import { runProgram } from "../e2e/run-program.ts";
import { until } from "../e2e/until.ts";
import { hiveContainers, killContainer, startFleetHive, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

const POOLS = `
pools:
  - { name: plain, max: 3, warm: 0, memory: 512m }
  - { name: small, max: 1, warm: 0, labels: [small], roles: [tester], memory: 256m, disk: 64m, pids: 100, cpus: 0.5, timeout: 5s }
  - { name: nowhere, max: 2, labels: [nowhere], image: "hive-worker:there-is-none" }
  - { name: off, labels: [off], paused: true }
`;

describe.skipIf(isMissing)("pools of containers", () => {
  let host: GitHost;
  let hive: HiveProcess;
  let repo: string;
  const { socket } = engine;
  const limits = { limitMs: 60_000, more: () => hive.printed().slice(-4_000) };

  beforeAll(async () => {
    host = await startGitHost();
    repo = host.makeRepo("pools.git");
    hive = await startFleetHive(engine, { yaml: POOLS });
  });
  afterAll(async () => {
    await hive.dispose();
    await host.stop();
    await untilEngineIsEmpty(socket, 60_000);
  });

  async function log(jobId: string): Promise<string> {
    return (await hive.fetch(`/v1/jobs/${jobId}/logs`)).text();
  }
  async function pool(name: string) {
    const found = (await hive.hive.pools()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`no pool ${name}`);
    return found;
  }
  async function waiting(jobId: string): Promise<string | null> {
    return (await hive.hive.get(jobId)).waiting;
  }
  /** Puts a job in that says "ready" and then stays for a while. */
  async function lingering(jobId: string, seconds: number): Promise<string> {
    await hive.hive.enqueue({ jobId, repo, task: "script", script: `echo ready; sleep ${seconds}; echo x > ${jobId}` });
    await until("the script to be at work", async () => (await log(jobId)).includes("ready"), limits);
    return (await hive.hive.get(jobId)).history.at(-1)?.workerId ?? "";
  }

  test("a job runs in the pool that has its labels, under that pool's limits", async () => {
    const script =
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true; df --output=size -B1 . | tail -1";
    const job = await hive.run({ repo, task: "script", script, labels: ["small"], role: "tester" });
    expect(job.error).toBeNull();
    expect(job.history[0]?.workerId).toBe("hive-small-1");
    expect(await log(job.jobId)).toContain(String(256 * 2 ** 20));
    expect(await log(job.jobId)).toContain(String(64 * 2 ** 20));
    const plain = await hive.run({ repo, task: "script", script: "true" });
    expect(plain.history[0]?.workerId).toMatch(/^hive-plain-[123]$/);
  });

  test("a job that takes longer than its pool allows has failed, and its container is gone", async () => {
    const job = await hive.run({ repo, task: "script", script: "sleep 600", labels: ["small"] });
    expect(job).toMatchObject({ status: "failed", reason: "timeout" });
    const isGone = async () => !(await hiveContainers(socket)).some(({ Labels }) => Labels["hive.pool"] === "small");
    await until("its container to be gone", isGone, limits);
  });

  test("what is in the way of a pool is said where people look, and the others go on", async () => {
    await hive.hive.enqueue({ jobId: "waits", repo, task: "script", script: "true", labels: ["nowhere"] });
    await until("the pool to say so", async () => (await pool("nowhere")).state === "image_missing", limits);
    expect(await waiting("waits")).toMatch(/^It waits for a worker. The pool nowhere: image missing: .*there-is-none/);
    await hive.hive.enqueue({ jobId: "paused", repo, task: "script", script: "true", labels: ["off"] });
    expect(await waiting("paused")).toBe("It waits for a worker. The pool off: paused.");
    await hive.hive.enqueue({ jobId: "nobody", repo, task: "script", script: "true", labels: ["quantum"] });
    expect(await waiting("nobody")).toMatch(/^No pool of this server .* has the label quantum/);
    const cli = join(ROOT, "apps/cli/src/main.ts");
    const env = plainEnvironment({ HIVE_DATA: hive.data, HIVE_PORT: String(hive.port) });
    const { code, stdout } = await runProgram([process.execPath, cli, "pools"], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^nowhere +docker +\d+ +0 to 2 .*image missing$/m);
    expect(stdout).toMatch(/^off .*paused$/m);
    expect(stdout).toMatch(/^plain .*ok$/m);
  });

  test("a job goes on in its container while the dispatcher is killed and started again: one attempt, nothing lost", async () => {
    await lingering("survives", 8);
    await hive.crash();
    await hive.start();
    const job = await hive.over("survives");
    expect(job).toMatchObject({ status: "succeeded", losses: 0 });
    expect(job.history).toHaveLength(1);
    expect(host.read("pools.git", "hive/survives", "survives")).toBe("x");
  });

  test("a container killed from outside is no fault of its job, which another takes over", async () => {
    await lingering("killed", 3);
    for (const { Id, Labels } of await hiveContainers(socket))
      if (Labels["hive.pool"] === "plain") await killContainer(socket, Id);
    const job = await hive.over("killed");
    expect(job).toMatchObject({ status: "succeeded", losses: 0, failures: 0 });
    expect(job.history.map(({ end }) => end)).toEqual(["returned", "succeeded"]);
  });

  test("a stop of the server leaves no container, and its jobs are queued for the next start", async () => {
    await lingering("returns", 600);
    await hive.stop();
    await untilEngineIsEmpty(socket, 5_000);
    await hive.start();
    const seen = await hive.hive.get("returns");
    expect(seen).toMatchObject({ losses: 0 });
    expect(["queued", "running", "scheduled"]).toContain(seen.status);
    await hive.hive.cancel("returns");
    expect(await hive.over("returns")).toMatchObject({ status: "canceled" });
  });
});

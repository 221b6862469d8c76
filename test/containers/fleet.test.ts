/** Jobs through the whole path with workers that are one-shot containers of a real engine. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { hiveContainers, startFleetHive, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

describe.skipIf(isMissing)("workers in containers", () => {
  let host: GitHost;
  let hive: HiveProcess;
  const { socket, workerImage } = engine;

  beforeAll(async () => {
    host = await startGitHost();
    hive = await startFleetHive(engine, { env: { HIVE_WORKERS: "10" } });
  });
  afterAll(async () => {
    await hive.dispose();
    await host.stop();
    await untilEngineIsEmpty(socket, 60_000);
  });

  test("a job runs in a container of its own, pushes its branch, and the result says where it was made", async () => {
    const repo = host.makeRepo("one.git");
    const job = await hive.run({ repo, task: "script", script: "id -u; echo made in a container > made.txt" });
    expect(job.error).toBeNull();
    expect(host.read("one.git", `hive/${job.jobId}`, "made.txt")).toBe("made in a container");
    expect(job.result?.isolation).toBe("container");
    expect(job.result?.environment).toMatchObject({
      provider: "docker",
      image: { name: workerImage, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
      tools: { node: expect.stringMatching(/^v?\d+\./), git: expect.any(String) },
    });
  });

  test("ten workers do a hundred jobs, each in a fresh container, and nobody finds what another left", async () => {
    const repo = host.makeRepo("hundred.git");
    const script = [
      'test -z "$(find / -xdev -user "$(id -u)" -name "mark-*" 2>/dev/null)" || exit 9',
      'touch "$HOME/mark-home" "$TMPDIR/mark-tmp" /tmp/mark-shared',
      'echo "$HIVE_JOB_ID" > "$HIVE_JOB_ID.txt"',
    ].join("\n");
    const ids = Array.from({ length: 100 }, (_, n) => `hundred-${n}`);
    await hive.hive.enqueueAll(ids.map((jobId) => ({ jobId, repo, task: "script", script })));
    let most = 0;
    const allOver = async (): Promise<boolean> => {
      const { queue } = await hive.hive.health();
      most = Math.max(most, queue.running);
      return queue.queued + queue.running === 0;
    };
    await until("a hundred jobs to be over", allOver, { limitMs: 300_000, more: () => hive.printed().slice(-4_000) });
    const jobs = await Promise.all(ids.map((id) => hive.over(id)));
    expect(jobs.filter(({ status }) => status !== "succeeded").map(({ jobId, error }) => [jobId, error])).toEqual([]);
    expect(jobs.filter(({ history }) => history.length !== 1).map(({ jobId }) => jobId)).toEqual([]);
    expect(ids.filter((id) => host.read("hundred.git", `hive/${id}`, `${id}.txt`) !== id)).toEqual([]);
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(10);
    expect(new Set(jobs.map(({ history }) => history[0]?.workerId)).size).toBeGreaterThan(5);
  }, 400_000);

  test("a cancel ends the container's whole process tree, also what escaped its session", async () => {
    const repo = host.makeRepo("cancel.git");
    const script = "setsid sh -c 'sleep 4711' & (nohup sh -c 'sleep 4711' &) ; echo ready; sleep 4711";
    const { jobId } = await hive.hive.enqueue({ repo, task: "script", script });
    const isReady = async (): Promise<boolean> =>
      (await (await hive.fetch(`/v1/jobs/${jobId}/logs`)).text()).includes("ready");
    await until("the script to be at work", isReady, { limitMs: 60_000, more: () => hive.printed().slice(-4_000) });
    await hive.hive.cancel(jobId);
    const job = await hive.over(jobId);
    expect(job.status).toBe("canceled");
    const isGone = async (): Promise<boolean> =>
      !(await hiveContainers(socket)).some(({ Labels }) => Labels["hive.name"] === job.history[0]?.workerId);
    await until("its container to be gone", isGone, { limitMs: 30_000 });
  });
});

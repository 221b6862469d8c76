/** Containers, the dispatcher and the engine die under load: no job is lost and nothing is left behind. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { hiveContainers, killContainer, startFleetHive, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

const KILLS = 100;
const DISPATCHER_KILLS = 4;
const LEFTOVER_MS = 60_000;

/** Names of the workers that have a job: one that dies before it registered is a failed boot, and its pool waits. */
async function busyWorkers(hive: HiveProcess): Promise<ReadonlySet<string>> {
  const { workers } = (await (await hive.fetch("/v1/workers")).json()) as {
    readonly workers: readonly { readonly name: string; readonly jobId: string | null }[];
  };
  return new Set(workers.filter(({ jobId }) => jobId !== null).map(({ name }) => name));
}

describe.skipIf(isMissing)("crashes around containers", () => {
  let host: GitHost;
  let hive: HiveProcess;
  const { socket } = engine;

  beforeAll(async () => {
    host = await startGitHost();
    // A lease that ends soon: what a killed dispatcher could not see end is found by its lease.
    hive = await startFleetHive(engine, { env: { HIVE_WORKERS: "6", HIVE_LEASE_MS: "4000" } });
  });
  afterAll(async () => {
    await hive.dispose();
    await host.stop();
  });

  test("100 containers and the dispatcher are killed in the middle of jobs: none is lost, nothing is left", async () => {
    const repo = host.makeRepo("crashes.git");
    const ids = Array.from({ length: 30 }, (_, n) => `crash-${n}`);
    const script = 'echo "$HIVE_JOB_ID" > "$HIVE_JOB_ID.txt"; sleep 1';
    // A container killed from outside is nobody's fault, and a job may lose as many as there are kills.
    await hive.hive.enqueueAll(ids.map((jobId) => ({ jobId, repo, task: "script", script, maxAttempts: 20 })));
    let kills = 0;
    let dispatcherKills = 0;
    const strike = async (): Promise<boolean> => {
      const busy = await busyWorkers(hive);
      for (const { Id, Labels } of await hiveContainers(socket)) {
        if (kills >= KILLS || !busy.has(Labels["hive.name"] ?? "")) continue;
        if (await killContainer(socket, Id)) kills += 1;
      }
      if (dispatcherKills < DISPATCHER_KILLS && kills >= (dispatcherKills + 1) * 20) {
        dispatcherKills += 1;
        await hive.crash();
        await hive.start();
      }
      return kills >= KILLS && dispatcherKills === DISPATCHER_KILLS;
    };
    await until("100 containers to be killed", strike, { limitMs: 240_000, more: () => hive.printed().slice(-6_000) });
    const allOver = async (): Promise<boolean> => {
      const { queue } = await hive.hive.health();
      return queue.queued + queue.running + queue.scheduled === 0;
    };
    await until("every job to be over", allOver, { limitMs: 120_000, more: () => hive.printed().slice(-6_000) });
    const jobs = await Promise.all(ids.map((id) => hive.over(id)));
    expect(jobs.filter(({ status }) => status !== "succeeded").map(({ jobId, error }) => [jobId, error])).toEqual([]);
    expect(ids.filter((id) => host.read("crashes.git", `hive/${id}`, `${id}.txt`) !== id)).toEqual([]);
    await hive.stop();
    await untilEngineIsEmpty(socket, LEFTOVER_MS);
  }, 480_000);
});

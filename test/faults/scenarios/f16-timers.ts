/**
 * F16: jobs that wait for their time while the queen is killed again and again. Whoever leads when the time comes gives
 * each out, not before it, and once.
 */
import type { HiveEvent } from "@hive/core";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import { monotonicMs } from "../history.ts";
import { lightJob, runLight } from "../light-run.ts";
import { findQueen, upAndReady } from "../queens.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "../scenario.ts";

/** How far ahead jobs are put in at most, in milliseconds. */
const AHEAD_MS = 8_000;
const READY_LIMIT_MS = 30_000;

export const timers: Scenario = {
  id: "F16",
  title: "jobs that wait for their time are given out once and not before it, whoever is the queen by then",
  stores: ["sqlite", "redis"],
  run,
};

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const kills = sized(size, { quick: 2, full: 10 });
  await using replicas = await startReplicas({ store, count: store === "redis" ? 3 : 1 });
  const { servers, urls, token, secret } = replicas;
  const chance = dice(seed, "kills");
  const ahead = dice(seed, "ahead");
  /** By the job's id. */
  const due = new Map<string, number>();
  const takeoverMs: number[] = [];
  const lateMs: number[] = [];
  const { broken, figures } = await runLight({
    name: `F16-${store}`,
    seed,
    token,
    secret,
    cleanUrl: urls.join(","),
    clientUrl: urls.join(","),
    workerUrls: urls,
    workers: 8,
    jobs: sized(size, { quick: 40, full: 400 }),
    holdMs: 200,
    more: (n) => {
      const runAt = Date.now() + ahead.int(500, AHEAD_MS);
      due.set(lightJob(n).jobId, runAt);
      return { runAt: new Date(runAt).toISOString() };
    },
    harm: async ({ history, signal }) => {
      for (let kill = 0; kill < kills && !signal.aborted; kill += 1) {
        await upAndReady(servers, READY_LIMIT_MS);
        await pause(machineClock, chance.int(1_000, 3_000), signal);
        const victim = (await findQueen(servers)) ?? servers[0];
        if (victim === undefined) break;
        const others = servers.filter((one) => one !== victim);
        const begun = monotonicMs();
        await victim.crash();
        history.mark("the queen is killed");
        if (others.length > 0) {
          await until("another queen", () => findQueen(others), { limitMs: READY_LIMIT_MS });
          takeoverMs.push(monotonicMs() - begun);
        }
        await victim.start();
      }
      return { kills, takeovers: tellTimes(takeoverMs) };
    },
    verdict: (_, { events }) => {
      const given = grantsOf(events);
      const wrong: string[] = [];
      for (const [jobId, runAt] of due) {
        const [first, ...more] = given.get(jobId) ?? [];
        if (first === undefined) continue; // who looks for lost jobs says so
        lateMs.push(first - runAt);
        if (first < runAt) wrong.push(`${jobId} was given out ${runAt - first} ms before its time`);
        if (more.length > 0) wrong.push(`${jobId} was given out ${more.length + 1} times`);
      }
      if (lateMs.length < due.size) wrong.push(`${due.size - lateMs.length} jobs were never given out`);
      return wrong;
    },
  });
  return { broken, figures: { ...figures, "given out after their time": tellTimes(lateMs) } };
}

/** When each job was given to a worker, by the clock of the dispatcher that did. */
function grantsOf(events: readonly HiveEvent[]): ReadonlyMap<string, readonly number[]> {
  const grants = new Map<string, number[]>();
  for (const { type, jobId, at } of events) {
    if (type !== "job.leased" || jobId === null) continue;
    grants.set(jobId, [...(grants.get(jobId) ?? []), at]);
  }
  return grants;
}

/**
 * F16: jobs that wait for their time while the queen is killed again and again. Whoever leads when the time comes gives
 * each out, not before it, and once.
 */
import type { HiveEvent } from "@hive/core";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import type { Entry } from "../../sim/history.ts";
import { monotonicMs } from "../history.ts";
import { lightJob, runLight, throughAny } from "../light-run.ts";
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
  const { servers } = replicas;
  const chance = dice(seed, "kills");
  const ahead = dice(seed, "ahead");
  /** By the job's id. */
  const due = new Map<string, number>();
  const takeoverMs: number[] = [];
  const lateMs: number[] = [];
  const { broken, figures } = await runLight({
    name: `F16-${store}`,
    seed,
    ...throughAny(replicas),
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
    verdict: ({ history }, { events }) => {
      const given = givenOf(events, history.entries);
      const wrong: string[] = [];
      for (const [jobId, runAt] of due) {
        const { firstAt, times } = given.get(jobId) ?? { firstAt: null, times: 0 };
        if (firstAt === null) continue; // who looks for lost jobs says so
        lateMs.push(firstAt - runAt);
        if (firstAt < runAt) wrong.push(`${jobId} was given out ${runAt - firstAt} ms before its time`);
        if (times !== 1) wrong.push(`${jobId} was given out ${times} times`);
      }
      if (lateMs.length < due.size) wrong.push(`${due.size - lateMs.length} jobs were never given out`);
      return wrong;
    },
  });
  return { broken, figures: { ...figures, "given out after their time": tellTimes(lateMs) } };
}

/** How often a job was given to a worker, and when first, by the clock of the dispatcher that did. */
interface Given {
  readonly firstAt: number;
  readonly times: number;
}

/**
 * What became of each job. A lease that went back before anybody did anything under it is not counted in `times`: its
 * worker had hung up before it heard of it.
 */
function givenOf(events: readonly HiveEvent[], entries: readonly Entry[]): ReadonlyMap<string, Given> {
  const nameOf = (jobId: string | null, fence: unknown): string => `${jobId} ${String(fence)}`;
  const used = new Set<string>();
  for (const entry of entries) if (entry.kind === "act") used.add(nameOf(entry.jobId, entry.fence));
  const back = new Set<string>();
  for (const { jobId, data } of events) if (data["returned"] === true) back.add(nameOf(jobId, data["fence"]));
  const given = new Map<string, Given>();
  for (const { type, jobId, at, data } of events) {
    if (type !== "job.leased" || jobId === null) continue;
    const name = nameOf(jobId, data["fence"]);
    const isHeard = used.has(name) || !back.has(name);
    const { firstAt, times } = given.get(jobId) ?? { firstAt: at, times: 0 };
    given.set(jobId, { firstAt, times: isHeard ? times + 1 : times });
  }
  return given;
}

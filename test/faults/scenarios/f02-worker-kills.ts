/**
 * F2: workers are killed with SIGKILL in the middle of their jobs. Some jobs are poison: whoever begins one dies. Those
 * end after three losses, by name, and nothing else does.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import type { LastLook } from "../last-look.ts";
import { type HarmDone, type LoadRun, runUnderLoad } from "../load-run.ts";
import { type PlannedJob, planJob } from "../load.ts";
import { type Scenario, sized } from "../scenario.ts";

const LOSSES = 3;
const LOOK_MS = 50;

export const workerKills: Scenario = {
  id: "F2",
  title: "workers are killed in the middle of their jobs; only what kills every worker is called poison",
  stores: ["sqlite", "redis"],
  run: (options) => {
    const poison = sized(options.size, { quick: 1, full: 5 });
    const jobs = sized(options.size, { quick: 30, full: 500 });
    const kills = sized(options.size, { quick: 4, full: 60 });
    const isPoison = (n: number): boolean => n % Math.floor(jobs / poison) === 2;
    return runUnderLoad({
      ...options,
      id: "F2",
      jobs,
      planJob: (n, repo, acts) => (isPoison(n) ? planPoison(planJob(n, repo, acts)) : planJob(n, repo, acts)),
      world: { workers: 4, leaseMs: 4_000 },
      harm: (run) => harm(run, kills, poison),
      also: (run, look) => endsByName(run, look),
    });
  },
};

/** It runs long enough to be found with its worker. */
function planPoison({ id, request }: PlannedJob): PlannedJob {
  const { jobId, repo, priority, metadata } = request;
  const body = { jobId, repo, priority, metadata, task: "script" as const, script: "sleep 60" };
  return { id, request: body, ends: "failed", pushes: null, prints: null };
}

function isPoisonous({ request }: PlannedJob): boolean {
  return request.script === "sleep 60";
}

async function harm(run: LoadRun, kills: number, poison: number): Promise<HarmDone> {
  const { world, live, jobs, history, signal } = run;
  const deadly = new Set(jobs.filter(isPoisonous).map(({ id }) => id));
  const dice = run.dice("nemesis");
  const places = Array.from({ length: world.workers.count }, (_, place) => place);
  const jobAt = (place: number): string | null => live.jobOf(`worker-${place + 1}`);
  let killed = 0;
  let poisoned = 0;
  let nextAt = 0;
  const poisonLeft = (): boolean => [...deadly].some((id) => !live.over.has(id));
  while ((killed < kills || poisonLeft()) && !signal.aborted) {
    await pause(machineClock, LOOK_MS, signal);
    const dead = places.find((place) => deadly.has(jobAt(place) ?? ""));
    // Once lost may be chance; a second time this could become poison that is none.
    const some = dice.some(places.filter((place) => live.losses(jobAt(place) ?? "") === 0 && jobAt(place) !== null));
    const isTime = killed < kills && performance.now() >= nextAt;
    const place = dead ?? (isTime ? some : undefined);
    if (place === undefined) continue;
    const job = jobAt(place) ?? "";
    const fence = live.fenceOf(job);
    // A lease that never began is no loss.
    const begun = (): boolean => live.startedOf(job) >= fence || live.over.has(job) || live.fenceOf(job) > fence;
    if (dead !== undefined) await until(`${job} to begin`, () => begun() || signal.aborted);
    history.mark(`worker ${place + 1} is killed with ${job}`);
    await world.workers.replace(place);
    if (dead === undefined) {
      killed += 1;
      nextAt = performance.now() + dice.int(300, 1_000);
    } else poisoned += 1;
    await until("its job to leave it", () => signal.aborted || jobAt(place) !== job || live.fenceOf(job) > fence);
    run.harmed(Math.min(1, (killed + poisoned) / (kills + poison * LOSSES)));
  }
  return {
    figures: { "kills of workers": killed, "deaths of poison": poisoned, losses: live.losses() },
    least: [
      ["kills of workers", killed, kills],
      ["deaths of poison", poisoned, poison * LOSSES],
    ],
  };
}

/** Poison is what was poison, nothing else. */
function endsByName({ jobs }: LoadRun, { details }: LastLook): readonly string[] {
  return jobs.flatMap((job) => {
    const { reason } = details.get(job.id) ?? { reason: null };
    const isCalled = reason === "poison";
    return isCalled === isPoisonous(job) ? [] : [`I9: ${job.id} ended with the reason ${reason}`];
  });
}

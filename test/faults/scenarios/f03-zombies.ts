/**
 * F3: workers stand still for much longer than their leases, with everything they started, and go on as if nothing had
 * happened. Beside them are zombies that write on under old fences through every call there is.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { descendants } from "../../e2e/processes.ts";
import { until } from "../../e2e/until.ts";
import { type HarmDone, type LoadRun, runUnderLoad } from "../load-run.ts";
import { type PlannedJob, planJob } from "../load.ts";
import { type Scenario, sized } from "../scenario.ts";

const LEASE_MS = 2_000;
const LOOK_MS = 50;

export const zombies: Scenario = {
  id: "F3",
  title: "workers that stood still beyond their leases write nothing under an old fence",
  stores: ["sqlite", "redis"],
  run: (options) => {
    const stops = sized(options.size, { quick: 4, full: 36 });
    const haunting = sized(options.size, { quick: { count: 1, leases: 2 }, full: { count: 4, leases: 8 } });
    return runUnderLoad({
      ...options,
      id: "F3",
      jobs: sized(options.size, { quick: 24, full: 300 }),
      planJob: planLongJob,
      world: { workers: 4, leaseMs: LEASE_MS },
      zombies: haunting,
      harm: (run) => harm(run, stops, haunting.count * haunting.leases),
    });
  },
};

/**
 * Long enough to be stopped in the middle. It notes no acts: what a program does in the moment its machine goes on, before
 * its worker can end it, nobody can prevent; what counts is that nothing of it is kept.
 */
function planLongJob(n: number, repo: string, acts: string): PlannedJob {
  const job = planJob(n, repo, acts);
  const { script, ...request } = job.request;
  if (script === undefined) return job;
  const quiet = script.split("\n").filter((line) => !line.includes(acts));
  return { ...job, request: { ...request, script: ["sleep 1", ...quiet].join("\n") } };
}

async function harm(run: LoadRun, stops: number, haunted: number): Promise<HarmDone> {
  const { world, live, jobs, history, signal } = run;
  const dice = run.dice("nemesis");
  const scripts = new Set(jobs.filter(({ request }) => request.task === "script").map(({ id }) => id));
  const places = Array.from({ length: world.workers.count }, (_, place) => place);
  const jobAt = (place: number): string => live.jobOf(`worker-${place + 1}`) ?? "";
  // Not earlier: while it brings its machine's copy of the repository up to date, everybody there waits for it.
  const isAtWork = (job: string): boolean =>
    history.entries.some(
      (entry) =>
        entry.kind === "event" &&
        entry.event.jobId === job &&
        entry.event.data["fence"] === live.fenceOf(job) &&
        entry.event.data["phase"] === "run",
    );
  const isDue = (place: number): boolean => scripts.has(jobAt(place)) && isAtWork(jobAt(place));
  let stopped = 0;
  let overtaken = 0;
  const stop = async (place: number): Promise<void> => {
    const job = jobAt(place);
    const fence = live.fenceOf(job);
    const root = world.workers.pid(place);
    const pids = [root, ...descendants(root).map(({ pid }) => pid)];
    history.mark(`worker ${place + 1} stands still with ${job}/${fence}`);
    signalAll(pids, "SIGSTOP");
    try {
      const isGone = (): boolean => live.fenceOf(job) > fence || live.over.has(job) || signal.aborted;
      await until(`${job}/${fence} to be somebody else's`, isGone, { limitMs: 60_000 });
      overtaken += live.fenceOf(job) > fence ? 1 : 0;
      await pause(machineClock, dice.int(0, LEASE_MS), signal);
    } finally {
      history.mark(`worker ${place + 1} goes on`);
      signalAll(pids, "SIGCONT");
    }
  };
  while (stopped < stops && !signal.aborted) {
    await pause(machineClock, LOOK_MS, signal);
    // Once lost may be chance; a third time would be poison.
    const place = dice.some(places.filter((one) => isDue(one) && live.losses(jobAt(one)) === 0));
    if (place === undefined) continue;
    await pause(machineClock, dice.int(0, 500), signal);
    if (!isDue(place)) continue;
    await stop(place);
    stopped += 1;
    run.harmed(stopped / stops);
  }
  return {
    figures: { "workers that stood still": stopped, overtaken, zombies: overtaken + haunted },
    least: [
      ["workers that stood still", stopped, stops],
      ["jobs that somebody else had meanwhile", overtaken, Math.ceil(stops / 2)],
    ],
  };
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself.
    }
  }
}

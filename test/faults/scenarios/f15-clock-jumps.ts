/**
 * F15: the wall clocks of the dispatchers, of Redis and of the workers are put an hour forward and an hour back, each by
 * itself, while jobs run. Leases are measured by clocks that nobody can set: none may run out, no lease may be given
 * twice, and no queen may be deposed.
 */
import type { HiveClient, NewJobRequest } from "@hive/sdk";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import { openHistory } from "../history.ts";
import { openShiftedClock } from "../native/shifted-clock.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";
import { openWorld } from "../world.ts";

const HOUR_MS = 3_600_000;
const LEASE_MS = 3_000;
/** Between two jumps: longer than a heartbeat, a tick and a renewal, shorter than a job. */
const BETWEEN_MS = 900;
/** What a job may take: by a clock that jumped an hour, all of it and more is over. */
const TIMEOUT_MS = 120_000;
const SCRIPT = "for n in 1 2 3 4 5 6; do echo $n; sleep 0.25; done";

export const clockJumps: Scenario = {
  id: "F15",
  title: "wall clocks that jump by an hour take no lease from anybody and depose no queen",
  stores: ["sqlite", "redis"],
  run: jump,
};

async function jump({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  using rooms = new DisposableStack();
  const clockOf = (what: string) => ({ what, clock: rooms.use(openShiftedClock()) });
  const dispatchers = Array.from({ length: store === "redis" ? 2 : 1 }, (_, n) => clockOf(`dispatcher ${n + 1}`));
  const workers = clockOf("the workers");
  const redis = store === "redis" ? [clockOf("Redis")] : [];
  const clocks = [...dispatchers, ...redis, workers];
  const history = openHistory(`F15-${store}-${seed}`);
  await using world = await openWorld({
    history,
    store,
    count: dispatchers.length,
    workers: 2,
    leaseMs: LEASE_MS,
    callbacks: false,
    envOf: (n) => dispatchers[n]?.clock.env ?? {},
    redis: { env: redis[0]?.clock.env ?? {} },
    workerEnv: workers.clock.env,
  });
  const hive = world.hive();
  const first = await world.queen();
  const jobs: string[] = [];
  const put = async (): Promise<void> => {
    const jobId = `clock-${jobs.length + 1}`;
    jobs.push(jobId);
    await hive.enqueue(jobOf(jobId, `file://${world.bare}`));
  };
  for (let n = 0; n < 2; n += 1) await put();
  let jumps = 0;
  for (let round = 0; round < sized(size, { quick: 1, full: 5 }); round += 1) {
    const all = clocks.flatMap((one) => [HOUR_MS, -HOUR_MS, 0].map((offset) => ({ ...one, offset })));
    for (const { what, clock, offset } of round === 0 ? all : dice(seed, `round ${round}`).shuffled(all)) {
      const { queue } = await until("a job to run", async () => {
        const health = await hive.health();
        return health.queue.running > 0 ? health : null;
      });
      clock.set(offset);
      jumps += 1;
      history.mark(`the clock of ${what} is ${offset / HOUR_MS} h from the machine's`);
      if (queue.queued === 0) await put();
      await pause(machineClock, BETWEEN_MS, AbortSignal.timeout(60_000));
    }
  }
  const broken = await verdict(hive, jobs);
  const queen = await world.queen();
  if (queen?.port !== first?.port) broken.push(`the queen at port ${first?.port} was deposed by a clock`);
  if (broken.length === 0) history.remove();
  else broken.push(`the history is in ${history.path}`);
  return { figures: { jobs: jobs.length, jumps, "leases taken from the living": broken.length }, broken };
}

function jobOf(jobId: string, repo: string): NewJobRequest & { readonly jobId: string } {
  return { jobId, repo, task: "script", script: SCRIPT, timeoutMs: TIMEOUT_MS };
}

/** Each job succeeded at its first lease. */
async function verdict(hive: HiveClient, jobs: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  for (const id of jobs) {
    const job = await hive.wait(id, { signal: AbortSignal.timeout(60_000), held: true }).catch(() => hive.get(id));
    const { status, reason, error, fence, losses, failures } = job;
    if (status !== "succeeded" || fence !== 1 || losses + failures > 0)
      broken.push(`${id} is ${status} (${reason}) with fence ${fence}, losses ${losses}: ${JSON.stringify(error)}`);
  }
  return broken;
}

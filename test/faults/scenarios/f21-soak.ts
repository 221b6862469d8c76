/**
 * F21: short jobs come and go for a long time, and what is old is taken away. Nothing that the servers take may grow with
 * the number of jobs there ever were, but for the ids that are remembered on purpose.
 */
import { endpoints } from "@hive/protocol";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { RedisConnection } from "../../../apps/dispatcher/src/store/redis/connection.ts";
import { dice } from "../../sim/dice.ts";
import { until } from "../../e2e/until.ts";
import { everyJob } from "../every-job.ts";
import { monotonicMs, type RunHistory } from "../history.ts";
import { lightJob } from "../light-run.ts";
import { type LightWork, noLightWork, runLightWorker } from "../light-worker.ts";
import { bytesIn, memoryMb, openHandles } from "../process-figures.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const soak: Scenario = {
  id: "F21",
  title: "thousands of short jobs that are taken away again leave memory, handles, keys and disk as they were",
  stores: ["sqlite", "redis"],
  // Less than some minutes say nothing.
  quickStores: [],
  run,
};

const MINUTES = { quick: 5, full: 10 };
/** Less than three sweeps and what was before them prove nothing. */
const LEAST_MINUTES = 5;
const WORKERS = 6;
const JOBS_PER_SECOND = 20;
/** Jobs under way at most: a slow machine gets fewer jobs, not more and more that wait. */
const UNDER_WAY = 60;
const HOLD_MS = 150;
/** Longer than a busy machine keeps a worker waiting. */
const LEASE_MS = 60_000;
const SAMPLE_MS = 3_000;
/** 26 seconds; sweeps come once a minute. */
const KEEP_DAYS = "0.0003";
/** Peaks of one third may differ from those of another by this much, and by what is said for each below. */
const PEAK = 1.2;
/** What is remembered of a job that is gone: its id, its body's stamp, when it ended. */
const ID_BYTES = 600;

/** What all servers of the run take at one moment. */
interface Sample {
  readonly finished: number;
  readonly megabytes: number;
  readonly handles: number;
  /** Of Redis: keys, and bytes that it uses. 0 on SQLite. */
  readonly keys: number;
  readonly redisBytes: number;
  /** Of the dispatchers' folders. */
  readonly diskBytes: number;
}

/** Nobody reads it: what it would keep grows for as long as the run goes on. */
const NO_HISTORY: RunHistory = {
  entries: [],
  path: "",
  add: () => undefined,
  mark: () => undefined,
  remove: () => undefined,
};

async function run({ size, seed, store, minutes = sized(size, MINUTES) }: ScenarioOptions): Promise<ScenarioOutcome> {
  await using replicas = await startReplicas({
    store,
    count: store === "redis" ? 2 : 1,
    leaseMs: LEASE_MS,
    env: { HIVE_KEEP_DAYS: KEEP_DAYS, HIVE_KEEP_LOG_DAYS: KEEP_DAYS },
  });
  const operator = replicas.redis === null ? null : new RedisConnection({ url: replicas.redis.url });
  const work = noLightWork();
  const over = new AbortController();
  const workers = Array.from({ length: WORKERS }, (_, n) => startWorker(replicas, n, { seed, work, over }));
  const samples: Sample[] = [];
  const end = monotonicMs() + minutes * 60_000;
  let accepted = 0;
  try {
    const sampling = (async () => {
      while (monotonicMs() < end) {
        samples.push(await sample(replicas, operator, work));
        await pause(machineClock, SAMPLE_MS);
      }
    })();
    const hive = replicas.hive();
    const sending = (async () => {
      while (monotonicMs() < end) {
        await pause(machineClock, 1_000 / JOBS_PER_SECOND);
        if (accepted - work.finished >= UNDER_WAY) continue;
        await hive.api.call(endpoints.enqueue, { body: lightJob(accepted + 1) });
        accepted += 1;
      }
    })();
    await Promise.all([sampling, sending]);
    await until("every job to be over", () => work.finished >= accepted, { limitMs: 30_000 }).catch(() => undefined);
    const kept = (await everyJob(hive)).size;
    return verdict({ samples, accepted, kept, work, minutes });
  } finally {
    over.abort();
    await Promise.all(workers);
    operator?.close();
  }
}

function startWorker(
  { urls, secret }: Replicas,
  n: number,
  { seed, work, over }: { readonly seed: number; readonly work: LightWork; readonly over: AbortController },
): Promise<void> {
  const chance = dice(seed, `worker ${n}`);
  const about = { name: `light-${n + 1}`, urls, secret, history: NO_HISTORY, signal: over.signal };
  return runLightWorker({ ...about, holdMs: () => chance.roll() * HOLD_MS }, work);
}

async function sample(replicas: Replicas, operator: RedisConnection | null, work: LightWork): Promise<Sample> {
  const { servers } = replicas;
  const sum = (of: (server: (typeof servers)[number]) => number): number =>
    servers.reduce((all, server) => all + of(server), 0);
  const info = operator === null ? "" : String(await operator.command(["INFO", "memory"]));
  return {
    finished: work.finished,
    megabytes: sum((server) => memoryMb(server.pid())),
    handles: sum((server) => openHandles(server.pid())),
    keys: operator === null ? 0 : Number(await operator.command(["DBSIZE"])),
    redisBytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0),
    diskBytes: sum((server) => bytesIn(server.data)),
  };
}

function verdict(seen: {
  readonly samples: readonly Sample[];
  readonly accepted: number;
  readonly kept: number;
  readonly work: LightWork;
  readonly minutes: number;
}): ScenarioOutcome {
  const { samples, accepted, kept, work, minutes } = seen;
  const third = Math.floor(samples.length / 3);
  const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
  const jobs = finishedIn(middle) + finishedIn(last);
  // On a busy machine the pace changes, and with it how many jobs are there until the next sweep.
  const pace = Math.max(1, finishedIn(last) / Math.max(1, finishedIn(middle)));
  const broken = [...work.broken];
  const figures: Record<string, number | string> = {
    minutes,
    jobs: accepted,
    finished: work.finished,
    kept,
    pace: pace.toFixed(1),
  };
  const flat = (what: string, of: (one: Sample) => number, slack: number, factor = 1): void => {
    const [before, after] = [middle, last].map((part) => Math.max(0, ...part.map(of))) as [number, number];
    figures[what] = `${before} then ${after}`;
    if (after > before * PEAK * factor + slack) broken.push(`${what} grew: ${before} at most, and ${after} later`);
  };
  flat("MB of the dispatchers", ({ megabytes }) => megabytes, 30);
  flat("handles", ({ handles }) => handles, 20);
  flat("keys in Redis", ({ keys }) => keys, 100, pace);
  flat("bytes in Redis", ({ redisBytes }) => redisBytes, jobs * ID_BYTES, pace);
  flat("bytes on the disk", ({ diskBytes }) => diskBytes, jobs * ID_BYTES + 1_000_000, pace);
  if (work.finished < accepted) broken.push(`I10: ${accepted - work.finished} jobs are not over`);
  if (work.lost > 0) broken.push(`${work.lost} leases of workers that were well were taken away`);
  if (minutes < LEAST_MINUTES) broken.push(`the run proves little: it takes ${LEAST_MINUTES} minutes to see a slope`);
  if (kept > accepted * 0.7) broken.push(`the run proves little: ${kept} of ${accepted} jobs are still there`);
  return { figures, broken };
}

function finishedIn(part: readonly Sample[]): number {
  return (part.at(-1)?.finished ?? 0) - (part.at(0)?.finished ?? 0);
}

/**
 * The power of the machine that holds the jobs goes, again and again, while jobs come in one by one and in batches and
 * workers work on them. Whatever was acknowledged must be there when it comes back: jobs, leases, log lines, ends. The
 * disk keeps what was synced and nothing else that it need not.
 *
 * The same run proves that it can see a loss: with a disk that lies, or a Redis that syncs once a second, acknowledged
 * jobs must be missing.
 */
import { endpoints } from "@hive/protocol";
import { createHive, type HiveClient, type NewJobRequest } from "@hive/sdk";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { until } from "../e2e/until.ts";
import { check } from "../sim/checkers/all.ts";
import { dice as diceOf, type Dice } from "../sim/dice.ts";
import type { JobBrief } from "../sim/history.ts";
import { everyJob } from "./every-job.ts";
import { monotonicMs, openHistory, type RunHistory } from "./history.ts";
import { lookAtAll } from "./last-look.ts";
import { type LightWork, noLightWork, runLightWorker } from "./light-worker.ts";
import { followEvents, type LiveEvents } from "./live-events.ts";
import { stampOfRequest } from "./load.ts";
import { type CutFigures, type Kept, openPowerDisk } from "./native/power-disk.ts";
import { type Replicas, startReplicas } from "./replicas.ts";
import type { ScenarioOutcome, StoreKind } from "./scenario.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const OVER: ReadonlySet<string> = new Set(["succeeded", "failed"]);
const BRIEF: JobBrief = { key: null, callback: false, maxAttempts: 3, dependsOn: [] };
const WORKERS = 6;
const SINGLES = 12;
const BATCHES = 3;
const BATCH = 5;
const CALL_MS = 5_000;
/** Longer than a worker needs to be heard again once the power is back, shorter than the whole run. */
const LEASE_MS = 6_000;
const REST_MS = 400_000;

export interface PowerLossOptions {
  readonly store: StoreKind;
  readonly seed: number;
  readonly rounds: number;
  /** Jobs that must be acknowledged in each round before the power may go. */
  readonly jobs: number;
  /** Acknowledged work is not durable, and one round must show that. Default false. */
  readonly weak?: boolean;
}

/** One request and what became of it. */
interface Sent {
  readonly ids: readonly string[];
  acknowledged: boolean;
}

interface Run {
  readonly options: PowerLossOptions;
  readonly replicas: Replicas;
  readonly history: RunHistory;
  readonly hive: HiveClient;
  readonly dice: Dice;
  readonly sent: Sent[];
  readonly work: LightWork;
  readonly cuts: CutFigures[];
  readonly cut: () => CutFigures;
}

/** Runs it. A weak run ends after its first cut: `lost` in its figures is what it is about. */
export async function losePower(options: PowerLossOptions): Promise<ScenarioOutcome & { readonly lost: number }> {
  const { store, seed, weak = false } = options;
  using place = temporaryFolder("power");
  using disk = openPowerDisk(place.path);
  const dice = diceOf(seed, "power");
  const lies = weak && store === "sqlite" ? { lies: /-wal$/ } : {};
  // Redis appends to its log and reads it from the front: a hole in it is no power cut that its file systems know.
  const kinds: [Kept, ...Kept[]] = store === "redis" ? ["nothing", "first"] : ["nothing", "first", "any"];
  await using replicas = await startReplicas({
    store,
    leaseMs: LEASE_MS,
    ...(store === "sqlite" ? { env: { HIVE_DATA: place.path, ...disk.env } } : {}),
    ...(store === "redis" && weak ? { env: { HIVE_DURABILITY: "relaxed" } } : {}),
    redis: { folder: place.path, env: disk.env, appendfsync: weak ? "everysec" : "always" },
  });
  const history = openHistory(`power-${weak ? "weak-" : ""}${store}-${seed}`);
  const { token, secret, servers } = replicas;
  const [{ url }] = servers;
  const hive = createHive({ url, token, retries: 12 });
  const run: Run = {
    options,
    replicas,
    history,
    hive,
    dice,
    sent: [],
    work: noLightWork(),
    cuts: [],
    cut: () => disk.cut({ kept: weak ? "nothing" : dice.pick(kinds), dice, ...lies }),
  };
  const broken: string[] = [];
  const over = new AbortController();
  const live = followEvents(hive, history);
  const worker = (n: number): Promise<void> => {
    const about = { name: `light-${n}`, urls: [url], secret, history, signal: over.signal };
    return runLightWorker({ ...about, holdMs: () => dice.int(0, 40) }, run.work);
  };
  const working = Array.from({ length: WORKERS }, (_, n) => worker(n));
  let lost = 0;
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      await cutWhileSending(run, round);
      const found = await lookAfter(run);
      lost += found.lost;
      broken.push(...found.broken);
      if (weak || found.lost > 0) break;
    }
    if (!weak && lost === 0) broken.push(...(await atTheEnd(run, live)));
  } finally {
    over.abort();
    await Promise.all([...working, live.stop()]);
  }
  if (!weak) broken.push(...live.broken, ...run.work.broken);
  if (!weak && run.work.lost > 0) broken.push(`${run.work.lost} leases were taken from workers that live`);
  if (broken.length === 0 || weak) history.remove();
  else if (!weak) broken.push(`the history is in ${history.path}`);
  return { figures: figuresOf(run, lost), broken, lost };
}

function figuresOf({ sent, cuts, work, history }: Run, lost: number): ScenarioOutcome["figures"] {
  const jobs = (which: (request: Sent) => boolean): number =>
    sent.filter(which).reduce((sum, { ids }) => sum + ids.length, 0);
  return {
    acknowledged: jobs(({ acknowledged }) => acknowledged),
    "without an answer": jobs(({ acknowledged }) => !acknowledged),
    "power losses": cuts.length,
    "unsynced writes": cuts.reduce((sum, cut) => sum + cut.unsynced, 0),
    "of them gone": cuts.reduce((sum, cut) => sum + cut.lost, 0),
    leases: work.grants,
    finished: work.finished,
    lost,
    doubled: doubledFences(history).length,
  };
}

/** Sends until enough was acknowledged, and then the power goes. It comes back before this resolves. */
async function cutWhileSending(run: Run, round: number): Promise<void> {
  const { replicas, sent, history, dice, cuts } = run;
  const { redis, servers } = replicas;
  const [server] = servers;
  const hasty = replicas.hive(0);
  const from = sent.length;
  let dead = false;
  let count = 0;
  const send = async (size: number): Promise<void> => {
    while (!dead) {
      const jobs = Array.from({ length: size }, () => jobOf(`power-${round}-${(count += 1)}`));
      const request: Sent = { ids: jobs.map(({ jobId }) => jobId), acknowledged: false };
      sent.push(request);
      const sentAt = monotonicMs();
      const statuses = await hasty.api
        .call(endpoints.createJobs, { body: { jobs } }, { signal: AbortSignal.timeout(CALL_MS) })
        .then(
          (reply) => new Map(reply.jobs.map(({ jobId, status }) => [jobId, status])),
          () => new Map<string, string>(),
        );
      request.acknowledged = statuses.size === size;
      const outcome = request.acknowledged ? "ok" : "unknown";
      for (const job of jobs) {
        const status = statuses.get(job.jobId) ?? null;
        const about = { sentAt, id: job.jobId, bodyHash: stampOfRequest(job), brief: BRIEF, outcome, existing: true };
        history.add({ kind: "enqueue", at: monotonicMs(), ...about, status });
      }
      // Whoever got no answer comes again later, not at once.
      if (!request.acknowledged) await pause(machineClock, 50, AbortSignal.timeout(CALL_MS));
    }
  };
  const senders = [
    ...Array.from({ length: SINGLES }, () => send(1)),
    ...Array.from({ length: BATCHES }, () => send(BATCH)),
  ];
  const taken = (): number =>
    sent.slice(from).reduce((sum, { ids, acknowledged }) => sum + (acknowledged ? ids.length : 0), 0);
  try {
    await until("jobs to be acknowledged", () => taken() >= run.options.jobs, { more: () => server.printed() });
    await pause(machineClock, dice.int(0, 200), AbortSignal.timeout(CALL_MS));
    // The machine with the jobs loses its power. Redis may have it to itself: then the dispatcher lives on.
    const both = redis === null || dice.chance(0.5);
    await Promise.all([redis?.crash(), both ? server.crash() : null]);
    history.mark("the power is gone");
    dead = true;
    await Promise.all(senders);
    cuts.push(run.cut());
    await redis?.start();
    if (both) await server.start();
    history.mark("the power is back");
  } finally {
    dead = true;
    await Promise.all(senders);
  }
}

function jobOf(jobId: string): NewJobRequest & { readonly jobId: string } {
  const repo = "https://example.com/acme/app";
  return { jobId, repo, task: "script", script: "true", priority: 4, metadata: { jobId } };
}

/** What must be true the moment the power is back. */
async function lookAfter(run: Run): Promise<{ readonly lost: number; readonly broken: readonly string[] }> {
  const { sent, history, hive } = run;
  const [server] = run.replicas.servers;
  const ready = async (): Promise<boolean> =>
    fetch(`${server.url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until("the dispatcher to be ready", ready, { more: () => server.printed() });
  const broken: string[] = [];
  // Before the look, for workers go on meanwhile.
  const ended = history.entries
    .filter((entry) => entry.kind === "write")
    .filter(({ what, outcome }) => what === "finish" && outcome === "ok");
  const there = await everyJob(hive);
  const acknowledged = sent.filter((request) => request.acknowledged).flatMap(({ ids }) => ids);
  const gone = acknowledged.filter((id) => !there.has(id));
  if (gone.length > 0) broken.push(`I1: ${gone.length} acknowledged jobs are gone, the first is ${gone[0]}`);
  const torn = sent.filter(({ ids }) => ids.some((id) => there.has(id)) && !ids.every((id) => there.has(id)));
  if (torn.length > 0) broken.push(`I1: ${torn.length} batches are there in part, one with ${torn[0]?.ids[0]}`);
  const known = new Set(sent.flatMap(({ ids }) => ids));
  for (const id of there.keys()) if (!known.has(id)) broken.push(`I2: ${id} is there and nobody asked for it`);
  let undone = 0;
  for (const entry of ended) {
    const status = there.get(entry.jobId);
    if (status === "succeeded") continue;
    undone += 1;
    broken.push(`I3: the end of ${entry.jobId}/${entry.fence} was accepted, and now it is ${status ?? "gone"}`);
  }
  return { lost: gone.length + undone, broken };
}

/** All is done; what everybody saw must fit together, and the logs hold what the workers were told is kept. */
async function atTheEnd(run: Run, live: LiveEvents): Promise<readonly string[]> {
  const { hive, sent, work, history } = run;
  const isDone = async (): Promise<boolean> => [...(await everyJob(hive)).values()].every((status) => OVER.has(status));
  await until("every job to be over", isDone, { limitMs: REST_MS }).catch(() => undefined);
  const look = await lookAtAll(hive, live, new Set());
  const broken = [
    ...look.badLogs,
    ...check({ ...look, entries: history.entries, written: new Map(), finishes: new Map() }),
  ];
  for (const [id, job] of look.details) {
    if (job.status !== "succeeded") broken.push(`${id} is ${job.status} (${job.reason}): ${JSON.stringify(job.error)}`);
    const told = work.written.get(`${id}/${job.fence}`);
    const log = look.attemptLogs.get(`${id}/${job.fence}`);
    if (told !== undefined && log !== told) broken.push(`I11: the log of ${id}/${job.fence} is ${JSON.stringify(log)}`);
  }
  broken.push(...doubledFences(history));
  const asked = sent.reduce((sum, { ids }) => sum + ids.length, 0);
  if (look.details.size < asked / 2)
    broken.push(`the run proves little: ${look.details.size} jobs of ${asked} are there`);
  if (work.finished < run.options.rounds * 5) broken.push(`the run proves little: ${work.finished} jobs were finished`);
  return broken;
}

/** Leases that two workers were told are theirs, or one of them twice. The worker and the event stream tell of each. */
function doubledFences({ entries }: RunHistory): readonly string[] {
  const told = new Map<string, string[]>();
  for (const entry of entries) {
    if (entry.kind !== "granted") continue;
    const lease = `${entry.jobId}/${entry.fence}`;
    told.set(lease, [...(told.get(lease) ?? []), entry.worker]);
  }
  return [...told]
    .filter(([, workers]) => workers.length > 2 || new Set(workers).size > 1)
    .map(([lease, workers]) => `I4: the lease ${lease} was given ${workers.length} times, to ${workers.join(", ")}`);
}

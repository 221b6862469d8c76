/**
 * The frame of a run with light workers: clients put jobs in for as long as harm is done, light workers take them, a
 * reader follows the events over a way of its own, and at the end everything is looked at and checked.
 */
import { endpoints, ApiError } from "@hive/protocol";
import { createHive, type HiveClient, type NewJobRequest } from "@hive/sdk";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { until } from "../e2e/until.ts";
import { check } from "../sim/checkers/all.ts";
import { dice } from "../sim/dice.ts";
import type { JobBrief } from "../sim/history.ts";
import { monotonicMs, openHistory, type RunHistory } from "./history.ts";
import { type LastLook, lookAtAll } from "./last-look.ts";
import { historiesNotLinear } from "./linear-history.ts";
import { LIGHT, type LightWork, noLightWork, runLightWorker } from "./light-worker.ts";
import { followEvents, type LiveEvents } from "./live-events.ts";
import { stampOfRequest } from "./load.ts";
import { readNowAndThen } from "./reader.ts";
import type { Replicas } from "./replicas.ts";
import type { ScenarioOutcome } from "./scenario.ts";

export interface LightRunOptions {
  /** Of the history's file, such as `F19-sqlite`. */
  readonly name: string;
  /** One that others write into too; it goes at the end when all is well. Default: a new one. */
  readonly history?: RunHistory;
  readonly seed: number;
  readonly token: string;
  /** `CALLBACK_SECRET` */
  readonly secret: string;
  /** Where nothing is in the way: for the reader of events and the last look. */
  readonly cleanUrl: string;
  /** What clients are told. */
  readonly clientUrl: string;
  /** What workers are told. */
  readonly workerUrls: readonly string[];
  /** Where somebody looks at jobs while harm is done. Default: at `cleanUrl`. */
  readonly readUrls?: readonly string[];
  readonly workers: number;
  /** At least so many jobs; more when the harm takes longer, up to ten times as many. */
  readonly jobs: number;
  /** Milliseconds a worker keeps a job at most; each job's share is drawn. */
  readonly holdMs: number;
  /** Does the harm, all of it; the load goes on meanwhile. What it returns are figures. */
  readonly harm: (run: LightRun) => Promise<ScenarioOutcome["figures"]>;
  /** More checks of what is there at the end. */
  readonly verdict?: (run: LightRun, look: LastLook) => readonly string[];
  /** More of the request of job `n`, from 1; asked once for each. */
  readonly more?: (n: number) => Pick<NewJobRequest, "callbackUrl" | "runAt">;
  /** Whether the backend that the history tells of is owed the callbacks of job `n`. Default: of none. */
  readonly isTold?: (n: number) => boolean;
  /** Whether what is to happen beside the jobs has happened. Default: nothing is. */
  readonly isAtRest?: (run: LightRun) => boolean | Promise<boolean>;
  /** Jobs that the scenario put in itself, and looks after. Default: none. */
  readonly asides?: readonly string[];
  /**
   * The harm takes back what was acknowledged, as the store itself says it may: what was seen is not held against what is
   * there at the end, only that is. Default: false.
   */
  readonly takesBack?: boolean;
  /** How long everything may take to come to rest after the harm, in milliseconds. Default: a minute beyond the work that is left. */
  readonly restMs?: number;
}

/** Clients, workers and the last look know every dispatcher, with nothing in the way. */
export function throughAny({
  urls,
  token,
  secret,
}: Pick<Replicas, "urls" | "token" | "secret">): Pick<
  LightRunOptions,
  "token" | "secret" | "cleanUrl" | "clientUrl" | "workerUrls"
> {
  const all = urls.join(",");
  return { token, secret, cleanUrl: all, clientUrl: all, workerUrls: urls };
}

/** A run while it goes on. */
export interface LightRun {
  readonly history: RunHistory;
  /** Over the clean way. */
  readonly hive: HiveClient;
  readonly live: LiveEvents;
  readonly work: LightWork;
  /** Jobs whose client was told that they are safe. */
  readonly accepted: ReadonlySet<string>;
  /** Requests of clients without an answer. */
  readonly unknown: () => number;
  /** Aborted: the run is over, or failed elsewhere. */
  readonly signal: AbortSignal;
}

const BRIEF = { key: null, maxAttempts: 3, dependsOn: [] };
const SENDERS = 4;
const AGAIN_MS = 100;
/** A client that hears nothing for so long sends again. */
const CALL_MS = 4_000;
/** Jobs that are under way at most, for each worker. */
const BACKLOG = 4;

/** Runs it to its end. @throws when harm could not be done */
export async function runLight(options: LightRunOptions): Promise<ScenarioOutcome> {
  const history = options.history ?? openHistory(options.name);
  const hive = createHive({ url: options.cleanUrl, token: options.token, retries: 10 });
  const over = new AbortController();
  const live = followEvents(hive, history);
  const work = noLightWork();
  const accepted = new Set<string>();
  let unknown = 0;
  const run: LightRun = { history, hive, live, work, accepted, unknown: () => unknown, signal: over.signal };
  const chance = dice(options.seed, "holds");
  const workers = Array.from({ length: options.workers }, (_, n) =>
    runLightWorker(
      {
        name: `light-${n + 1}`,
        urls: options.workerUrls,
        secret: options.secret,
        history,
        holdMs: () => chance.roll() * options.holdMs,
        signal: over.signal,
      },
      work,
    ),
  );
  const sending = send(options, run, accepted, () => {
    unknown += 1;
  });
  // Until the run is over: nobody waits for who only looks.
  void readNowAndThen({
    urls: options.readUrls ?? [options.cleanUrl],
    token: options.token,
    history,
    dice: dice(options.seed, `${options.name} reader`),
    ids: () => [...accepted].slice(-40),
    isOver: () => over.signal.aborted,
    signal: over.signal,
  });
  try {
    const figures = await Promise.race([options.harm(run), sending.failed]);
    history.mark("no more faults");
    sending.end();
    await sending.all;
    // A reader may not be told of what is done for the second time.
    const isOver = async (): Promise<boolean> =>
      (options.takesBack === true || [...accepted].every((id) => live.over.has(id))) &&
      ((await options.isAtRest?.(run)) ?? true);
    const restMs = options.restMs ?? 60_000 + (options.jobs * options.holdMs) / Math.max(1, options.workers);
    await until("every job to be over", isOver, { limitMs: restMs }).catch(() => undefined);
    history.mark("at rest");
    const look = await lookAtAll(hive, live, new Set(work.written.keys()), options.takesBack);
    const seen = { ...look, entries: history.entries, written: work.written, finishes: new Map() };
    const broken = [
      ...(options.takesBack === true ? [] : [...check(seen), ...historiesNotLinear(history.entries), ...live.broken]),
      ...work.broken,
      ...asAccepted(accepted, new Set(options.asides), look),
      ...(options.verdict?.(run, look) ?? []),
    ];
    if (broken.length === 0) history.remove();
    else broken.push(`the history is in ${history.path}`);
    return { figures: { ...figuresOf(run, look, options.asides), ...figures }, broken };
  } finally {
    over.abort();
    await Promise.all([live.stop(), ...workers]);
  }
}

/** Every job that was accepted has succeeded, and there is no other. */
function asAccepted(accepted: ReadonlySet<string>, asides: ReadonlySet<string>, look: LastLook): readonly string[] {
  const broken: string[] = [...look.badLogs];
  for (const id of accepted) if (!look.details.has(id)) broken.push(`I1: ${id} does not exist`);
  for (const { jobId, status, reason } of look.details.values()) {
    if (asides.has(jobId)) continue;
    if (!accepted.has(jobId)) broken.push(`I2: ${jobId} exists and no client was told so`);
    if (status !== "succeeded") broken.push(`${jobId} is ${status} (${reason})`);
  }
  return broken;
}

function figuresOf(
  { accepted, work, unknown }: LightRun,
  look: LastLook,
  asides: readonly string[] = [],
): ScenarioOutcome["figures"] {
  const there = [...look.details.keys()].filter((id) => accepted.has(id)).length;
  return {
    jobs: accepted.size,
    lost: accepted.size - there,
    doubled: look.details.size - there - asides.length,
    leases: work.grants,
    "leases lost": work.lost,
    "requests without an answer": unknown() + work.unknown,
  };
}

interface Sending {
  /** Rejects when a client was refused. */
  readonly failed: Promise<never>;
  readonly all: Promise<void>;
  /** No new jobs beyond the least there must be. */
  end(): void;
}

/** Clients that put jobs in, never many more than the workers get done. */
function send(options: LightRunOptions, run: LightRun, accepted: Set<string>, onUnknown: () => void): Sending {
  const hasty = createHive({ url: options.clientUrl, token: options.token, retries: 0 });
  const failed = Promise.withResolvers<never>();
  let count = 0;
  let ending = false;

  /** One job, until it is accepted. */
  async function put(request: NewJobRequest & { readonly jobId: string }, brief: JobBrief): Promise<void> {
    const id = request.jobId;
    const bodyHash = stampOfRequest(request);
    while (!run.signal.aborted) {
      const sentAt = monotonicMs();
      let outcome = "ok";
      let status: string | null = null;
      try {
        const signal = AbortSignal.any([run.signal, AbortSignal.timeout(CALL_MS)]);
        const reply = await hasty.api.call(endpoints.enqueue, { body: request }, { signal });
        status = reply.status;
        if (reply.jobId !== id) outcome = `the job ${reply.jobId}`;
      } catch (error) {
        outcome = !(error instanceof ApiError) ? "unknown" : error.retry ? `${error.code}, try again` : error.code;
      }
      const at = monotonicMs();
      run.history.add({ kind: "enqueue", at, sentAt, id, bodyHash, brief, outcome, existing: true, status });
      if (outcome === "ok") {
        accepted.add(id);
        return;
      }
      if (outcome === "unknown") onUnknown();
      else if (!outcome.endsWith("try again")) throw new Error(`${id} was answered with ${outcome}`);
      await pause(machineClock, AGAIN_MS, run.signal);
    }
  }

  async function sender(): Promise<void> {
    while (!run.signal.aborted && count < (ending ? options.jobs : options.jobs * 10)) {
      if (count - run.live.over.size > options.workers * BACKLOG && !ending) {
        await pause(machineClock, AGAIN_MS, run.signal);
        continue;
      }
      count += 1;
      const n = count;
      await put({ ...lightJob(n), ...options.more?.(n) }, { ...BRIEF, callback: options.isTold?.(n) ?? false });
    }
  }
  const all = Promise.all(Array.from({ length: SENDERS }, sender)).then(() => undefined);
  all.catch((error: unknown) => failed.reject(error));
  failed.promise.catch(() => undefined);
  return {
    failed: failed.promise,
    all,
    end() {
      ending = true;
    },
  };
}

/** Job `n`, from 1. */
export function lightJob(n: number): NewJobRequest & { readonly jobId: string } {
  const jobId = `job-${String(n).padStart(5, "0")}`;
  const what = { task: "script" as const, script: "true" };
  return { jobId, repo: "https://example.com/acme/app", role: LIGHT, ...what, priority: n % 10, metadata: { n } };
}

/**
 * F17: backends that fail, are busy, gone, elsewhere, silent, slow to the byte, break off or never end, while the
 * dispatcher is killed again and again. They cost the good backend nothing: it hears of every event in order, soon.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { monotonicMs, openHistory, type RunHistory } from "../history.ts";
import { HOSTILE, type Receivers, startReceivers } from "../hostile-receivers.ts";
import { type LightRun, runLight } from "../light-run.ts";
import { memoryMb } from "../process-figures.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "../scenario.ts";

export const hostileReceivers: Scenario = {
  id: "F17",
  title: "backends that hang, break off or never end cost the good one nothing, and no memory",
  stores: ["sqlite", "redis"],
  quickStores: ["sqlite"],
  run,
};

const PLAN = {
  quick: { jobs: 45, kills: 2, everyMs: 1_500 },
  full: { jobs: 225, kills: 20, everyMs: 4_000 },
};
/** One job in so many has the good backend, the others one of the hostile ones each. */
const KINDS = HOSTILE.length + 1;
/** What a dispatcher may take. */
const MEMORY_MB = 600;
/** From SIGTERM to the end of the process. */
const STOP_LIMIT_MS = 10_000;
/** From an event to its callback, beside restarts. */
const LATE_MS = 15_000;

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { jobs, kills, everyMs } = sized(size, PLAN);
  const history = openHistory(`F17-${store}-${seed}`);
  const webhookSecret = `whsec_${Buffer.alloc(32, seed).toString("base64")}`;
  await using receivers = await startReceivers(webhookSecret, history);
  await using replicas = await startReplicas({
    store,
    count: 1,
    env: { HIVE_WEBHOOK_SECRET: webhookSecret, HIVE_LEASE_MS: "6000" },
  });
  const [server] = replicas.servers;
  let most = 0;
  const restartMs: number[] = [];
  const look = (): void => {
    most = Math.max(most, memoryMb(server.pid()));
  };
  const outcome = await runLight({
    name: "F17",
    history,
    seed,
    token: replicas.token,
    secret: replicas.secret,
    cleanUrl: replicas.urls[0],
    clientUrl: replicas.urls[0],
    workerUrls: replicas.urls,
    workers: 6,
    jobs,
    holdMs: 100,
    more: (n) => ({ callbackUrl: receivers.url(mannerOf(n)) }),
    isTold: (n) => mannerOf(n) === "good",
    isAtRest: (run) => {
      look();
      return owed(run) === 0;
    },
    async harm({ signal, history: told }) {
      for (let kill = 0; kill < kills && !signal.aborted; kill += 1) {
        await pause(machineClock, everyMs, signal);
        look();
        told.mark("the dispatcher is killed");
        await server.crash();
        const begun = monotonicMs();
        await server.start();
        restartMs.push(monotonicMs() - begun);
      }
      return { kills, starts: tellTimes(restartMs) };
    },
    verdict: (run) => verdict(run, receivers, most),
  });
  // With receivers that have not answered yet.
  const begun = monotonicMs();
  await server.stop();
  const stopMs = Math.round(monotonicMs() - begun);
  const broken = [...outcome.broken];
  if (stopMs > STOP_LIMIT_MS) broken.push(`the dispatcher took ${stopMs} ms to stop`);
  const delays = delaysOf(history);
  const late = delays.filter((ms) => ms > LATE_MS + Math.max(...restartMs, 0));
  const told = { "events told": delays.length, delays: tellTimes(delays), "MB at most": most, "stop ms": stopMs };
  return {
    figures: { ...outcome.figures, ...told },
    broken: [...broken, ...late.map((ms) => `a callback came ${Math.round(ms)} ms late`)],
  };
}

function mannerOf(n: number) {
  return n % KINDS === 0 ? "good" : (HOSTILE[(n % KINDS) - 1] ?? "good");
}

function isGood(jobId: string): boolean {
  return mannerOf(Number(jobId.split("-")[1])) === "good";
}

/** Ends of jobs that the good backend was not told of yet. */
function owed({ live, history }: LightRun): number {
  const told = new Set(
    history.entries.flatMap((entry) =>
      entry.kind === "called" && entry.body.includes("job.succeeded") ? [entry.jobId] : [],
    ),
  );
  return [...live.over].filter((id) => isGood(id) && !told.has(id)).length;
}

function verdict(_: LightRun, receivers: Receivers, most: number): readonly string[] {
  const broken = [...receivers.broken];
  for (const manner of HOSTILE) {
    if (receivers.count(manner) === 0) broken.push(`the run proves little: nobody called the ${manner} backend`);
  }
  if (receivers.count("trap") > 0) broken.push("a redirect was followed");
  if (most > MEMORY_MB) broken.push(`the dispatcher took ${most} MB, allowed are ${MEMORY_MB}`);
  return broken;
}

/** Milliseconds from when an event of a good job was seen to its first callback. */
function delaysOf({ entries }: RunHistory): readonly number[] {
  const seen = new Map(
    entries.flatMap((entry) => (entry.kind === "event" ? [[entry.event.id, entry.at] as const] : [])),
  );
  const called = new Map<number, number>();
  for (const entry of entries) if (entry.kind === "called" && !called.has(entry.n)) called.set(entry.n, entry.at);
  return [...called].map(([n, at]) => Math.max(0, at - (seen.get(n) ?? at)));
}

/**
 * The dispatcher is killed with SIGKILL 20 times while 300 jobs go through it, 4 workers are killed too, two workers will
 * not believe that their leases are over, and the owner's backend is not well. What everybody saw is checked afterwards
 * against the promises I1 to I6. `FAULTS_SEED` repeats a run's dice (the machine's own timing nobody repeats).
 */
import { createHive } from "@hive/sdk";
import { expect, test } from "vitest";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { until } from "../e2e/until.ts";
import { check } from "../sim/checkers/all.ts";
import { dice } from "../sim/dice.ts";
import { monotonicMs, openHistory, type RunHistory } from "./history.ts";
import { type LastLook, lookAtAll, pendingCallbacks, seenOf } from "./last-look.ts";
import { followEvents, type LiveEvents } from "./live-events.ts";
import { type Client, createLoadClient, type PlannedJob, planJob } from "./load.ts";
import { torment, type Troubles } from "./nemesis.ts";
import { asPlanned, inTheRepository, makeActs, readActs } from "./outcome.ts";
import { openWorld, type World } from "./world.ts";
import { haunt, type Haunting } from "./zombie.ts";

const JOBS = 300;
const KILLS = 20;
const WORKERS = 4;
const WORKER_KILLS = 4;
const ZOMBIES = 2;
const ZOMBIE_LEASES = 4;
const LEASE_MS = 6_000;
/** Requests under way at once, and jobs that may wait beyond those that the kills have come to. */
const SENDERS = 4;
const AHEAD = 40;
/** How long all may take to come to rest; what has not by then is named by the checkers. */
const REST_MS = 180_000;
const SEED = Number(process.env["FAULTS_SEED"] ?? "1");

/** A run while it goes on. */
interface Run {
  readonly world: World;
  readonly history: RunHistory;
  readonly live: LiveEvents;
  readonly jobs: readonly PlannedJob[];
  readonly client: Client;
  readonly troubles: Troubles;
  readonly haunting: Haunting;
  /** The share of the jobs that are over. */
  readonly done: () => number;
  readonly signal: AbortSignal;
}

test(`${JOBS} jobs survive ${KILLS} kills of the dispatcher and ${WORKER_KILLS} of workers`, {
  timeout: 1_200_000,
}, async () => {
  const history = openHistory(`kills-${SEED}`);
  const begun = monotonicMs();
  const { figures, broken } = await run(history);
  console.log(`kills: ${figures}; ${Math.round((monotonicMs() - begun) / 1000)} s, seed ${SEED}`);
  expect(broken, `broken promises; the history is in ${history.path}`).toEqual([]);
  history.remove();
});

async function run(history: RunHistory): Promise<{ figures: string; broken: readonly string[] }> {
  await using world = await openWorld({ history, workers: WORKERS, leaseMs: LEASE_MS });
  const { server, bare, acts } = world;
  const hive = createHive({ url: server.url, token: server.token, retries: 8 });
  const hasty = createHive({ url: server.url, token: server.token, retries: 0 });
  const over = new AbortController();
  const live = followEvents(hive, history);
  const run: Run = {
    world,
    history,
    live,
    jobs: Array.from({ length: JOBS }, (_, n) => planJob(n, `file://${bare}`, acts)),
    client: createLoadClient({ hive: hasty, history, dice: dice(SEED, "client"), signal: over.signal }),
    troubles: { kills: 0, early: 0, workerKills: 0, restartMs: [] },
    haunting: { stale: 0, taken: [], written: new Map() },
    done: () => live.over.size / JOBS,
    signal: over.signal,
  };
  makeActs(acts, run.jobs);
  try {
    await Promise.all([putIn(run), readNowAndThen(run), kill(run), ...hauntings(run)]);
    history.mark("no more faults");
    await until("every job to be over", () => run.done() === 1, { limitMs: REST_MS }).catch(() => undefined);
    const isTold = async (): Promise<boolean> => (await pendingCallbacks(hive)) === 0;
    await until("every callback to be taken", isTold, { limitMs: REST_MS }).catch(() => undefined);
    history.mark("at rest");
    // Whoever asks again, long after, is told of the same job.
    for (const job of run.jobs) await run.client.enqueue(job);
    const look = await lookAtAll(hive, live.last(), new Set(run.haunting.written.keys()));
    for (const entry of readActs(acts)) history.add(entry);
    return { figures: figuresOf(run, look), broken: verdict(run, look) };
  } finally {
    over.abort();
    await live.stop();
  }
}

/** Every broken promise, and what the run did not try hard enough. */
function verdict(run: Run, look: LastLook): readonly string[] {
  const { world, history, haunting, troubles, jobs } = run;
  const broken = [
    ...check({ ...look, entries: history.entries, written: haunting.written, finishes: new Map() }),
    ...run.live.broken,
  ];
  broken.push(...asPlanned(jobs, look), ...inTheRepository(world.bare, jobs, look));
  broken.push(...haunting.taken.map((what) => `I5: taken under an old fence: ${what}`));
  if (world.backend.unsigned() > 0) broken.push(`I6: ${world.backend.unsigned()} callbacks had a wrong signature`);
  const least: readonly (readonly [string, number, number])[] = [
    ["kills", troubles.kills, KILLS],
    ["kills of workers", troubles.workerKills, WORKER_KILLS],
    ["calls under an old fence", haunting.stale, 8],
    ["requests without an answer", run.client.counts.unknown, 10],
    ["callbacks sent again", world.backend.repeated(), 10],
  ];
  for (const [what, count, wanted] of least) {
    if (count < wanted) broken.push(`the run proves little: ${count} ${what}, wanted are ${wanted}`);
  }
  return broken;
}

function figuresOf({ troubles, haunting, client, world }: Run, { details, events }: LastLook): string {
  const leases = events.filter(({ type }) => type === "job.leased").length;
  const known = [...details.keys()].filter((id) => id.startsWith("job-")).length;
  return [
    `${JOBS} jobs, ${leases} leases, ${events.length} events`,
    `${troubles.kills} kills (${troubles.early} while starting, slowest start ${Math.round(Math.max(...troubles.restartMs))} ms)`,
    `${troubles.workerKills} kills of workers`,
    `lost ${JOBS - known}, doubled ${details.size - known}`,
    `stale writes ${haunting.stale}, accepted ${haunting.taken.length}`,
    `requests without an answer ${client.counts.unknown}, callbacks sent again ${world.backend.repeated()}`,
  ].join("; ");
}

function kill({ world, history, client, troubles, done, signal }: Run): Promise<void> {
  const { server, workers } = world;
  const counts = { kills: KILLS, workerKills: WORKER_KILLS };
  const { nextAccepted } = client;
  const own = dice(SEED, "nemesis");
  return torment({ server, workers, history, dice: own, ...counts, nextAccepted, done, signal }, troubles);
}

function hauntings({ world, history, live, haunting, done, signal }: Run): readonly Promise<void>[] {
  const { server, secret } = world;
  return Array.from({ length: ZOMBIES }, (_, n) =>
    haunt(
      {
        name: `zombie-${n + 1}`,
        url: server.url,
        secret,
        history,
        live,
        leases: ZOMBIE_LEASES,
        // Spread over the run, with nothing left to take at its end.
        isTime: (lease) => done() >= lease / (ZOMBIE_LEASES + 1),
        isOver: () => done() === 1,
        signal,
      },
      haunting,
    ),
  );
}

/** Puts the jobs in, never many more than the kills have come to. */
async function putIn({ jobs, client, troubles, signal }: Run): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < jobs.length && !signal.aborted) {
      const job = jobs[next];
      if (job === undefined || next > ((troubles.kills + 1) / KILLS) * JOBS + AHEAD) {
        await pause(machineClock, 50, signal);
        continue;
      }
      next += 1;
      await client.enqueue(job);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

/** Somebody looks at a job now and then; what was shown must be true at the end. */
async function readNowAndThen({ jobs, world, history, done, signal }: Run): Promise<void> {
  const hive = createHive({ url: world.server.url, token: world.server.token, retries: 0 });
  const which = dice(SEED, "reader");
  const begun = monotonicMs();
  let waited = 0;
  while (done() < 1 && waited < REST_MS && !signal.aborted) {
    await pause(machineClock, 300, signal);
    const id = which.some(jobs)?.id ?? "";
    const job = await hive.get(id).catch(() => null);
    if (job !== null) history.add({ kind: "read", at: monotonicMs(), id, job: seenOf(job) });
    waited = monotonicMs() - begun;
  }
}

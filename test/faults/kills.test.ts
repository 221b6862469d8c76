/**
 * The dispatcher is killed with SIGKILL 20 times while 300 jobs go through it, 4 workers are killed too, two workers will
 * not believe that their leases are over, and the owner's backend is not well. What everybody saw is checked afterwards
 * against the promises I1 to I6. `FAULTS_SEED` repeats a run's dice (the machine's own timing nobody repeats).
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createHive } from "@hive/sdk";
import { expect, test } from "vitest";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { git } from "../e2e/git-host.ts";
import { startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { check } from "../sim/checkers/all.ts";
import { dice } from "../sim/dice.ts";
import { startCallbackRecorder } from "./callbacks.ts";
import { monotonicMs, openHistory, type RunHistory } from "./history.ts";
import { lookAtAll, pendingCallbacks, seenOf } from "./last-look.ts";
import { followEvents } from "./live-events.ts";
import { type Client, createLoadClient, type PlannedJob, planJob } from "./load.ts";
import { torment, type Troubles } from "./nemesis.ts";
import { asPlanned, inTheRepository, readActs } from "./outcome.ts";
import { startWorkers } from "./workers.ts";
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
const REST_MS = 300_000;
const SEED = Number(process.env["FAULTS_SEED"] ?? "1");

test(`${JOBS} jobs survive ${KILLS} kills of the dispatcher and ${WORKER_KILLS} of workers`, {
  timeout: 1_200_000,
}, async () => {
  const history = openHistory(`kills-${SEED}`);
  const { figures, broken } = await run(history);
  console.log(`kills: ${figures}`);
  expect(broken, `broken promises; the history is in ${history.path}`).toEqual([]);
  history.remove();
});

async function run(history: RunHistory): Promise<{ figures: string; broken: readonly string[] }> {
  const begun = monotonicMs();
  const secret = randomBytes(24).toString("base64url");
  const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const place = mkdtempSync(join(tmpdir(), "hive-faults-"));
  const acts = join(place, "acts");
  const bare = makeRepository(place);
  mkdirSync(acts);
  // The programs of jobs run as users of their own.
  chmodSync(place, 0o711);
  chmodSync(acts, 0o777);
  const backend = await startCallbackRecorder(webhookSecret, history);
  const server = await startHive({
    env: {
      CALLBACK_SECRET: secret,
      HIVE_WEBHOOK_SECRET: webhookSecret,
      HIVE_CALLBACK_URL: backend.url,
      HIVE_WORKERS: "0",
      HIVE_LEASE_MS: String(LEASE_MS),
      HIVE_ALLOW_FILE_REPOS: "1",
    },
  });
  const folder = join(dirname(server.data), "workers");
  const workers = startWorkers({ count: WORKERS, url: server.url, secret, folder, uid: server.traces.uids[0] });
  const hive = createHive({ url: server.url, token: server.token, retries: 8 });
  const live = followEvents(hive, history);
  const over = new AbortController();
  const troubles: Troubles = { kills: 0, early: 0, workerKills: 0, restartMs: [] };
  const haunting: Haunting = { stale: 0, taken: [], written: new Map() };
  const jobs = Array.from({ length: JOBS }, (_, n) => planJob(n, `file://${bare}`, acts));
  const client = createLoadClient(
    createHive({ url: server.url, token: server.token, retries: 0 }),
    history,
    dice(SEED, "client"),
  );
  const done = (): number => live.over.size / JOBS;
  try {
    const share = (): number => (troubles.kills + 1) / KILLS;
    const parts = [
      putIn(jobs, client, () => share() * JOBS + AHEAD, over.signal),
      torment(
        {
          server,
          workers,
          history,
          dice: dice(SEED, "nemesis"),
          kills: KILLS,
          workerKills: WORKER_KILLS,
          done,
          signal: over.signal,
        },
        troubles,
      ),
      readNowAndThen(jobs, server.url, server.token, history, done, over.signal),
      ...Array.from({ length: ZOMBIES }, (_, n) =>
        haunt(
          {
            name: `zombie-${n + 1}`,
            url: server.url,
            secret,
            history,
            live,
            leases: ZOMBIE_LEASES,
            isOver: () => done() === 1 || over.signal.aborted,
            ready: (lease) =>
              until("more work", () => done() >= lease / (ZOMBIE_LEASES + 1), { limitMs: REST_MS }).then(
                () => undefined,
              ),
          },
          haunting,
        ),
      ),
    ];
    await Promise.all(parts);
    history.mark("no more faults");
    await until("every job to be over", () => live.over.size === JOBS, {
      limitMs: REST_MS,
      more: () => `${live.over.size} of ${JOBS}`,
    });
    await until("every callback to be taken", async () => (await pendingCallbacks(hive)) === 0, { limitMs: REST_MS });
    history.mark("at rest");
    // Whoever asks again, long after, is told of the same job.
    for (const job of jobs) await client.enqueue(job);
    const look = await lookAtAll(hive, live.last(), new Set(haunting.written.keys()));
    for (const entry of readActs(acts)) history.add(entry);
    const told = check({ ...look, entries: history.entries, written: haunting.written });
    const broken = [...told, ...live.broken, ...asPlanned(jobs, look), ...inTheRepository(bare, jobs, look)];
    broken.push(...haunting.taken.map((what) => `I5: taken under an old fence: ${what}`));
    if (backend.unsigned() > 0) broken.push(`I6: ${backend.unsigned()} callbacks had a wrong signature`);
    for (const [what, count] of [
      ["kills", troubles.kills - KILLS],
      ["worker kills", troubles.workerKills - WORKER_KILLS],
      ["calls under an old fence", haunting.stale - 1],
      ["requests without an answer", client.counts.unknown - 1],
      ["callbacks sent again", backend.repeated() - 1],
    ] as const) {
      if (count < 0) broken.push(`the run proves nothing: too few ${what}`);
    }
    const lost = jobs.filter(({ id }) => !look.details.has(id)).length;
    const leases = look.events.filter(({ type }) => type === "job.leased").length;
    const slowest = Math.round(Math.max(...troubles.restartMs));
    const figures = [
      `${JOBS} jobs, ${leases} leases, ${look.events.length} events in ${Math.round((monotonicMs() - begun) / 1000)} s`,
      `${troubles.kills} kills (${troubles.early} while starting, slowest start ${slowest} ms), ${troubles.workerKills} worker kills`,
      `lost ${lost}, doubled ${look.details.size + lost - JOBS}, stale writes ${haunting.stale}, accepted ${haunting.taken.length}`,
      `requests without an answer ${client.counts.unknown}, callbacks sent again ${backend.repeated()}`,
      `broken ${broken.length}, seed ${SEED}`,
    ].join("; ");
    return { figures, broken };
  } finally {
    over.abort();
    await live.stop();
    const stopped = await Promise.allSettled([workers.stop()]);
    await server.dispose();
    await backend.stop();
    rmSync(place, { recursive: true, force: true });
    for (const one of stopped) if (one.status === "rejected") throw one.reason;
  }
}

function makeRepository(place: string): string {
  const bare = join(place, "app.git");
  const work = join(place, "work");
  mkdirSync(bare);
  mkdirSync(work);
  git(bare, "init", "-q", "--bare", "-b", "main");
  git(work, "init", "-q", "-b", "main");
  git(work, "commit", "-q", "--allow-empty", "-m", "first");
  git(work, "push", "-q", bare, "main");
  return bare;
}

/** Puts the jobs in, never many more than the run has come to. */
async function putIn(
  jobs: readonly PlannedJob[],
  client: Client,
  limit: () => number,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < jobs.length && !signal.aborted) {
      const job = jobs[next];
      if (job === undefined || next > limit()) {
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
async function readNowAndThen(
  jobs: readonly PlannedJob[],
  url: string,
  token: string,
  history: RunHistory,
  done: () => number,
  signal: AbortSignal,
): Promise<void> {
  const hive = createHive({ url, token, retries: 0 });
  const which = dice(SEED, "reader");
  while (done() < 1 && !signal.aborted) {
    await pause(machineClock, 300, signal);
    const id = which.some(jobs)?.id ?? "";
    const job = await hive.get(id).catch(() => null);
    if (job !== null) history.add({ kind: "read", at: monotonicMs(), id, job: seenOf(job) });
  }
}

/**
 * What one claim costs while this many jobs wait: in the pure core, and through the committer on SQLite or Redis.
 * `node claim.ts <waiting> <rounds> [redis url]` prints microseconds a claim. After each round of claims the jobs are finished and as
 * many new ones put in, unmeasured, so that the number of waiting jobs stays the same.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  apply,
  type Command,
  type CommandOf,
  type CommandType,
  type Docs,
  docKey,
  type Document,
  lacking,
  type Replies,
  type State,
} from "@hive/core";
import { newSigningKey, readSigningKey } from "../../apps/dispatcher/src/auth/signing-key.ts";
import { systemClock } from "../../apps/dispatcher/src/clock.ts";
import { Committer } from "../../apps/dispatcher/src/queue/committer.ts";
import { createLeadership } from "../../apps/dispatcher/src/leader/leadership.ts";
import type { Store } from "../../apps/dispatcher/src/store/contract.ts";
import { openRedis } from "../../apps/dispatcher/src/store/redis/open-redis.ts";
import { SqliteStore } from "../../apps/dispatcher/src/store/sqlite/sqlite-store.ts";
import { RESULT } from "../job-body.ts";
import { median } from "../row.ts";
import { BENCH_RULES, loadedState, waitingJob, waitingJobs } from "../waiting-jobs.ts";

/** Workers, so claims of a round. */
const WORKERS = 50;

/** Carries out a command; the reply comes at once (core) or later (committer). */
type Submit = <T extends CommandType>(command: CommandOf<T>) => Replies[T] | Promise<Replies[T]>;

const [waiting = 0, rounds = 0] = process.argv.slice(2, 4).map(Number);
const redisUrl = process.argv[4];
const core = await measure(submitToCore(loadedState(waiting)));
const folder = await mkdtemp(join(tmpdir(), "hive-bench-claim-"));
let committer: number;
try {
  const { queue, submit } = await startQueue();
  committer = await measure(submit);
  await queue.stop();
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(JSON.stringify({ core, committer }));
process.exit(0);

async function measure(submitTo: Submit): Promise<number> {
  const names = Array.from({ length: WORKERS }, (_, n) => `worker-${n}`);
  for (const workerId of names) {
    const profile = { name: workerId, version: "1", roles: [], labels: ["linux", "docker"], agents: [] };
    const whole = { ...profile, provider: "process", isolation: "none" };
    await submitTo<"register">({ type: "register", workerId, registrationId: `of-${workerId}`, profile: whole });
  }
  const micros: number[] = [];
  let next = waiting;
  // The first rounds warm up.
  for (let round = -Math.ceil(rounds / 4); round < rounds; round += 1) {
    const granted: { readonly jobId: string; readonly fence: number }[] = [];
    const begun = performance.now();
    for (const workerId of names) {
      const asked = submitTo<"claim">({ type: "claim", workerId, claimId: `${workerId}-round-${round}` });
      const { grant } = asked instanceof Promise ? await asked : asked;
      // What is left belongs to branches that are all being worked on.
      if (grant === null) break;
      granted.push({ jobId: grant.job.id, fence: grant.lease.fence });
    }
    const spent = performance.now() - begun;
    if (granted.length === 0) throw new Error(`${waiting} jobs wait and nobody was given one`);
    if (round >= 0) micros.push((spent * 1_000) / granted.length);
    for (const lease of granted) {
      await submitTo<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
      const outcome = { end: "succeeded", result: RESULT } as const;
      await submitTo<"finish">({ type: "finish", lease, finishId: `end-of-${lease.jobId}`, outcome, log: null });
    }
    const jobs = granted.map((_, n) => waitingJob(next + n));
    next += jobs.length;
    await submitTo<"enqueue">({ type: "enqueue", jobs, idempotency: null });
  }
  return median(micros);
}

/** The core with just enough of a store beneath it for the jobs that are being worked on. */
function submitToCore(state: State): Submit {
  const stored = new Map<string, Document | null>();
  const read = (command: Command): Docs => {
    const docs = new Map<string, Document | null>();
    for (let keys = lacking(state, command, docs); keys.length > 0; keys = lacking(state, command, docs)) {
      for (const key of keys) docs.set(docKey(key), stored.get(docKey(key)) ?? null);
    }
    return docs;
  };
  return (command) => {
    const now = { mono: performance.now(), wall: Date.now(), random: Math.random };
    const { reply, changes } = apply(state, command, read(command), now);
    if (command.type === "register") for (const change of changes) stored.set(docKey(change), change.doc);
    return reply;
  };
}

async function startQueue(): Promise<{ readonly queue: Committer; readonly submit: Submit }> {
  const queue = new Committer({
    openStore: redisUrl === undefined ? () => new SqliteStore(join(folder, "hive.db")) : inRedis(redisUrl),
    rules: BENCH_RULES,
    clock: systemClock,
    onTrouble: (message, error) => {
      throw new Error(message, { cause: error });
    },
  });
  await queue.start();
  for (const jobs of waitingJobs(0, waiting)) {
    await queue.submit<"enqueue">({ type: "enqueue", jobs, idempotency: null });
  }
  return { queue, submit: (command) => queue.submit(command) };
}

function inRedis(url: string): () => Store {
  const signingKey = newSigningKey();
  const one = "bench";
  const secrets = { internalApiToken: one, callbackSecret: one, webhookSecret: one, sealingKeys: one, signingKey };
  const { mono } = systemClock;
  const leadership = createLeadership({ url: "http://bench", secrets, signingKey: readSigningKey(signingKey), mono });
  const redis = openRedis({ url, prefix: "bench", durability: "strict", mono, onWarning: () => {} });
  return () => redis.openStore(leadership);
}

/**
 * F4, the other half: commits that Redis must not take although they reach it whole. A queen stands still beyond a
 * takeover and goes on, with requests in her ears, in the very moment when her next commit has the number that Redis
 * waits for: only the election tells that it is hers no more. And a commit that was carried out comes a second time, as
 * from a proxy that repeats what it got no answer for: the election is right, only the number tells.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { ApiError } from "@hive/protocol";
import { createHive, type HiveClient } from "@hive/sdk";
import { redisKeys } from "../../../apps/dispatcher/src/store/redis/keys.ts";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import type { HiveProcess } from "../../e2e/hive-process.ts";
import { until } from "../../e2e/until.ts";
import { type RedisServer, startRedis } from "../../peers/redis/redis-server.ts";
import { startTcpProxy, type TcpProxy } from "../../peers/tcp-proxy.ts";
import { monotonicMs } from "../history.ts";
import type { LastLook } from "../last-look.ts";
import { type LightRun, lightJob, runLight, throughAny } from "../light-run.ts";
import { runLightWorker } from "../light-worker.ts";
import { stampOfRequest } from "../load.ts";
import { findQueen, upAndReady } from "../queens.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const commitsTooLate: Scenario = {
  id: "F4B",
  title: "what a deposed queen commits is not taken, nor a commit that comes twice, whatever number it has",
  stores: ["redis"],
  run,
};

/** Jobs that the first queen commits one by one; the second one follows until she has come as far. */
const JOBS = 6;
/** Requests that wait for the one that stands still. */
const STALE = 3;
const READY_LIMIT_MS = 30_000;
const REST_LIMIT_MS = 30_000;
const AGAIN_MS = 100;
const BRIEF = { key: null, maxAttempts: 3, dependsOn: [], callback: false };

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const rounds = sized(size, { quick: 1, full: 6 });
  await using rooms = new AsyncDisposableStack();
  const redis = await startRedis();
  rooms.defer(() => redis.dispose());
  const door = await startTcpProxy({ to: redis.port });
  rooms.defer(() => door.dispose());
  const redisUrl = `redis://127.0.0.1:${door.port}`;
  await using replicas = await startReplicas({ store, count: 2, redisUrl });
  const { servers, token, secret } = replicas;
  const asides: string[] = [];
  let met = 0;
  let repeated = 0;

  return await runLight({
    name: "F4B",
    seed,
    ...throughAny(replicas),
    // What is put in here is put in one by one, and nothing else happens meanwhile.
    workers: 0,
    jobs: 0,
    holdMs: 0,
    asides,
    harm: async (run) => {
      for (let round = 0; round < rounds && !run.signal.aborted; round += 1) {
        const putter = { run, token, asides };
        if (await comesBack(putter, servers, redis)) met += 1;
        repeated += await comesTwice(putter, { servers, secret, door, redis });
      }
      return { jobs: asides.length, "deposed queens": met, "commits sent again": repeated };
    },
    verdict: (_, look) => {
      const broken = [...eachOnce(asides, look)];
      if (met < rounds) broken.push(`the run proves little: ${met} of ${rounds} deposed queens met their number`);
      if (repeated < rounds) broken.push(`the run proves little: ${repeated} of ${rounds} commits came twice`);
      return broken;
    },
  });
}

interface Putter {
  readonly run: LightRun;
  readonly token: string;
  /** Every job that was put in. */
  readonly asides: string[];
}

/** Puts one job in, over `hive`, until it is accepted. */
async function put({ run, asides }: Putter, hive: HiveClient, request = nextJob(asides)): Promise<string> {
  const { jobId: id } = request;
  while (!run.signal.aborted) {
    const sentAt = monotonicMs();
    const { outcome, status } = await hive.enqueue(request).then(
      (job) => ({ outcome: "ok", status: job.status }),
      (error: unknown) => ({
        outcome: error instanceof ApiError && !error.retry ? error.code : "unknown",
        status: null,
      }),
    );
    const at = monotonicMs();
    const bodyHash = stampOfRequest(request);
    run.history.add({ kind: "enqueue", at, sentAt, id, bodyHash, brief: BRIEF, outcome, existing: true, status });
    if (outcome === "ok") break;
    if (outcome !== "unknown") throw new Error(`${id} was answered with ${outcome}`);
    await pause(machineClock, AGAIN_MS, run.signal);
  }
  return id;
}

function nextJob(asides: string[]): ReturnType<typeof lightJob> {
  const request = lightJob(asides.length + 1);
  asides.push(request.jobId);
  return request;
}

/** A queen stands still until another's commits have come exactly as far as hers. False: they went beyond. */
async function comesBack(putter: Putter, servers: readonly HiveProcess[], redis: RedisServer): Promise<boolean> {
  const { run, token, asides } = putter;
  const victim = await upAndReady(servers, READY_LIMIT_MS);
  const others = servers.filter((one) => one !== victim);
  for (let n = 0; n < JOBS; n += 1) await put(putter, run.hive);
  const number = commitOf(redis);
  run.history.mark(`dispatcher ${servers.indexOf(victim) + 1} stands still at commit ${number}`);
  process.kill(victim.pid(), "SIGSTOP");
  try {
    const queen = await until("another queen", () => findQueen(others), { limitMs: READY_LIMIT_MS });
    const hive = createHive({ url: queen.url, token });
    while (commitOf(redis) < number && !run.signal.aborted) await put(putter, hive);
    const isMet = commitOf(redis) === number;
    const direct = createHive({ url: victim.url, token, retries: 0 });
    // Whoever gets no answer asks again, as everybody should.
    const asked = Array.from({ length: STALE }, () => put(putter, direct, nextJob(asides)));
    run.history.mark("it goes on");
    process.kill(victim.pid(), "SIGCONT");
    await Promise.all(asked);
    await put(putter, hive);
    return isMet;
  } finally {
    process.kill(victim.pid(), "SIGCONT");
  }
}

interface Way {
  readonly servers: readonly HiveProcess[];
  readonly secret: string;
  /** Between dispatchers and Redis. */
  readonly door: TcpProxy;
  readonly redis: RedisServer;
}

/** The commit that brought a job comes again when the job is over, and another dispatcher reads what is there then. */
async function comesTwice(putter: Putter, { servers, secret, door, redis }: Way): Promise<number> {
  const { run, asides } = putter;
  const heard = new Map<number, Buffer[]>();
  door.overhear((connection, piece) => heard.set(connection, [...(heard.get(connection) ?? []), piece]));
  const id = await put(putter, run.hive);
  await door.heal();
  const commits = [...heard.values()].map((pieces) => Buffer.concat(pieces)).filter((bytes) => bytes.includes(id));

  const leaving = new AbortController();
  const signal = AbortSignal.any([run.signal, leaving.signal]);
  const urls = servers.map(({ url }) => url);
  const { history, live, work } = run;
  const working = runLightWorker({ name: `light-${asides.length}`, urls, secret, history, signal }, work);
  // What is not by then, the last look names.
  const allOver = (): Promise<unknown> =>
    until("every job to be over", () => signal.aborted || asides.every((one) => live.over.has(one)), {
      limitMs: REST_LIMIT_MS,
    }).catch(() => undefined);
  await allOver();
  run.history.mark(`what brought ${id} comes again`);
  for (const bytes of commits) await say(redis, bytes);
  const queen = await upAndReady(servers, READY_LIMIT_MS);
  await queen.stop();
  // Behind the other one, if that is to be done again.
  await put(putter, run.hive);
  await allOver();
  leaving.abort();
  await working;
  await queen.start();
  return commits.length > 0 ? 1 : 0;
}

/** Says it to Redis, and waits until all of it was heard. */
async function say({ port }: RedisServer, bytes: Buffer): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  let answers = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answers += text;
  });
  await once(socket, "connect");
  socket.end(bytes);
  await once(socket, "close");
  if (answers === "") throw new Error("Redis answered nothing");
}

/** The number of the last commit. */
function commitOf({ port }: RedisServer): number {
  const words = ["-p", String(port), "HGET", redisKeys("hive").meta, "sequence"];
  return Number(execFileSync("redis-cli", words, { encoding: "utf8" }));
}

/** Each job is there, was done once, and has a number of its own; so has each event. */
function eachOnce(asides: readonly string[], { details, events }: LastLook): readonly string[] {
  const broken: string[] = [];
  const numbers = new Map<number, string>();
  for (const id of asides) {
    const job = details.get(id);
    if (job === undefined) broken.push(`I1: ${id} does not exist`);
    else if (job.status !== "succeeded") broken.push(`${id} is ${job.status} (${job.reason})`);
    else if (job.history.length !== 1) broken.push(`I3: ${id} was done ${job.history.length} times`);
    if (job === undefined) continue;
    const other = numbers.get(job.seq);
    if (other !== undefined) broken.push(`I2: ${id} and ${other} have one number`);
    numbers.set(job.seq, id);
  }
  for (const id of asides) {
    const made = events.filter(({ jobId, type }) => jobId === id && type === "job.queued").length;
    if (made !== 1) broken.push(`I2: ${id} was told of as queued ${made} times`);
  }
  return broken;
}

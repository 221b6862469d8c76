/**
 * One leased job in a worker's hands: the order of `run-job.ts` (begin, work, publish, report) with simulated work
 * between the real heartbeat, lease calls, event reporter and delivery. Each thing that only the holder of the lease may
 * do is noted as an act, at the moment the real code says that the lease is still ours.
 */

import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import type { ApiClient, FinishRequest, LeaseGrant } from "@hive/protocol";
import { type Attempt, beginAttempt } from "../../apps/worker/src/attempt.ts";
import { pause } from "../../apps/worker/src/loops/clock.ts";
import { type Heartbeat, startHeartbeat } from "../../apps/worker/src/loops/heartbeat-loop.ts";
import { deliver } from "../../apps/worker/src/report/deliver.ts";
import { createEventReporter, type EventReporter } from "../../apps/worker/src/report/event-reporter.ts";
import { createLeaseCalls, type LeaseCalls } from "../../apps/worker/src/report/lease-calls.ts";
import { startOf } from "./families.ts";
import type { Program } from "./program.ts";
import { resultOf } from "./result.ts";
import { INTERVALS } from "./rules.ts";
import type { Worker } from "./worker.ts";
import { tryEveryWrite } from "./zombie.ts";

/** The job a worker has. */
export interface JobAtWork {
  readonly jobId: string;
  readonly fence: number;
  readonly attempt: Attempt;
  readonly token: string;
}

type Outcome = FinishRequest["outcome"];

interface Bench {
  readonly worker: Worker;
  readonly program: Program;
  readonly lease: LeaseGrant;
  readonly attempt: Attempt;
  readonly heartbeat: Heartbeat;
  readonly calls: LeaseCalls;
  readonly events: EventReporter;
  /** Bytes of log so far. */
  log: string;
}

/** Does the job of this lease; resolves when the worker may take another. */
export async function doWork(worker: Worker, lease: LeaseGrant, program: Program, client: ApiClient): Promise<void> {
  const { world } = worker;
  const { fence, token } = lease;
  const { jobId } = lease.job;
  const attempt = beginAttempt(jobId, fence);
  worker.job = { jobId, fence, attempt, token };
  attempt.right.addEventListener("abort", () => {
    const why = attempt.stopped()?.why ?? "unknown";
    world.history.add({ kind: "gave-up", at: world.time.now, worker: worker.name, jobId, fence, why });
  });
  const heartbeat = startHeartbeat({
    client,
    token,
    attempt,
    clock: program,
    heartbeatMs: INTERVALS.heartbeatMs,
    leaseMs: INTERVALS.leaseMs,
    firstBeatMs: lease.firstBeatMs,
    onDrain: () => worker.leave(),
  });
  const calls = createLeaseCalls({ client, token, attempt, clock: program, isOurs: heartbeat.isOurs });
  const events = createEventReporter({ send: calls.report, secrets: () => [], clock: program, flushMs: 50 });
  const stopTimer = program.after(lease.job.timeoutMs, () =>
    attempt.stop({ why: "timeout", reason: "the job's time is up" }),
  );
  const bench: Bench = { worker, program, lease, attempt, heartbeat, calls, events, log: "" };
  try {
    if (!(await heartbeat.begun)) return;
    const outcome = await decide(bench);
    if (outcome !== null) await report(bench, client, outcome);
  } finally {
    stopTimer();
    await heartbeat.stop();
    await events.finish();
    if (attempt.stopped()?.why === "unreachable") world.counters.count("attempt stopped by its own clock");
    if (attempt.right.aborted && worker.dice.chance(world.scenario.rude)) {
      tryEveryWrite(worker, client, lease);
    }
  }
}

/** The work, step by step; null: the lease is over and nobody wants to hear of it. */
async function decide(bench: Bench): Promise<Outcome | null> {
  const { worker, program, lease, attempt, heartbeat } = bench;
  const { scenario } = worker.world;
  const { dice } = worker;
  const token = `${lease.job.jobId}/${lease.fence} ${worker.world.numbers.next("finish")}`;
  act(bench, "begin");
  await agree(bench);
  const steps = lease.purpose === "publish" ? 1 : dice.int(1, scenario.mostSteps);
  for (let step = 0; step < steps; step += 1) {
    heartbeat.tell({ phase: `phase-${step}`, message: `step ${step}` });
    await pause(program, dice.int(100, scenario.longestStepMs), attempt.work);
    if (!act(bench, "step")) break;
    if (dice.chance(0.5)) bench.events.add({ type: "message", text: `${token} step ${step}` });
    if (worker.world.gateway.wants()) await worker.world.gateway.call(lease);
    if (worker.world.quotas.isUsedUp()) await worker.world.quotas.tell(lease);
    if (dice.chance(0.3)) await writeLog(bench, `${token} step ${step}\n`);
  }
  const hang = dice.chance(scenario.work.hangs);
  if (hang && lease.purpose === "work") await pause(program, 600_000, attempt.work);
  const stop = attempt.stopped();
  switch (stop?.why) {
    case "stale":
      return null;
    case "canceled":
      return { end: "canceled", result: resultOf(token) };
    case "timeout":
      return { end: "failed", error: { code: "timeout", kind: "work", message: token }, result: null };
    case "memory":
      return { end: "failed", error: { code: "out_of_memory", kind: "work", message: token }, result: null };
    case "budget":
      return { end: "failed", error: { code: "budget_exceeded", kind: "work", message: token }, result: null };
    case "quota":
      return { end: "parked", message: token, result: resultOf(token) };
    case "leaving":
    case "unreachable":
      return { end: "returned", message: token };
    case undefined:
      return ending(bench, token);
  }
}

/** A candidate starts where all of its kind do; one whose right is over hears of it in the next step. */
async function agree({ lease, calls, attempt, ...bench }: Bench): Promise<void> {
  if (lease.job.candidate === null) return;
  try {
    const { commit } = await calls.agreeStart(startOf(lease));
    act({ lease, calls, attempt, ...bench }, `start ${commit}`);
  } catch (error) {
    if (attempt.stopped() === null) throw error;
  }
}

async function ending(bench: Bench, token: string): Promise<Outcome | null> {
  const { worker, lease, attempt } = bench;
  const { dice } = worker;
  const { work } = worker.world.scenario;
  if (lease.purpose === "work") {
    const roll = dice.roll();
    const error = { code: "broken", message: token };
    if (roll < work.system) return { end: "failed", error: { ...error, kind: "system" }, result: null };
    if (roll < work.system + work.work) return { end: "failed", error: { ...error, kind: "work" }, result: null };
    if (roll < work.system + work.work + work.returned) return { end: "returned", message: token };
    if (lease.job.approvePublish) {
      return { end: "awaits_approval", bundle: { sha256: sha(token), artifact: "bundle" }, result: resultOf(token) };
    }
  }
  if (dice.chance(0.6) || lease.purpose === "publish") {
    const commit = sha(token).slice(0, 40);
    try {
      if (await bench.calls.announce({ ref: "refs/heads/work", expectedOld: "0".repeat(40), commit })) {
        act(bench, "push");
      }
    } catch {
      // Refused (a cancel was asked for), or the right is gone: `stopped` says which.
      if (attempt.stopped() === null)
        return { end: "failed", error: { code: "refused", kind: "work", message: token }, result: null };
    }
    if (attempt.right.aborted) return attempt.stopped()?.why === "stale" ? null : { end: "returned", message: token };
  }
  const result = resultOf(token);
  if (lease.job.candidate === null) return { end: "succeeded", result };
  const lines = { files: 1, insertions: dice.int(0, 3), deletions: 0 };
  return { end: "succeeded", result: { ...result, commit: sha(token).slice(0, 40), diffStat: lines } };
}

async function report(bench: Bench, client: ApiClient, outcome: Outcome): Promise<void> {
  const { worker, lease, program } = bench;
  const { world } = worker;
  bench.heartbeat.tell({ phase: "report" });
  await bench.events.finish();
  const bytes = Buffer.from(bench.log);
  const result = {
    jobId: lease.job.jobId,
    fence: lease.fence,
    token: lease.token,
    request: {
      finishId: randomUUID(),
      outcome,
      log: bytes.length === 0 ? null : { bytes: bytes.length, crc32: crc32(bytes) },
    },
    logFile: null,
  };
  const outbox = worker.outbox();
  await outbox.save(result);
  const patience = new AbortController();
  const takeBack = program.after(2 * INTERVALS.leaseMs, () => patience.abort());
  let tries = 0;
  const counting: ApiClient = {
    ...client,
    call: (...call) => {
      tries += 1;
      return client.call(...call);
    },
  };
  const resendLog = async (): Promise<boolean> => writeLog(bench, "");
  const delivery = await deliver({ client: counting, clock: program, result, signal: patience.signal, resendLog });
  takeBack();
  if (delivery.end === "taken" && tries > 1) world.counters.count("finish repeated");
  if (delivery.end !== "unknown") await outbox.remove(result);
}

/** Sends the log up to its end with this text added; false when that is not possible any more. */
async function writeLog(bench: Bench, text: string): Promise<boolean> {
  const { worker, lease, attempt, program, calls } = bench;
  bench.log += text;
  worker.world.history.written.set(`${lease.job.jobId}/${lease.fence}`, bench.log);
  const bytes = Buffer.from(bench.log);
  let sent = bytes.length - Buffer.byteLength(text);
  for (let tries = 0; sent < bytes.length || tries === 0; tries += 1) {
    if (attempt.right.aborted || tries > 30) return false;
    const reply = await calls.uploadLog(sent, bytes.subarray(sent)).catch(() => undefined);
    if (reply?.ok === false && reply.code === "stale") return false;
    if (reply === undefined) await pause(program, 200, attempt.right);
    else sent = reply.ok ? reply.committed : "expected" in reply ? reply.expected : bytes.length;
  }
  return true;
}

/** Notes an act if the lease is ours by the clock of this moment; false: it is not. */
function act({ worker, lease, heartbeat, attempt }: Bench, what: string): boolean {
  if (!heartbeat.isOurs() || attempt.work.aborted) return false;
  const { world } = worker;
  const { jobId } = lease.job;
  world.history.add({ kind: "act", at: world.time.now, worker: worker.name, jobId, fence: lease.fence, what });
  return true;
}

function sha(token: string): string {
  let hex = "";
  for (let part = 0; hex.length < 64; part += 1) {
    hex += crc32(`${part}${token}`).toString(16).padStart(8, "0");
  }
  return hex.slice(0, 64);
}

import { afterEach, beforeEach, expect, test } from "vitest";
import { HiveError } from "@hive/core";
import { createClient, type LeaseGrant } from "@hive/protocol";
import { beginAttempt } from "../attempt.ts";
import { startClaimLoop } from "./claim-loop.ts";
import { type Clock, machineClock } from "./clock.ts";
import { type Heartbeat, type HeartbeatOptions, startHeartbeat } from "./heartbeat-loop.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./scripted-dispatcher.fixture.ts";
import { createSession, NotWelcomeError, type Session } from "./session.ts";
import { type Signal, startSignalsLoop } from "./signals-loop.ts";

let dispatcher: ScriptedDispatcher;
let stop: AbortController;
let said: string[];
const cleanups: (() => Promise<unknown> | void)[] = [];

beforeEach(async () => {
  dispatcher = await startScriptedDispatcher();
  stop = new AbortController();
  said = [];
});
afterEach(async () => {
  stop.abort();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await dispatcher.close();
});

/** Time the test moves by hand; `mono` stands still until then. */
class HandClock implements Clock {
  now = 1_000;
  timers = new Set<{ at: number; act: () => void }>();
  mono(): number {
    return this.now;
  }
  wall(): number {
    return Date.now();
  }
  random(): number {
    return 0.5;
  }
  after(ms: number, act: () => void): () => void {
    const timer = { at: this.now + ms, act };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }
  advance(ms: number): void {
    const target = this.now + ms;
    for (;;) {
      const next = [...this.timers].filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers.delete(next);
      this.now = next.at;
      next.act();
    }
    this.now = target;
  }
  /** The process was stopped: time passed and no timer ran. */
  freeze(ms: number): void {
    this.now += ms;
  }
}

/** Back-off is over at once; watchdogs of many seconds stay what they are. */
const hasty: Clock = {
  ...machineClock,
  after: (ms, act) => machineClock.after(ms > 15_000 ? ms : Math.min(ms, 2), act),
};

function session(
  clock: Clock = hasty,
  credential: Parameters<typeof createSession>[0]["credential"] = { kind: "secret", secret: "s".repeat(32) },
): Session {
  return createSession({
    client: createClient({ baseUrl: dispatcher.url }),
    profile: { name: "w", version: "1", roles: [], labels: [], provider: "manual", isolation: "none", agents: [] },
    credential,
    clock,
    warn: () => undefined,
  });
}

test("a lost answer to a registration is repeated with the same id and a new proof", async () => {
  dispatcher.fault("workerRegister", "cut", "refuse_connection");
  const registered = await session().register(stop.signal, null);
  expect(registered?.workerId).toBe("w1");
  const bodies = dispatcher
    .callsOf("workerRegister")
    .map((call) => call.body as { registrationId: string; proof: { nonce: string } });
  expect(bodies).toHaveLength(3);
  expect(new Set(bodies.map((body) => body.registrationId)).size).toBe(1);
  expect(new Set(bodies.map((body) => body.proof.nonce)).size).toBe(3);
});

test("a fleet's worker whose launch token was used does not try for ever", async () => {
  dispatcher.on("workerRegister", () => {
    throw new HiveError("registration_refused", "its launch token was used by another worker");
  });
  await expect(session(hasty, { kind: "launch", token: "t".repeat(20) }).register(stop.signal, null)).rejects.toThrow(
    NotWelcomeError,
  );
});

async function claiming(work: (lease: LeaseGrant) => Promise<void>, clock: Clock = hasty) {
  const own = session();
  await own.register(stop.signal, null);
  const loop = startClaimLoop({
    client: createClient({ baseUrl: dispatcher.url }),
    session: own,
    clock,
    signal: stop.signal,
    work,
    say: (line) => void said.push(line),
  });
  cleanups.push(async () => {
    stop.abort();
    await loop.done.catch(() => undefined);
  });
  return loop;
}

test("a lost answer to a claim is repeated with the same claim id and gives the same lease, once", async () => {
  await dispatcher.offer({ jobId: "a" });
  dispatcher.fault("workerClaim", "cut", "cut");
  const got: string[] = [];
  await claiming(async ({ job }) => void got.push(job.jobId));
  await until("the job", () => got.length === 1);
  await until("the next claim", () => dispatcher.callsOf("workerClaim").length >= 4);
  const ids = dispatcher.callsOf("workerClaim").map((call) => (call.body as { claimId: string }).claimId);
  expect(new Set(ids.slice(0, 3)).size).toBe(1);
  expect(ids[3]).not.toBe(ids[0]);
  expect(got).toEqual(["a"]);
});

test("a worker the dispatcher does not know registers again and goes on claiming", async () => {
  let forgotten = true;
  dispatcher.on("workerClaim", () => {
    if (!forgotten) return undefined;
    forgotten = false;
    throw new HiveError("worker_unknown", "who?");
  });
  await dispatcher.offer({ jobId: "a" });
  const got: string[] = [];
  await claiming(async ({ job }) => void got.push(job.jobId));
  await until("the job", () => got.length === 1);
  expect(dispatcher.callsOf("workerRegister")).toHaveLength(2);
});

test("a lease that this dispatcher did not sign is never worked on", async () => {
  const lease = await dispatcher.offer({ jobId: "a" });
  dispatcher.on("workerClaim", () => ({ lease: { ...lease, token: `${lease.token.slice(0, -4)}AAAA` }, drain: false }));
  const got: string[] = [];
  await claiming(async ({ job }) => void got.push(job.jobId));
  await until("several claims", () => dispatcher.callsOf("workerClaim").length > 3);
  expect(got).toEqual([]);
  expect(said.join()).toContain("signature");
});

test("a draining worker finishes its job and claims no other", async () => {
  await dispatcher.offer({ jobId: "a" });
  await dispatcher.offer({ jobId: "b" });
  const got: string[] = [];
  const inWork = Promise.withResolvers<void>();
  const loop = await claiming(async ({ job }) => {
    got.push(job.jobId);
    stop.abort();
    await inWork.promise;
    got.push("finished");
  });
  await until("the job", () => got.length === 1);
  inWork.resolve();
  await loop.done;
  expect(got).toEqual(["a", "finished"]);
});

test("cancel, stale and drain arrive over the stream at once, and over the next one when it breaks", async () => {
  const own = session();
  await own.register(stop.signal, null);
  const got: Signal[] = [];
  const loop = startSignalsLoop({
    client: createClient({ baseUrl: dispatcher.url }),
    session: own,
    clock: hasty,
    signal: stop.signal,
    onSignal: (one) => void got.push(one),
  });
  cleanups.push(() => loop.done);
  await until("the stream", () => dispatcher.streams.size === 1);
  dispatcher.signal({ signal: "cancel", jobId: "a", fence: 1, reason: "by hand" });
  await until("the cancel", () => got.length === 1);
  for (const stream of dispatcher.streams) stream.destroy();
  await until(
    "another stream",
    () => dispatcher.callsOf("workerSignals").length === 2 && dispatcher.streams.size === 1,
  );
  dispatcher.signal({ signal: "nonsense" });
  dispatcher.signal({ signal: "drain", jobId: null, fence: null, reason: "leave" });
  await until("the drain", () => got.length === 2);
  expect(got.map(({ signal }) => signal)).toEqual(["cancel", "drain"]);
});

test("a server that takes the call for signals and answers nothing is asked again after a minute", async () => {
  const own = session();
  await own.register(stop.signal, null);
  const clock = new HandClock();
  dispatcher.on("workerSignals", () => new Promise(() => undefined));
  const loop = startSignalsLoop({
    client: createClient({ baseUrl: dispatcher.url }),
    session: own,
    clock,
    signal: stop.signal,
    onSignal: () => undefined,
  });
  cleanups.push(() => loop.done);
  await until("the call", () => dispatcher.callsOf("workerSignals").length === 1);
  dispatcher.on("workerSignals", () => undefined);
  clock.advance(66_000);
  await until("the end of patience", () => loop.status().startsWith("signals: broken") && clock.timers.size > 0);
  clock.advance(10_000);
  await until("the stream", () => dispatcher.streams.size === 1);
});

async function beating(clock: Clock, more: Partial<HeartbeatOptions> = {}) {
  const lease = await dispatcher.offer({ jobId: "a" });
  const attempt = beginAttempt("a", lease.fence);
  const { intervals } = dispatcher;
  const heartbeat: Heartbeat = startHeartbeat({
    client: createClient({ baseUrl: dispatcher.url }),
    token: lease.token,
    attempt,
    clock,
    heartbeatMs: intervals.heartbeatMs,
    leaseMs: intervals.leaseMs,
    firstBeatMs: lease.firstBeatMs,
    onDrain: () => undefined,
    ...more,
  });
  cleanups.push(() => heartbeat.stop());
  return { heartbeat, attempt, lease };
}

const beats = (): number => dispatcher.callsOf("leaseHeartbeat").length;

test("the work is killed two thirds of the term after the last heartbeat that was taken was sent, not a moment earlier", async () => {
  const clock = new HandClock();
  const { heartbeat, attempt } = await beating(clock);
  expect(await heartbeat.begun).toBe(true);
  dispatcher.on("leaseHeartbeat", () => {
    throw new HiveError("store_failed", "the disk is gone");
  });
  // The first was sent at 1,000; from then on none is taken.
  for (let passed = 0; passed < 19_500; passed += 500) {
    const before = beats();
    clock.advance(500);
    if (beats() !== before) await until("the answer", () => clock.timers.size > 0);
  }
  expect(attempt.stopped()).toBeNull();
  expect(heartbeat.isOurs()).toBe(true);
  clock.advance(500);
  expect(attempt.stopped()).toMatchObject({ why: "unreachable" });
  expect(attempt.work.aborted && attempt.right.aborted).toBe(true);
  expect(heartbeat.isOurs()).toBe(false);
});

test("after a pause of the whole process the clock decides before any timer: the work is no longer ours", async () => {
  const clock = new HandClock();
  const { heartbeat, attempt } = await beating(clock);
  await heartbeat.begun;
  clock.freeze(20_000);
  expect(heartbeat.isOurs()).toBe(false);
  expect(attempt.stopped()?.why).toBe("unreachable");
});

test("an answer that comes late counts from when its heartbeat was sent", async () => {
  const clock = new HandClock();
  const { heartbeat, attempt } = await beating(clock);
  await heartbeat.begun;
  const late = Promise.withResolvers<void>();
  dispatcher.on("leaseHeartbeat", () => late.promise.then(() => undefined));
  heartbeat.tell({ phase: "run" });
  await until("the second heartbeat", () => beats() === 2);
  clock.freeze(19_999);
  late.resolve();
  await until("it was taken", () => heartbeat.status().endsWith("in run"));
  expect(attempt.stopped()).toBeNull();
  clock.freeze(1);
  expect(heartbeat.isOurs()).toBe(false);
});

test("a heartbeat under an old fence ends the attempt as stale and no further one is sent", async () => {
  const { heartbeat, attempt, lease } = await beating(hasty);
  await heartbeat.begun;
  dispatcher.stale.add(lease.fence);
  await until("the end", () => attempt.right.aborted);
  expect(attempt.stopped()?.why).toBe("stale");
  await heartbeat.stop();
});

test("an attempt whose first heartbeat is refused never begins", async () => {
  dispatcher.stale.add(1);
  const { heartbeat } = await beating(hasty);
  expect(await heartbeat.begun).toBe(false);
});

test("a term that cannot be divided by three is kept like any other", async () => {
  dispatcher.intervals.leaseMs = 20_000;
  const { heartbeat } = await beating(machineClock);
  expect(await heartbeat.begun).toBe(true);
});

test("cancel in a heartbeat's answer stops the work but keeps the lease until the end is told", async () => {
  const { heartbeat, attempt } = await beating(hasty);
  await heartbeat.begun;
  dispatcher.on("leaseHeartbeat", () => ({ cancel: { reason: "not needed" }, drain: false, leaseMs: 30_000 }));
  await until("the cancel", () => attempt.work.aborted);
  expect(attempt.stopped()).toEqual({ why: "canceled", reason: "not needed" });
  expect(attempt.right.aborted).toBe(false);
  const seen = beats();
  await until("more heartbeats", () => beats() > seen + 1);
});

test("stop in a heartbeat's answer says for what, and keeps the lease; who asks hears of it at once", async () => {
  for (const [code, why] of [
    ["quota", "quota"],
    ["budget_exceeded", "budget"],
  ] as const) {
    const { heartbeat, attempt } = await beating(new HandClock());
    await heartbeat.begun;
    dispatcher.on("leaseHeartbeat", () => ({
      cancel: null,
      stop: { code, message: "used up" },
      drain: false,
      leaseMs: 30_000,
    }));
    await heartbeat.ask();
    expect(attempt.stopped()).toEqual({ why, reason: "used up" });
    expect([attempt.work.aborted, attempt.right.aborted]).toEqual([true, false]);
    dispatcher.on("leaseHeartbeat", () => undefined);
  }
});

test("a heartbeat that was overtaken by one that was asked for does not shorten the lease", async () => {
  const clock = new HandClock();
  let drained = false;
  const { heartbeat } = await beating(clock, { onDrain: () => (drained = true) });
  await heartbeat.begun;
  const late = Promise.withResolvers<object>();
  dispatcher.on("leaseHeartbeat", () => late.promise);
  heartbeat.tell({ phase: "run" });
  await until("the slow heartbeat", () => beats() === 2);
  clock.freeze(5_000);
  dispatcher.on("leaseHeartbeat", () => undefined);
  await heartbeat.ask();
  late.resolve({ cancel: null, drain: true, leaseMs: 30_000 });
  await until("the slow one was taken", () => drained);
  clock.freeze(19_999);
  expect(heartbeat.isOurs()).toBe(true);
});

test("a new phase is told at once, a flood of progress at most once a second", async () => {
  const clock = new HandClock();
  const { heartbeat } = await beating(clock);
  await heartbeat.begun;
  heartbeat.tell({ phase: "run" });
  await until("the phase", () => beats() === 2);
  for (let percent = 0; percent <= 50; percent += 1) heartbeat.tell({ percent, message: `at ${percent}` });
  await until("the answer", () => heartbeat.status() === "heartbeat taken in run");
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(beats()).toBe(2);
  clock.advance(1_000);
  await until("the progress", () => beats() === 3);
  expect(dispatcher.callsOf("leaseHeartbeat").at(-1)?.body).toEqual({ phase: "run", percent: 50, message: "at 50" });
});

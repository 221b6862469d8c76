/**
 * A worker that will not believe it is over. It takes a job like any other, begins, writes a line into the log, and then
 * either gives the job back or falls silent until its lease is gone. Once somebody else has the job it writes on with
 * its old token through every call there is: each must be refused and leave no trace.
 */
import { createHash, randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import {
  type ApiClient,
  ApiError,
  createClient,
  endpoints,
  type FinishRequest,
  type LeaseGrant,
  serverUrls,
} from "@hive/protocol";
import { createSession, type Session } from "../../apps/worker/src/loops/session.ts";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { until } from "../e2e/until.ts";
import type { WriteKind } from "../sim/history.ts";
import { monotonicMs, type RunHistory } from "./history.ts";
import type { LiveEvents } from "./live-events.ts";

const WAIT_MS = 2_000;
const AGAIN_MS = 200;
/** A lease runs out only once the dispatcher lives for a whole term: not before the kills are over, at worst. */
const OUTLIVED_MS = 400_000;

export interface ZombieOptions {
  readonly name: string;
  /** Of the dispatcher; several, separated by commas, where there are replicas. */
  readonly url: string;
  readonly secret: string;
  readonly history: RunHistory;
  readonly live: LiveEvents;
  readonly leases: number;
  /** Whether the lease of this number, from 0, may be taken. */
  readonly isTime: (lease: number) => boolean;
  /** No job will come any more. */
  readonly isOver: () => boolean;
  /** Aborted: the run failed elsewhere. */
  readonly signal: AbortSignal;
}

/** What the zombies of a run tried, and what they wrote while they were alive. */
export interface Haunting {
  /** Calls made under an old fence. */
  stale: number;
  /** Those that were taken. */
  readonly taken: string[];
  /** Log text by `job/fence`. */
  readonly written: Map<string, string>;
}

interface Outcome {
  readonly outcome: string;
  readonly status: string | null;
}

/** Lives through its leases. @throws when it could not: the dispatcher never answered, nobody took its jobs over. */
export async function haunt(options: ZombieOptions, haunting: Haunting): Promise<void> {
  const client = createClient({ baseUrl: serverUrls(options.url) });
  const profile = { name: options.name, version: "0.1.0", roles: [], labels: [], provider: "manual" };
  const session = createSession({
    client,
    profile: { ...profile, isolation: "none", agents: [] },
    credential: { kind: "secret", secret: options.secret },
    clock: machineClock,
    warn: () => undefined,
  });
  const { signal } = options;
  await session.register(signal, null);
  for (let count = 0; count < options.leases; count += 1) {
    while (!options.isTime(count) && !signal.aborted) await pause(machineClock, AGAIN_MS, signal);
    const lease = await claim(client, session, options);
    if (lease === null) break;
    await new Zombie(client, session, lease, options, haunting).live(count % 2 === 0);
  }
  if (!signal.aborted)
    await insist(() => client.call(endpoints.workerGoodbye, {}, { token: session.current().token }), signal);
}

/** The next job, or null when none will come. The id of a claim stays the same until it was answered. */
async function claim(client: ApiClient, session: Session, options: ZombieOptions): Promise<LeaseGrant | null> {
  const { signal } = options;
  let claimId = randomUUID();
  while (!options.isOver() && !signal.aborted) {
    const known = session.current();
    try {
      const call = { body: { claimId, waitMs: WAIT_MS } };
      const { lease } = await client.call(endpoints.workerClaim, call, { token: known.token });
      if (lease !== null) return lease;
      claimId = randomUUID();
    } catch (error) {
      if (error instanceof ApiError && error.is("worker_unknown")) await session.register(signal, known);
      else if (error instanceof ApiError && !error.retry) throw error;
      else await pause(machineClock, AGAIN_MS, signal);
    }
  }
  return null;
}

/** Calls until there is an answer. @throws ApiError for a refusal. */
async function insist<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const begun = monotonicMs();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isAnswer = error instanceof ApiError && !error.retry;
      if (isAnswer || signal.aborted || monotonicMs() - begun > OUTLIVED_MS) throw error;
      await pause(machineClock, AGAIN_MS, signal);
    }
  }
}

class Zombie {
  readonly #client: ApiClient;
  readonly #worker: string;
  readonly #lease: LeaseGrant;
  readonly #options: ZombieOptions;
  readonly #haunting: Haunting;

  constructor(client: ApiClient, session: Session, lease: LeaseGrant, options: ZombieOptions, haunting: Haunting) {
    this.#client = client;
    this.#worker = session.current().workerId;
    this.#lease = lease;
    this.#options = options;
    this.#haunting = haunting;
  }

  /** A job may be lost to silence once only, or it would become poison: one that had another lease is given back. */
  async live(silently: boolean): Promise<void> {
    const { fence, job } = this.#lease;
    const { live, history, signal } = this.#options;
    const about = { worker: this.#worker, jobId: job.jobId, fence };
    history.add({ kind: "granted", at: monotonicMs(), ...about });
    const line = `a line of ${job.jobId}/${fence}\n`;
    const { outcome } = await this.#write("heartbeat", () => this.#beat());
    const logged = outcome === "ok" ? await this.#write("logs", () => this.#log(0, line)) : null;
    if (logged?.outcome === "ok") this.#haunting.written.set(`${job.jobId}/${fence}`, line);
    if (!silently || fence > 1) await this.#giveBack(logged?.outcome === "ok" ? line : "");
    const isGone = (): boolean => live.fenceOf(job.jobId) > fence || live.over.has(job.jobId) || signal.aborted;
    await until(`${job.jobId}/${fence} to be given to somebody else`, isGone, { limitMs: OUTLIVED_MS });
    if (!signal.aborted) await this.#haunt(line.length);
  }

  async #giveBack(log: string): Promise<void> {
    const token = randomUUID();
    const end = { bytes: Buffer.byteLength(log), crc32: crc32(log) };
    await this.#write("finish", () => this.#finish({ end: "returned", message: token }, end), token);
  }

  /** Every call there is, under the old fence. */
  async #haunt(logged: number): Promise<void> {
    const token = randomUUID();
    const { job, fence } = this.#lease;
    for (const [what, call] of this.#staleCalls(logged, token)) {
      this.#haunting.stale += 1;
      const kind = what === "secrets" || what === "artifact" ? "publish" : what;
      const { outcome } = await this.#write(kind, call, kind === "finish" ? token : null);
      if (outcome !== "lease_lost") this.#haunting.taken.push(`${what} of ${job.jobId}/${fence}: ${outcome}`);
    }
  }

  #staleCalls(
    logged: number,
    token: string,
  ): readonly (readonly [WriteKind | "secrets" | "artifact", () => Promise<unknown>])[] {
    const own = { token: this.#lease.token };
    const summary = { summary: token, noChanges: true, branch: null, commit: null, baseCommit: null, patchId: null };
    const nothing = { diffStat: null, pullRequest: null, verdict: null, outputs: null, usage: null, exitCode: 0 };
    const result = { ...summary, ...nothing, phases: [], artifacts: [], salvage: null, agent: null, isolation: "none" };
    const report = { from: 0, events: [{ type: "message", text: token }] };
    const ref = `refs/heads/hive/${this.#lease.job.jobId}`;
    const push = { ref, expectedOld: "0".repeat(40), commit: "1".repeat(40) };
    const bytes = Buffer.from(token);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const file = { params: { name: "stale.txt" }, query: { sha256 }, body: bytes };
    return [
      ["heartbeat", () => this.#beat()],
      ["logs", () => this.#log(logged, "a line from the grave\n")],
      ["events", () => this.#client.call(endpoints.leaseEvents, { body: report }, own)],
      ["publish", () => this.#client.call(endpoints.leasePublish, { body: push }, own)],
      ["secrets", () => this.#client.call(endpoints.leaseSecrets, {}, own)],
      ["artifact", () => this.#client.call(endpoints.leasePutArtifact, file, own)],
      ["finish", () => this.#finish({ end: "succeeded", result }, null)],
      ["finish", () => this.#finish({ end: "returned", message: token }, null)],
    ];
  }

  #beat(): Promise<unknown> {
    return this.#client.call(endpoints.leaseHeartbeat, { body: { phase: "prepare" } }, { token: this.#lease.token });
  }

  #log(offset: number, text: string): Promise<unknown> {
    const call = { query: { offset }, body: Buffer.from(text) };
    return this.#client.call(endpoints.leaseLogs, call, { token: this.#lease.token });
  }

  /** The same finish, however often it has to be sent. */
  #finish(outcome: FinishRequest["outcome"], log: FinishRequest["log"]): Promise<{ readonly status: string }> {
    const { token, job, fence } = this.#lease;
    const finishId = `zombie-${outcome.end}-${job.jobId}-${fence}-${log === null ? "stale" : "live"}`;
    return this.#client.call(endpoints.leaseFinish, { body: { finishId, outcome, log } }, { token });
  }

  /** One call in the name of the lease, sent until it was answered, with its outcome in the history. */
  async #write(what: WriteKind, call: () => Promise<unknown>, token: string | null = null): Promise<Outcome> {
    const sentAt = monotonicMs();
    let found: Outcome;
    try {
      const reply = (await insist(call, this.#options.signal)) as { readonly status?: string };
      found = { outcome: "ok", status: reply.status ?? null };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      found = { outcome: error.code, status: null };
    }
    const { fence, job } = this.#lease;
    const about = { worker: this.#worker, jobId: job.jobId, fence, what, token, finishId: null };
    this.#options.history.add({ kind: "write", at: monotonicMs(), sentAt, ...about, ...found });
    return found;
  }
}

/**
 * A worker that speaks the protocol and runs nothing: it holds each job for a moment, beats, writes a line into its log
 * and reports success. Hundreds of them fit into one process, so that networks and dispatchers can be tormented with many
 * leases under way. What it was told and what it did goes into the history; a lease that it was told is lost, it drops.
 */
import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { ApiError, createClient, endpoints, type FinishRequest, type LeaseGrant } from "@hive/protocol";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { createSession } from "../../apps/worker/src/loops/session.ts";
import type { WriteKind } from "../sim/history.ts";
import { monotonicMs, type RunHistory } from "./history.ts";

/** What a call may take: short, for networks that swallow answers. */
const CALL_MS = 4_000;
const AGAIN_MS = 100;
const CLAIM_MS = 1_000;
/** The role it plays: jobs of this role, or of none, are for it. */
export const LIGHT = "light";

export interface LightWorkerOptions {
  readonly name: string;
  /** One address, or several of the same Hive. */
  readonly urls: readonly string[];
  /** `CALLBACK_SECRET` */
  readonly secret: string;
  readonly history: RunHistory;
  /** Milliseconds it keeps a job, asked for each. Default: none. */
  readonly holdMs?: () => number;
  /** Aborted: it drops everything and ends, as a process that is killed. */
  readonly signal: AbortSignal;
}

/** What light workers did, added up. */
export interface LightWork {
  grants: number;
  /** Finishes that were accepted. */
  finished: number;
  /** Leases it was told it had lost. */
  lost: number;
  /** Calls without an answer, each sent again as it was. */
  unknown: number;
  /** Answers that nothing explains. */
  readonly broken: string[];
  /** What it wrote into logs and was told is kept, by `job/fence`. */
  readonly written: Map<string, string>;
}

/** Nothing done yet. */
export function noLightWork(): LightWork {
  return { grants: 0, finished: 0, lost: 0, unknown: 0, broken: [], written: new Map() };
}

/** Works until the signal is aborted. */
export async function runLightWorker(options: LightWorkerOptions, work: LightWork): Promise<void> {
  try {
    await new LightWorker(options, work).run();
  } catch (error) {
    if (!options.signal.aborted) work.broken.push(`${options.name} broke: ${String(error)}`);
  }
}

class LightWorker {
  readonly #options: LightWorkerOptions;
  readonly #work: LightWork;
  readonly #client;
  readonly #session;

  constructor(options: LightWorkerOptions, work: LightWork) {
    this.#options = options;
    this.#work = work;
    this.#client = createClient({ baseUrl: options.urls, timeoutMs: CALL_MS });
    const profile = { name: options.name, version: "0.1.0", roles: [LIGHT], labels: [], provider: "manual" };
    this.#session = createSession({
      client: this.#client,
      profile: { ...profile, isolation: "none", agents: [] },
      credential: { kind: "secret", secret: options.secret },
      clock: machineClock,
      warn: () => undefined,
    });
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    await this.#session.register(signal, null);
    while (!signal.aborted) {
      const lease = await this.#claim();
      if (lease !== null) await this.#live(lease);
    }
  }

  /** The id of a claim stays the same until it was answered: a lease whose answer was lost comes with the next try. */
  async #claim(): Promise<LeaseGrant | null> {
    const { signal } = this.#options;
    const claimId = randomUUID();
    while (!signal.aborted) {
      const known = this.#session.current();
      try {
        const body = { claimId, waitMs: CLAIM_MS };
        return (await this.#client.call(endpoints.workerClaim, { body }, { token: known.token, signal })).lease;
      } catch (error) {
        if (error instanceof ApiError && error.is("worker_unknown")) await this.#session.register(signal, known);
        else if (error instanceof ApiError && error.is("worker_busy")) {
          // Its last lease is not over for the dispatcher, although it is for this worker: it waits for the end of it.
          await pause(machineClock, AGAIN_MS, signal);
        } else await this.#again(error);
      }
    }
    return null;
  }

  async #live(lease: LeaseGrant): Promise<void> {
    const { signal, history, holdMs = () => 0 } = this.#options;
    const { token, fence, job } = lease;
    const own = { token, signal };
    const about = { worker: this.#session.current().workerId, jobId: job.jobId, fence };
    this.#work.grants += 1;
    history.add({ kind: "granted", at: monotonicMs(), ...about });
    let beatAt = 0;
    const beat = (): Promise<string> => {
      beatAt = monotonicMs();
      return this.#write(lease, "heartbeat", () =>
        this.#client.call(endpoints.leaseHeartbeat, { body: { phase: "run" } }, own),
      );
    };
    if ((await beat()) !== "ok") return;
    history.add({ kind: "act", at: monotonicMs(), ...about, what: "run" });
    const text = `${this.#options.name} did ${job.jobId}/${fence}\n`;
    const bytes = Buffer.from(text);
    const log = (): Promise<unknown> =>
      this.#client.call(endpoints.leaseLogs, { query: { offset: 0 }, body: bytes }, own);
    const logged = await this.#write(lease, "logs", log);
    if (logged !== "ok") return;
    this.#work.written.set(`${job.jobId}/${fence}`, text);
    const until = monotonicMs() + holdMs();
    const { heartbeatMs } = this.#session.current().intervals;
    while (monotonicMs() < until && !signal.aborted) {
      // By when the last one was sent, as every worker does: the log may have taken half a lease to be heard.
      const dueAt = beatAt + heartbeatMs;
      await pause(machineClock, Math.max(0, Math.min(dueAt, until) - monotonicMs()), signal);
      if (monotonicMs() >= dueAt && (await beat()) !== "ok") return;
    }
    history.add({ kind: "act", at: monotonicMs(), ...about, what: "run" });
    const outcome: FinishRequest["outcome"] = { end: "succeeded", result: resultOf(about.worker) };
    const body = { finishId: randomUUID(), outcome, log: { bytes: bytes.length, crc32: crc32(bytes) } };
    const end = await this.#write(lease, "finish", async () => {
      try {
        return await this.#client.call(endpoints.leaseFinish, { body }, own);
      } catch (error) {
        // A power loss took lines that nothing had made durable yet: whoever wrote them still has them.
        if (error instanceof ApiError && error.is("log_incomplete")) await log();
        throw error;
      }
    });
    if (end === "ok") this.#work.finished += 1;
  }

  /** Sends the same call until it is answered. Resolves with `ok`, a code of the refusal, or `dropped`. */
  async #write(lease: LeaseGrant, what: WriteKind, call: () => Promise<unknown>): Promise<string> {
    const { signal, history } = this.#options;
    const sentAt = monotonicMs();
    const { fence, job } = lease;
    const about = { worker: this.#session.current().workerId, jobId: job.jobId, fence, what };
    while (!signal.aborted) {
      let outcome = "ok";
      let status: string | null = null;
      try {
        status = ((await call()) as { readonly status?: string }).status ?? null;
      } catch (error) {
        if (await this.#again(error)) continue;
        outcome = error instanceof ApiError ? error.code : String(error);
      }
      history.add({ kind: "write", at: monotonicMs(), sentAt, ...about, token: null, finishId: null, outcome, status });
      if (outcome === "lease_lost") this.#work.lost += 1;
      else if (outcome !== "ok") this.#work.broken.push(`${what} of ${about.jobId}/${about.fence}: ${outcome}`);
      return outcome;
    }
    return "dropped";
  }

  /** True, after a moment, when the call may be sent again. */
  async #again(error: unknown): Promise<boolean> {
    const { signal } = this.#options;
    if (signal.aborted) return false;
    if (error instanceof ApiError && !error.retry) return false;
    if (!(error instanceof ApiError)) this.#work.unknown += 1;
    await pause(machineClock, AGAIN_MS, signal);
    return true;
  }
}

function resultOf(text: string): Extract<FinishRequest["outcome"], { readonly end: "succeeded" }>["result"] {
  const nothing = { diffStat: null, pullRequest: null, verdict: null, outputs: null, usage: null, exitCode: 0 };
  const commit = { noChanges: true, branch: null, commit: null, baseCommit: null, patchId: null };
  const rest = { phases: [], artifacts: [], salvage: null, agent: null, isolation: "none" };
  return { summary: text, ...commit, ...nothing, ...rest };
}

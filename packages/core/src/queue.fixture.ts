/**
 * A small world for the tests of the queue: a state, a clock the test moves, a seeded dice, and a map that holds what was
 * written, as a store would. Every test makes its own.
 */

import type { Applied, Command, CommandOf, Docs, Effect, NewJob, Replies, WorkerProfile } from "./command.ts";
import { docKey } from "./command.ts";
import { apply, lacking } from "./apply.ts";
import type { Document } from "./document.ts";
import type { HiveEvent } from "./event.ts";
import type { Job, JobResult } from "./job.ts";
import type { Rules } from "./rules.ts";
import { DEFAULT_RULES } from "./rules.ts";
import type { State } from "./state.ts";
import { createState } from "./state.ts";
import { newJob } from "./new-job.fixture.ts";

export { newJob };

/** Rules with round numbers. */
export const RULES: Rules = {
  ...DEFAULT_RULES,
  leaseMs: 30_000,
  firstBeatMs: 10_000,
  retryBaseMs: 5_000,
  limitOf: () => 1,
};

export const RESULT: JobResult = {
  summary: "done",
  noChanges: false,
  branch: "hive/a",
  commit: "c".repeat(40),
  baseCommit: "b".repeat(40),
  patchId: null,
  diffStat: { files: 1, insertions: 2, deletions: 0 },
  pullRequest: null,
  verdict: null,
  outputs: null,
  usage: null,
  exitCode: 0,
  phases: [{ name: "run", ms: 10 }],
  artifacts: [],
  salvage: null,
  agent: null,
  isolation: "none",
};

/** A queued job's record. */
export function queuedJob(id: string, what: Partial<Job> = {}): Job {
  const { task, role, labels, priority, repo, key, agent, trust, approval, callback, retryOn } = newJob(id);
  return {
    id,
    seq: 1,
    order: 1,
    status: "queued",
    reason: null,
    task,
    role,
    labels,
    priority,
    repo,
    key,
    agent,
    trust,
    approval,
    callback,
    createdAt: 1_700_000_000_000,
    runAt: null,
    maxAttempts: 3,
    retryOn,
    timeoutMs: 3_600_000,
    waitsFor: [],
    hold: null,
    secrets: [],
    endedAt: null,
    generation: 1,
    run: null,
    ...what,
  };
}

export function profile(what: Partial<WorkerProfile> = {}): WorkerProfile {
  return {
    name: "bee",
    version: "1",
    roles: [],
    labels: [],
    provider: "process",
    isolation: "none",
    agents: ["demo"],
    ...what,
  };
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function dice(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class World {
  state: State;
  readonly rules: Rules;
  readonly store = new Map<string, Document>();
  readonly events: HiveEvent[] = [];
  readonly effects: Effect[] = [];
  mono = 1_000;
  wall = 1_700_000_000_000;
  readonly #random = dice(7);
  #ids = 0;

  constructor(rules: Partial<Rules> = {}) {
    this.rules = { ...RULES, ...rules };
    this.state = createState(this.rules);
  }

  /** Applies a command with what it needs from the store, and stores what it changed. */
  do<C extends Command>(command: C): Replies[C["type"]] {
    return this.apply(command).reply;
  }

  apply<C extends Command>(command: C): Applied<C["type"]> {
    const docs = this.read(command);
    const applied = apply(this.state, command, docs, { mono: this.mono, wall: this.wall, random: this.#random });
    freeze(applied);
    for (const change of applied.changes) {
      if (change.doc === null) this.store.delete(docKey(change));
      else this.store.set(docKey(change), JSON.parse(JSON.stringify(change.doc)));
    }
    for (const effect of applied.effects) {
      this.effects.push(effect);
      if (effect.type === "event") this.events.push(effect.event);
    }
    return applied;
  }

  read(command: Command): Docs {
    const docs = new Map<string, Document | null>();
    for (let keys = lacking(this.state, command, docs); keys.length > 0; keys = lacking(this.state, command, docs)) {
      for (const key of keys) docs.set(docKey(key), this.store.get(docKey(key)) ?? null);
    }
    return docs;
  }

  /** Lets this much time pass on both clocks and sweeps. */
  pass(ms: number): void {
    this.mono += ms;
    this.wall += ms;
    this.do({ type: "sweep" });
  }

  enqueue(...jobs: readonly NewJob[]): Replies["enqueue"]["jobs"] {
    return this.do({ type: "enqueue", jobs, idempotency: null }).jobs;
  }

  register(workerId: string, what: Partial<WorkerProfile> = {}): void {
    this.do({ type: "register", workerId, registrationId: `r-${workerId}`, profile: profile(what) });
  }

  /** Claims anew, and gives the job's id and fence. */
  claim(workerId: string): { readonly jobId: string; readonly fence: number } | null {
    this.#ids += 1;
    const { grant } = this.do({ type: "claim", workerId, claimId: `c-${this.#ids}` });
    return grant === null ? null : { jobId: grant.job.id, fence: grant.lease.fence };
  }

  /** Claims and begins; the lease of the attempt. */
  start(workerId: string): { readonly jobId: string; readonly fence: number } {
    const lease = this.claim(workerId);
    if (lease === null) throw new Error(`nothing to do for ${workerId}`);
    this.beat(lease);
    return lease;
  }

  beat(lease: { readonly jobId: string; readonly fence: number }, phase: string | null = null): Replies["heartbeat"] {
    return this.do({ type: "heartbeat", lease, phase, message: null, percent: null });
  }

  finish(
    lease: { readonly jobId: string; readonly fence: number },
    outcome: Extract<Command, { type: "finish" }>["outcome"],
    finishId = `f-${lease.jobId}-${lease.fence}`,
  ): Replies["finish"] {
    return this.do({ type: "finish", lease, finishId, outcome, log: null });
  }

  /** Somebody says something to a job. */
  comment(jobId: string, text = "go on", what: Partial<CommandOf<"comment">> = {}): Replies["comment"] {
    const said = { by: "ann", text, feedback: false, secrets: {}, idempotency: null };
    return this.do({ type: "comment", jobId, ...said, ...what });
  }

  /** A job as it is stored. */
  job(id: string): Job {
    const stored: unknown = this.store.get(`jobs/${id}`);
    if (stored === undefined) throw new Error(`no job ${id}`);
    return stored as Job;
  }

  status(id: string): string {
    const { status, reason } = this.job(id);
    return reason === null ? status : `${status}: ${reason}`;
  }

  /** The types of a job's events, in order. */
  story(id: string): string[] {
    return this.events.filter((event) => event.jobId === id).map((event) => event.type);
  }

  /** The last event of a job. */
  last(id: string): HiveEvent {
    const event = this.events.findLast((one) => one.jobId === id);
    if (event === undefined) throw new Error(`no event of ${id}`);
    return event;
  }

  /** Starts again from what is stored. */
  restart(): void {
    const state = createState(this.rules);
    const counters = { nextSeq: 1, nextOrder: 1, nextEvent: 1 };
    const jobs: Job[] = [];
    for (const [key, doc] of this.store) {
      const value: unknown = structuredClone(doc);
      if (key.startsWith("workers/")) state.loadWorker(value as Parameters<State["loadWorker"]>[0]);
      else if (key.startsWith("jobs/")) jobs.push(value as Job);
      else if (key.startsWith("events/")) {
        counters.nextEvent = Math.max(counters.nextEvent, (value as HiveEvent).id + 1);
      }
    }
    for (const job of jobs.sort((a, b) => a.seq - b.seq)) {
      state.loadJob(job);
      counters.nextSeq = Math.max(counters.nextSeq, job.seq + 1);
      counters.nextOrder = Math.max(counters.nextOrder, job.order + 1);
    }
    state.loaded(counters, { mono: this.mono });
    this.state = state;
  }
}

/** What was handed out must never change afterwards: in the tests it cannot. */
function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}

/** A failure of the system or of the work. */
export function failure(kind: "work" | "system", code = "broken"): Extract<Command, { type: "finish" }>["outcome"] {
  return { end: "failed", error: { code, kind, message: "it broke" }, result: null };
}

export const SUCCESS: Extract<Command, { type: "finish" }>["outcome"] = { end: "succeeded", result: RESULT };

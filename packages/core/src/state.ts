/**
 * The queue as it is in memory: every live job, and the indexes that let a command find what it needs without a search.
 * Jobs that are over live in the store only. A job in memory is a value: a change makes a new object, so what was given
 * to a reply or a commit never changes afterwards, and an index knows an outdated entry by its identity.
 *
 * To load: `loadWorker` and `loadJob` for each stored worker and live job (in order of `seq`), then `loaded` once.
 * Afterwards only `apply` changes it.
 */

import type { WorkerPlacement, WorkerRecord } from "./command.ts";
import type { Job, Status } from "./job.ts";
import { isTerminal } from "./job.ts";
import { LazyHeap } from "./lazy-heap.ts";
import { Leases, deadlineOf } from "./lease.ts";
import { Pool } from "./pool.ts";
import { Ready } from "./ready.ts";
import type { Rules } from "./rules.ts";

/** The statuses of jobs that are in memory. */
export type LiveStatus = Exclude<Status, "succeeded" | "failed" | "canceled">;

/** A registered worker and the job it has. */
export interface LiveWorker {
  readonly record: WorkerRecord;
  jobId: string | null;
}

/** A worker's record as a store may have it: servers before pools wrote no placement. */
export type StoredWorker = Omit<WorkerRecord, keyof WorkerPlacement> & Partial<WorkerPlacement>;

/** The next numbers to give, as found in the store. */
export interface Counters {
  /** The next job's `seq`. */
  readonly nextSeq: number;
  /** The next place in the queue; above every live job's `order`. */
  readonly nextOrder: number;
  /** The next event's number. */
  readonly nextEvent: number;
  /** See `Floors`. Absent: 0. */
  readonly fenceFloor?: number;
}

export class State {
  readonly rules: Rules;
  readonly jobs = new Map<string, Job>();
  readonly workers = new Map<string, LiveWorker>();
  readonly leases = new Leases();
  readonly ready: Ready;
  /** Scheduled jobs by `runAt`. */
  readonly due: LazyHeap<Job>;
  /** Live jobs that wait for a job, by that job's id. */
  readonly dependents = new Map<string, Set<string>>();
  /**
   * Jobs that are over while others still wait for them, with how they ended (null: to be read from the store). The next
   * sweeps move those on.
   */
  readonly unsettled = new Map<string, Status | null>();
  /** Blocked jobs whose candidates are all over: the next sweeps decide about them. */
  readonly undecided = new Set<string>();
  /** Jobs held for a setting of the server, for `reconsider`. */
  readonly heldForSettings = new Set<string>();
  /** How many jobs of each concurrency key run. */
  readonly running = new Map<string, number>();
  readonly counts: Record<LiveStatus, number> = { held: 0, blocked: 0, scheduled: 0, queued: 0, running: 0 };
  /** Queued jobs by priority 0 … 9. */
  readonly queuedBy: number[] = Array.from({ length: 10 }, () => 0);
  nextSeq = 1;
  nextOrder = 1;
  nextEvent = 1;
  /** Fences up to this may have been granted in another life of this store: see `Floors`. */
  fenceFloor = 0;
  readonly #pool = new Pool();

  constructor(rules: Rules) {
    this.rules = rules;
    const isCurrent = (job: Job): boolean => this.jobs.get(job.id) === job;
    this.ready = new Ready({ isLive: isCurrent, isOpen: (key) => this.isOpen(key) });
    this.due = new LazyHeap<Job>(
      (a, b) => dueAt(a) < dueAt(b) || (dueAt(a) === dueAt(b) && a.order < b.order),
      isCurrent,
    );
  }

  /** Jobs that are accepted and not yet given to a worker. */
  get waiting(): number {
    return this.counts.held + this.counts.blocked + this.counts.scheduled + this.counts.queued;
  }

  /** May one more job of this key run? */
  isOpen(key: string): boolean {
    const limit = this.rules.limitOf(key);
    return limit === null || (this.running.get(key) ?? 0) < limit;
  }

  /** Queued jobs of the same or a better priority that are ahead of a job just queued. */
  ahead(priority: number): number {
    let jobs = -1;
    for (let better = 0; better <= priority; better += 1) jobs += this.queuedBy[better] ?? 0;
    return Math.max(0, jobs);
  }

  /**
   * Milliseconds an attempt of this job may take on this worker: its own limit, the worker's, or what is left of its
   * budget of minutes, whichever is shortest.
   */
  timeoutOf(job: Pick<Job, "timeoutMs" | "budgetMs" | "run">, workerId: string): number {
    const limit = Math.min(job.timeoutMs, this.workers.get(workerId)?.record.timeoutMs ?? job.timeoutMs);
    return Math.min(limit, timeLeft(job) ?? limit);
  }

  loadWorker(stored: StoredWorker): void {
    const { pool = null, egress = null, timeoutMs = null } = stored;
    const record = { ...stored, pool, egress, timeoutMs };
    this.workers.set(record.id, { record, jobId: null });
  }

  /** Takes in a stored job; one that is over is ignored. */
  loadJob(job: Job): void {
    if (!isTerminal(job.status)) this.put(this.compact(job), 0);
  }

  /** Ends the loading: numbers go on where they were, and every live lease gets one full term. */
  loaded(counters: Counters, now: { readonly mono: number }): void {
    this.nextSeq = Math.max(this.nextSeq, counters.nextSeq);
    this.nextOrder = Math.max(this.nextOrder, counters.nextOrder);
    this.nextEvent = Math.max(this.nextEvent, counters.nextEvent);
    this.fenceFloor = Math.max(this.fenceFloor, counters.fenceFloor ?? 0);
    for (const lease of this.leases.values()) {
      const job = this.jobs.get(lease.jobId);
      const worker = this.workers.get(lease.workerId);
      if (worker !== undefined) worker.jobId = lease.jobId;
      const begun = job?.run?.lease?.begunAt !== null;
      const limit = job === undefined ? 0 : this.timeoutOf(job, lease.workerId);
      const timeoutAt = begun && job !== undefined ? now.mono + limit + this.rules.timeoutGraceMs : null;
      this.leases.extend(lease, now.mono + this.rules.leaseMs, timeoutAt);
    }
    for (const parent of this.dependents.keys()) if (!this.jobs.has(parent)) this.unsettled.set(parent, null);
  }

  /**
   * One full term for every live lease, from now. To be called when the process itself slept (its monotonic clock jumped
   * between two ticks): the workers may have beaten against a server that did not listen.
   */
  extendAll(now: { readonly mono: number }): void {
    const runsOutAt = now.mono + this.rules.leaseMs;
    for (const lease of this.leases.values()) {
      const timeoutAt = lease.timeoutAt === null ? null : Math.max(lease.timeoutAt, runsOutAt);
      this.leases.extend(lease, Math.max(lease.runsOutAt, runsOutAt), timeoutAt);
    }
  }

  /** A job whose repeated strings and lists are shared with all others. */
  compact(job: Job): Job {
    const pool = this.#pool;
    return {
      id: job.id,
      seq: job.seq,
      order: job.order,
      status: pool.string(job.status),
      reason: pool.string(job.reason),
      task: pool.string(job.task),
      role: pool.string(job.role),
      labels: pool.list(job.labels),
      priority: job.priority,
      repo: pool.string(job.repo),
      key: pool.string(job.key),
      agent: pool.string(job.agent),
      trust: pool.string(job.trust),
      approval: pool.string(job.approval),
      callback: job.callback,
      createdAt: job.createdAt,
      runAt: job.runAt,
      maxAttempts: job.maxAttempts,
      retryOn: pool.string(job.retryOn),
      timeoutMs: job.timeoutMs,
      budgetMs: job.budgetMs ?? null,
      waitsFor: pool.list(job.waitsFor),
      hold: pool.string(job.hold),
      secrets: pool.list(job.secrets),
      endedAt: job.endedAt,
      generation: job.generation,
      ...(job.parent == null ? {} : { parent: pool.string(job.parent) }),
      ...(job.candidates == null ? {} : { candidates: job.candidates }),
      ...(job.comments === undefined ? {} : { comments: job.comments }),
      run: job.run,
    };
  }

  /** Adds a live job to the indexes of its status. Gives its requirement when it can be claimed now. For `transitions.ts`. */
  put(job: Job, mono: number): string | null {
    if (isTerminal(job.status)) return null;
    this.jobs.set(job.id, job);
    if (this.unsettled.size > 0) this.unsettled.delete(job.id);
    this.counts[job.status] += 1;
    for (const parent of job.waitsFor) {
      const waiting = this.dependents.get(parent);
      if (waiting === undefined) this.dependents.set(parent, new Set([job.id]));
      else waiting.add(job.id);
    }
    switch (job.status) {
      case "held":
        if (isSetting(job.hold)) this.heldForSettings.add(job.id);
        return null;
      case "blocked":
        if (job.waitsFor.length === 0) this.undecided.add(job.id);
        return null;
      case "scheduled":
        this.due.push(job);
        return null;
      case "queued":
        this.queuedBy[job.priority] = (this.queuedBy[job.priority] ?? 0) + 1;
        return this.ready.add(job);
      case "running":
        this.#start(job, mono);
        return null;
    }
  }

  /** Takes a live job out of the indexes of its status. Gives the requirements whose jobs can be claimed now. For `transitions.ts`. */
  remove(job: Job): readonly string[] {
    if (isTerminal(job.status)) return [];
    this.jobs.delete(job.id);
    this.counts[job.status] -= 1;
    for (const parent of job.waitsFor) {
      const waiting = this.dependents.get(parent);
      waiting?.delete(job.id);
      if (waiting?.size === 0) this.dependents.delete(parent);
    }
    switch (job.status) {
      case "held":
        this.heldForSettings.delete(job.id);
        return [];
      case "blocked":
        this.undecided.delete(job.id);
        return [];
      case "scheduled":
        this.due.bury();
        return [];
      case "queued":
        this.queuedBy[job.priority] = (this.queuedBy[job.priority] ?? 1) - 1;
        this.ready.remove(job);
        return [];
      case "running":
        return this.#stop(job);
    }
  }

  #start(job: Job, mono: number): void {
    const lease = job.run?.lease;
    if (lease === null || lease === undefined) throw new Error(`job ${job.id} runs without a lease`);
    this.leases.grant(job.id, lease.fence, lease.workerId, mono + this.rules.firstBeatMs);
    const worker = this.workers.get(lease.workerId);
    if (worker !== undefined) worker.jobId = job.id;
    if (job.key === null) return;
    this.running.set(job.key, (this.running.get(job.key) ?? 0) + 1);
    if (!this.isOpen(job.key)) this.ready.close(job.key);
  }

  #stop(job: Job): readonly string[] {
    const lease = this.leases.of(job.id);
    this.leases.end(job.id);
    const worker = lease === undefined ? undefined : this.workers.get(lease.workerId);
    if (worker?.jobId === job.id) worker.jobId = null;
    if (job.key === null) return [];
    const left = (this.running.get(job.key) ?? 1) - 1;
    if (left > 0) this.running.set(job.key, left);
    else this.running.delete(job.key);
    return this.isOpen(job.key) ? this.ready.open(job.key) : [];
  }
}

/** An empty queue under these rules. */
export function createState(rules: Rules): State {
  return new State(rules);
}

/**
 * When the queue next needs a `sweep`: `mono` for leases (0: at once), `wall` for scheduled jobs; null when nothing is
 * due by itself.
 */
export function nextDeadline(state: State): { readonly mono: number | null; readonly wall: number | null } {
  const lease = state.leases.first();
  const job = state.due.peek();
  const mono = lease === undefined ? null : deadlineOf(lease);
  const atOnce = state.unsettled.size > 0 || state.undecided.size > 0;
  return { mono: atOnce ? 0 : mono, wall: job === undefined ? null : dueAt(job) };
}

/** Is this a hold that goes away with a setting of the server? */
export function isSetting(hold: Job["hold"]): hold is "no_isolation" | "no_agent" | "paused" {
  return hold === "no_isolation" || hold === "no_agent" || hold === "paused";
}

/** Milliseconds left of a job's budget of minutes for the next attempt or the one that runs; null: it has no such budget. */
export function timeLeft({ budgetMs, run }: Pick<Job, "budgetMs" | "run">): number | null {
  // What was made and approved is published, however long the making took.
  if (budgetMs === null || budgetMs === undefined || (run?.bundle ?? null) !== null) return null;
  return Math.max(0, budgetMs - (run?.spentMs ?? 0));
}

/** When a scheduled job is due, in wall time. */
export function dueAt(job: Job): number {
  return job.runAt ?? 0;
}

/**
 * What other programs use to talk to a Hive: put jobs in, watch them, act on them. Requests that carry an id are sent
 * again by themselves when the server could not be reached or asked for it; nothing else is.
 */

import {
  ApiError,
  createClient,
  endpoints,
  serverUrls,
  UnreachableError,
  type Accepted,
  type ApiClient,
  type CallOptions,
  type CandidatesReply,
  type Comment,
  type Commented,
  type DayBudgets,
  type Health,
  type JobDetail,
  type JobSummary,
  type NewComment,
  type NewJobRequest,
  type Pool,
  type Worker,
} from "@hive/protocol";
import { scheduleCalls, type ScheduleCalls } from "./schedule-calls.ts";
import { notifyCalls, type NotifyCalls } from "./notify-calls.ts";
import { sourceCalls, type SourceCalls } from "./source-calls.ts";
import { followLog } from "./follow-log.ts";
import { eventStream, type StreamEvent } from "./event-stream.ts";

export interface HiveOptions {
  /**
   * Where it is; several addresses, separated by commas, for the replicas of one Hive: the next is tried when one cannot
   * be reached or is not ready. Default `http://localhost:8099`.
   */
  readonly url?: string;
  /** `INTERNAL_API_TOKEN` of the server. */
  readonly token: string;
  /** How often a safe request is sent again. Default 4. */
  readonly retries?: number;
  readonly fetch?: typeof globalThis.fetch;
  /** Waits between tries, in milliseconds; a test passes its own. */
  readonly sleep?: (ms: number) => Promise<void>;
}

export interface ListOptions {
  readonly status?: JobSummary["status"];
  readonly repo?: string;
  readonly cursor?: string;
  /** 1 … 1,000. Default 100. */
  readonly limit?: number;
  readonly order?: "newest" | "oldest";
}

export type JobAction = "cancel" | "retry" | "approve" | "reject";

export interface HiveClient {
  health(): Promise<Health>;
  /** Puts one job in. Without a `jobId` one is made here, so that sending it again cannot make two. */
  enqueue(job: NewJobRequest): Promise<Accepted>;
  /** Puts up to 1,000 jobs in, all or none. */
  enqueueAll(jobs: readonly NewJobRequest[]): Promise<readonly Accepted[]>;
  get(jobId: string): Promise<JobDetail>;
  list(options?: ListOptions): Promise<{ readonly jobs: readonly JobSummary[]; readonly next: string | null }>;
  cancel(jobId: string, reason?: string): Promise<{ readonly status: string }>;
  retry(jobId: string): Promise<{ readonly status: string; readonly generation: number }>;
  approve(jobId: string, sha256?: string): Promise<{ readonly status: string }>;
  reject(jobId: string, reason?: string): Promise<{ readonly status: string }>;
  /** Says something to an agent's job; a job that is over goes on with it. Sent again without making a second comment. */
  comment(jobId: string, comment: string | NewComment): Promise<Commented>;
  /** What was said to a job, oldest first. */
  comments(
    jobId: string,
    options?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly comments: readonly Comment[]; readonly next: string | null }>;
  /** The candidates of a job side by side. */
  candidates(jobId: string): Promise<CandidatesReply>;
  /** Says which candidate is published, by its number from 1. */
  choose(jobId: string, candidate: number): Promise<{ readonly status: string }>;
  /**
   * The log as bytes; with `follow` until the job is over, through its retries, or the attempt `fence` is. Following goes
   * on at its byte after a lost connection or a takeover.
   */
  logs(
    jobId: string,
    options?: { readonly follow?: boolean; readonly fence?: number; readonly signal?: AbortSignal },
  ): Promise<AsyncIterable<Uint8Array>>;
  diff(jobId: string): Promise<string>;
  /** Every worker that is registered: what it plays, what isolates its jobs, what it does. */
  workers(): Promise<readonly Worker[]>;
  /** The kinds of workers the server starts, and what is in the way. */
  pools(): Promise<readonly Pool[]>;
  /** What model calls may use in a day and have used, in all and by project. `day` in UTC, default today. */
  budgets(day?: string): Promise<DayBudgets>;
  /** The clocks that make jobs. */
  readonly schedules: ScheduleCalls;
  /** What makes jobs of what other systems say. */
  readonly sources: SourceCalls;
  /** Over which channels people are told what needs them. */
  readonly notify: NotifyCalls;
  /** Everything the server keeps, of one moment, as compressed bytes: what `hive backup` writes into a file. */
  backup(): Promise<AsyncIterable<Uint8Array>>;
  /** Everything that happens, from now or after an id, over lost connections without a gap. */
  events(options?: {
    readonly jobId?: string;
    readonly after?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<StreamEvent>;
  /** Resolves with the job once it is over (or held, when `held` is true). */
  wait(jobId: string, options?: { readonly signal?: AbortSignal; readonly held?: boolean }): Promise<JobDetail>;
  /** The typed client beneath, for endpoints without a method here. */
  readonly api: ApiClient;
}

/** Ids that begin with the time lie side by side in the server's store, which writes them several times as fast. */
function newId(): string {
  const random = [...crypto.getRandomValues(new Uint8Array(10))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return `${Date.now().toString(36)}-${random}`;
}

const OVER = new Set(["succeeded", "failed", "canceled"]);
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5000;

/** A client of one Hive. */
export function createHive(options: HiveOptions): HiveClient {
  const baseUrl = serverUrls(options.url ?? "http://localhost:8099");
  const api = createClient({ baseUrl, token: options.token, ...(options.fetch ? { fetch: options.fetch } : {}) });
  const sleep = options.sleep ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  const retries = options.retries ?? 4;

  /** For calls that may be repeated: reads, and writes that carry an id. */
  async function again<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 0; ; tried += 1) {
      try {
        return await call();
      } catch (error) {
        const mayRepeat = error instanceof UnreachableError || (error instanceof ApiError && error.retry);
        if (!mayRepeat || tried >= retries) throw error;
        const longest = Math.min(FIRST_WAIT_MS * 2 ** tried, LONGEST_WAIT_MS);
        await sleep(longest * (0.5 + Math.random() / 2));
      }
    }
  }

  const withId = (job: NewJobRequest): NewJobRequest => ({ ...job, jobId: job.jobId ?? newId() });

  const client: HiveClient = {
    api,
    health: () => again(() => api.call(endpoints.health, {})),
    enqueue(job) {
      const body = withId(job);
      return again(() => api.call(endpoints.enqueue, { body }));
    },
    async enqueueAll(jobs) {
      const body = { jobs: jobs.map(withId) };
      return (await again(() => api.call(endpoints.createJobs, { body }))).jobs;
    },
    get: (jobId) => again(() => api.call(endpoints.getJob, { params: { jobId } })),
    list: (query = {}) => again(() => api.call(endpoints.listJobs, { query })),
    cancel: (jobId, reason) =>
      again(() => api.call(endpoints.cancelJob, { params: { jobId }, body: reason === undefined ? {} : { reason } })),
    // Not repeated: a second retry could begin another generation.
    retry: (jobId) => api.call(endpoints.retryJob, { params: { jobId } }),
    approve: (jobId, sha256) =>
      api.call(endpoints.approveJob, { params: { jobId }, body: sha256 === undefined ? {} : { sha256 } }),
    reject: (jobId, reason) =>
      api.call(endpoints.rejectJob, { params: { jobId }, body: reason === undefined ? {} : { reason } }),
    comment(jobId, given) {
      const body = typeof given === "string" ? { text: given } : given;
      const headers = { "idempotency-key": newId() };
      return again(() => api.call(endpoints.commentJob, { params: { jobId }, body }, { headers }));
    },
    comments: (jobId, query = {}) => again(() => api.call(endpoints.listComments, { params: { jobId }, query })),
    candidates: (jobId) => again(() => api.call(endpoints.jobCandidates, { params: { jobId } })),
    // The same choice again changes nothing.
    choose: (jobId, candidate) =>
      again(() => api.call(endpoints.chooseCandidate, { params: { jobId }, body: { candidate } })),
    async logs(jobId, { follow, fence, signal } = {}) {
      const extra: CallOptions = signal === undefined ? {} : { signal };
      if (follow) {
        // Asked first, so that a job that is not there is an error of this call and not of the first byte.
        const job = await again(() => api.call(endpoints.getJob, { params: { jobId } }, extra));
        return followLog(api, { jobId, fence: fence ?? null, first: fence ?? Math.max(1, job.fence), sleep, ...extra });
      }
      const query = fence === undefined ? {} : { fence };
      const response = await again(() => api.open(endpoints.jobLogs, { params: { jobId }, query }, extra));
      return response.body ?? (async function* () {})();
    },
    async diff(jobId) {
      return (await again(() => api.open(endpoints.jobDiff, { params: { jobId } }))).text();
    },
    workers: async () => (await again(() => api.call(endpoints.listWorkers, {}))).workers,
    budgets: (day) => again(() => api.call(endpoints.listBudgets, { query: day === undefined ? {} : { day } })),
    pools: async () => (await again(() => api.call(endpoints.listPools, {}))).pools,
    schedules: scheduleCalls(api, again),
    sources: sourceCalls(api, again),
    notify: notifyCalls(api, again),
    async backup() {
      const response = await again(() => api.open(endpoints.backup, {}));
      return response.body ?? (async function* () {})();
    },
    events: (given = {}) => eventStream(api, { ...given, sleep }),
    async wait(jobId, { signal, held = false } = {}) {
      const isOver = (job: JobDetail): boolean => OVER.has(job.status) || (held && job.status === "held");
      const ends = new Set(["job.succeeded", "job.failed", "job.canceled", ...(held ? ["job.held"] : [])]);
      // From the job's first event on, so that nothing falls between a look and the stream.
      for await (const event of eventStream(api, { jobId, after: 0, sleep, ...(signal ? { signal } : {}) })) {
        if (!ends.has(event.type)) continue;
        const job = await client.get(jobId);
        if (isOver(job)) return job;
      }
      return client.get(jobId);
    },
  };
  return client;
}

/**
 * What a job is, and the words of the project. One word per idea; code, API, UI and documents use these and no others.
 *
 * | word                | meaning |
 * |---------------------|---------|
 * | job                 | one unit of work with an id, a status and a result (people also say "ticket") |
 * | task                | what kind of work: agent, script, build, test, lint, analyze, changes |
 * | role                | who does it: builder, tester, analyzer or any name; a job without a role fits any worker |
 * | attempt             | one try at a job by one worker |
 * | generation          | a run of attempts; a retry by hand begins a new one |
 * | lease               | the right of one worker to one attempt: a fence that only rises, and tokens |
 * | worker              | a container or process that takes one job at a time; has roles and labels |
 * | pool, fleet, provider | a kind of worker; what keeps each pool at its size; where workers run |
 * | callback            | a signed HTTP message from the dispatcher to the owner's backend |
 * | queen               | the one dispatcher that may write |
 * | requirement         | what a job asks of a worker: its role and labels, as one string |
 * | key                 | jobs of one concurrency key share a limit of how many run at once |
 * | candidate           | one of several jobs that do the same work on branches of their own; their parent publishes one of them |
 *
 * Times: `mono` are milliseconds of a monotonic clock (measures leases, never stored); `wall` are milliseconds since
 * 1970 (for `runAt` and people). A stored field that ends in `At` is wall time.
 */

import type { BudgetLimits } from "./budget.ts";
import type { Candidates } from "./candidates.ts";

export const STATUSES = [
  "held",
  "blocked",
  "scheduled",
  "queued",
  "running",
  "succeeded",
  "failed",
  "canceled",
] as const;
/** Where a job is in its life; `transitions.ts` says what may follow what. */
export type Status = (typeof STATUSES)[number];

/** The statuses in which a job is over (until a person retries it). */
export const TERMINAL_STATUSES = ["succeeded", "failed", "canceled"] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

export const TASKS = ["agent", "script", "build", "test", "lint", "analyze", "changes"] as const;
/** What kind of work a job is. `build` only compiles; the role `builder` is an agent that writes code. */
export type Task = (typeof TASKS)[number];

export const HELD_REASONS = ["approval", "publish", "choice", "flood", "paused", "no_isolation", "no_agent"] as const;
/** Why a job is held: the first five wait for a person, the last two for a setting of the server. */
export type HeldReason = (typeof HELD_REASONS)[number];

/** Whose fault a failed attempt was: the work itself (not paid for twice unless asked), or the system around it. */
export type FailureKind = "work" | "system";

/** Where a job's text came from; `untrusted` is inherited by everything the job causes. See `trustOf`. */
export type Trust = "trusted" | "untrusted";

/** What an operator asks to be approved by a person: the job before it starts, or what it made before it is pushed. */
export type ApprovalRule = "none" | "start" | "publish";

/**
 * The small, changing record of a job: all that the queue's rules need. Instructions, scripts and metadata are in its
 * `JobBody`, which never changes; the history of attempts is in `AttemptRecord`s.
 */
export interface Job {
  readonly id: string;
  /** Counts accepted jobs from 1; never changes. Lists and cursors go by it. */
  readonly seq: number;
  /** Place in the queue among equal priorities: lower is earlier. An automatic retry keeps it, a retry by hand gets a new one. */
  order: number;
  status: Status;
  /** For held, failed and canceled, and `quota` or `budget` for a scheduled job that waits for one: a stable code that says why. Else null. */
  reason: string | null;
  readonly task: Task;
  readonly role: string | null;
  readonly labels: readonly string[];
  /** 0 first … 9 last. Default 5. */
  readonly priority: number;
  /** The repository as the owner wrote it, without credentials. */
  readonly repo: string;
  /** The concurrency key, or null when nothing limits this job. */
  readonly key: string | null;
  /** The agent adapter that will run, for the tasks `agent` and `analyze`. */
  readonly agent: string | null;
  readonly trust: Trust;
  readonly approval: ApprovalRule;
  /** True when somebody is called back about this job (its own address, or the server's). */
  readonly callback: boolean;
  readonly createdAt: number;
  /** Not before this wall time, in milliseconds. */
  runAt: number | null;
  /** Attempts that may end in a counted failure before the job is over. Default 3. */
  readonly maxAttempts: number;
  /** `system`: only errors of the system are tried again. `failure`: failed work too. */
  readonly retryOn: "system" | "failure";
  /** Milliseconds an attempt may take. */
  readonly timeoutMs: number;
  /** Milliseconds that all attempts of a generation may take together: its budget of minutes. Null or absent: no such budget. */
  readonly budgetMs?: number | null;
  /** Jobs this one still waits for. */
  waitsFor: readonly string[];
  /**
   * What must still be released before the job may run; null once nothing does. The `reason` of a held job, and kept
   * when such a job is canceled, so that a retry by hand is held again and gets past no approval or setting.
   */
  hold: HeldReason | null;
  /** Names of the sealed secrets kept for the job until it ends, such as `githubToken`. */
  readonly secrets: readonly string[];
  endedAt: number | null;
  generation: number;
  /** For a candidate: the job it works for and whose account it spends from. Absent: it is nobody's candidate. */
  readonly parent?: string | null | undefined;
  /** For a job whose work is done several times: how that stands. Absent: it has no candidates. */
  readonly candidates?: Candidates | null | undefined;
  /** How far the job's comments got; absent while it has none. */
  comments?: CommentCounts | undefined;
  /** All that exists only once a worker was given the job. Null for a job never claimed, which keeps waiting jobs small. */
  run: Run | null;
}

/**
 * A job's comments are numbered from 1, and `done` ≤ `given` ≤ `count`. Those from `done` + 1 to `given` belong to the
 * generation that had the last lease, whichever of its attempts it is; those beyond `given` wait for the next lease.
 */
export interface CommentCounts {
  /** How many there are. */
  readonly count: number;
  /** Up to which the last lease was given them. */
  readonly given: number;
  /** Up to which a generation that was given them succeeded. */
  readonly done: number;
  /** The first one whose text came from outside; absent: there is none. */
  readonly outside?: number | undefined;
}

/** What the queue remembers of a job's attempts. */
export interface Run {
  /** The highest fence ever granted for this job. Rises with each lease, never falls. */
  fence: number;
  /** Leases granted in this generation that began (a lease that never began is not an attempt). */
  attempts: number;
  /** Counted failures of this generation. */
  failures: number;
  /** Leases of this generation lost after the work began, with nobody else to blame. */
  losses: number;
  /** Leases of this generation given back uncounted (drained, never begun); many of them slow the job down a little. */
  returns: number;
  /** The live lease, or null between attempts. */
  lease: Lease | null;
  /** Set once a person or program asked to cancel while a worker has the job. */
  cancel: CancelRequest | null;
  /** Set once the running attempt must stop for want of money or of a provider's quota; gone with its lease. Absent: null. */
  stop?: StopRequest | null;
  /** Milliseconds that the ended attempts of this generation ran. Absent: 0. */
  spentMs?: number;
  /** Commits announced for pushing, newest last: a remote head equal to one of them is this job's own work. */
  announced: Announcement[];
  /** What waits for approval to be published: the bundle's SHA-256 and where it is kept. */
  bundle: BundleRef | null;
  /** The agent's own session that the next attempt can go on with; null or absent: none was kept. */
  session?: SessionRef | null | undefined;
}

/** The right of one worker to one attempt. */
export interface Lease {
  readonly fence: number;
  readonly workerId: string;
  /** The worker's own id of the claim; repeating it gets the same answer. */
  readonly claimId: string;
  /** Random; the lease tokens' ids are derived from it so that a repeated claim gets the same tokens. */
  readonly salt: string;
  readonly grantedAt: number;
  /** Set by the first heartbeat: from here on the worker may start the work. */
  begunAt: number | null;
  phase: string | null;
  /** Agent events of this lease that are stored; a repeated report starts again from here. */
  reported: number;
  /** What this lease is for: the whole job, or only to publish an approved bundle. */
  readonly purpose: "work" | "publish";
}

export interface CancelRequest {
  readonly at: number;
  readonly by: string;
  readonly reason: string;
}

/** Why an attempt must stop although nobody canceled it: the work so far is kept. */
export interface StopRequest {
  readonly at: number;
  /**
   * `budget_exceeded`: the job fails, or is parked when its budget is one that begins anew. `quota`: it is parked until
   * the provider takes calls again.
   */
  readonly code: "budget_exceeded" | "quota";
  /** For people: which budget or quota. */
  readonly message: string;
  /** When it may go on by itself, in wall time; null: not by itself. */
  readonly until: number | null;
}

/** One commit a worker is about to push. */
export interface Announcement {
  readonly fence: number;
  readonly ref: string;
  /** What the remote branch must still be, 40 zeros for "does not exist". */
  readonly expectedOld: string;
  readonly commit: string;
}

export interface BundleRef {
  readonly fence: number;
  readonly sha256: string;
  readonly artifact: string;
}

/** An agent's session as an attempt left it: its files are an artifact of that attempt. */
export interface SessionRef {
  /** The attempt that has the artifact. */
  readonly fence: number;
  readonly artifact: string;
  /** The adapter it belongs to; no other can read it. */
  readonly agent: string;
  /** The agent's own name of it. */
  readonly sessionId: string;
  /** What the session had used when it was kept, as its adapter counts; null where that need not be known. */
  readonly totals: SessionTotals | null;
}

/** What a session has used in all its runs, as its agent counts. */
export interface SessionTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** US dollars; null where the agent does not reckon. */
  readonly costUsd: number | null;
}

/** What somebody said to a job. The record's id is `<job>/<n, 8 digits>`; written once, never changed. */
export interface CommentRecord {
  readonly jobId: string;
  /** Counts the job's comments from 1. */
  readonly n: number;
  readonly at: number;
  readonly by: string;
  /** Empty where only feedback was asked for. */
  readonly text: string;
  /** True when the pull request's reviews and failed checks are to be fetched for the agent too. */
  readonly feedback: boolean;
  /** Whose words these are. Absent: trusted. */
  readonly trust?: Trust | undefined;
}

/** A file that comes with a job, for what it runs to read. */
export interface InputFile {
  /** One plain name, such as `signal.json`. */
  readonly name: string;
  readonly text: string;
}

/** The issue that a job is for: its pull request closes it, and how it goes is told there. */
export interface JobIssue {
  /** Its repository, as `host/owner/name`. */
  readonly place: string;
  readonly number: number;
  /** False: its pull request closes it, and nothing is written there. */
  readonly tell: boolean;
}

/** The part of a job that does not change once it was accepted. */
export interface JobBody {
  readonly id: string;
  /** HMAC over what the client sent, without tokens, before defaults: the same id with another body is refused. */
  readonly bodyHash: string;
  readonly branch: string | null;
  readonly base: string | null;
  readonly instructions: string | null;
  readonly script: string | null;
  readonly changes: readonly FileChange[] | null;
  /** The model its agent is asked for. Null, or absent in jobs of older versions: none was named. */
  readonly model?: string | null;
  readonly callbackUrl: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly gitUser: { readonly name: string; readonly email: string } | null;
  /** The hosts the job may reach, narrowing those of its worker; null: all of the worker's. */
  readonly egress: readonly string[] | null;
  /**
   * How often an agent's work goes back to it because the repository's tests are red; null: nothing is verified. Absent
   * in bodies of older versions: as for a job that says nothing of it.
   */
  readonly verifyRounds?: number | null;
  /** What one generation may use, with the server's defaults filled in. Absent in bodies of older versions. */
  readonly budget?: BudgetLimits | null;
  readonly dependsOn: readonly string[];
  /** Files it is given, beside the repository and never part of it. Absent: none. */
  readonly inputs?: readonly InputFile[] | undefined;
  /** Absent: it is for no issue. */
  readonly issue?: JobIssue | undefined;
  /** Names of the sealed secrets kept for this job, such as `githubToken`. */
  readonly secrets: readonly string[];
  /** Who put it in: `api`, `cli`, `demo`, `schedule:NAME`, `source:NAME`. */
  readonly origin: string;
}

/** One file of a `changes` job. Exactly one of content, base64, delete. */
export interface FileChange {
  readonly path: string;
  readonly content?: string | undefined;
  readonly base64?: string | undefined;
  readonly delete?: true | undefined;
  readonly mode?: "644" | "755" | undefined;
}

/** How one lease ended; written once, never changed. The record's id is `<job>/<fence, 8 digits>`. */
export interface AttemptRecord {
  readonly jobId: string;
  readonly fence: number;
  readonly generation: number;
  readonly attempt: number;
  readonly workerId: string;
  readonly grantedAt: number;
  readonly begunAt: number | null;
  readonly endedAt: number;
  readonly end: "succeeded" | "failed" | "canceled" | "lost" | "returned" | "parked" | "awaits_approval";
  /** The finishing call's own id; the same call again gets the same answer. */
  readonly finishId: string | null;
  readonly error: AttemptError | null;
  readonly result: JobResult | null;
  /** The job's status right after, which is the finishing call's answer. */
  readonly statusAfter: Status;
  /** Comments this attempt was given: the numbers after `after`, up to `upTo`. Absent: none. */
  readonly comments?: { readonly after: number; readonly upTo: number } | undefined;
  /** The log of this attempt as committed: bytes and CRC-32. */
  readonly log: { readonly bytes: number; readonly crc32: number } | null;
}

export interface AttemptError {
  readonly code: string;
  readonly kind: FailureKind;
  readonly message: string;
}

/** What a finished attempt made: computed by the supervisor, never believed from the agent. */
export interface JobResult {
  readonly summary: string | null;
  readonly noChanges: boolean;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly baseCommit: string | null;
  readonly patchId: string | null;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number } | null;
  readonly pullRequest: { readonly number: number; readonly url: string } | null;
  readonly verdict: string | null;
  readonly outputs: Readonly<Record<string, string>> | null;
  readonly usage: Usage | null;
  readonly exitCode: number | null;
  /** Milliseconds by phase, in order. */
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly artifacts: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
  /** Where work that could not be published was kept: a branch or an artifact. */
  readonly salvage: string | null;
  readonly agent: { readonly name: string; readonly version: string | null; readonly model: string | null } | null;
  readonly isolation: string;
  /** What the repository's tests said of an agent's work. Absent or null: the job is none that is verified. */
  readonly verify?: VerifyResult | null | undefined;
  /** The agent's session for a later attempt to go on with; absent or null: none was kept. */
  readonly session?: SessionRef | null | undefined;
  /** Absent or null in results of older versions. */
  readonly environment?: ResultEnvironment | null | undefined;
}

/** How an agent's work was judged by the repository's own tests, as its base branch names them. */
export interface VerifyResult {
  /** `none`: the repository names no tests. `unchanged`: there was no work to judge. `off`: nobody wanted it judged. */
  readonly state: "passed" | "failed" | "none" | "unchanged" | "off";
  /** Times the work went back to the agent because its tests were red. */
  readonly rounds: number;
  /** The shell lines that judged, and null where none did. */
  readonly command: string | null;
  /** The end of what a red run printed; null unless `failed`. */
  readonly report: string | null;
}

/** Where a result was made: enough to make the same place again. */
export interface ResultEnvironment {
  readonly isolation: string;
  readonly provider: string;
  /** The worker's image; null where it ran from none. The digest is null where nobody told the worker. */
  readonly image: { readonly name: string; readonly digest: string | null } | null;
  /** Names the worker's code, where it came in an image. */
  readonly build: string | null;
  /** Versions by the tool's name, agents included. */
  readonly tools: Readonly<Record<string, string>>;
  /** The repository's own settings that were used, and the commit they were read at; null: it has none. */
  readonly config: { readonly path: string; readonly commit: string; readonly sha256: string } | null;
}

/** Tokens and calls of a job, counted by the gateway. `costUsd` says what is known: null while no call had a known price. */
export interface Usage {
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costUsd: number | null;
  /** Calls of models without a known price: counted in tokens, missing in `costUsd`. Absent: none. */
  readonly unpricedCalls?: number | undefined;
  /** Calls whose final figures never came (cut off, crashed): `costUsd` has the worst they can have cost. Absent: none. */
  readonly uncertainCalls?: number | undefined;
}

/** True once nothing more happens to the job by itself. */
export function isTerminal(status: Status): status is TerminalStatus {
  return status === "succeeded" || status === "failed" || status === "canceled";
}

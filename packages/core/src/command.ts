/**
 * Everything that can happen to the queue, as data. `apply` takes one command at a time, in order of arrival, and says
 * what to store, what to answer and what to do afterwards. A command that cannot be carried out throws a `HiveError`
 * before it changed anything.
 */

import type { AccountRef, CallCost, CallTokens } from "./accounts.ts";
import type { BudgetLimits } from "./budget.ts";
import type { Candidates, CandidateStart } from "./candidates.ts";
import type { Change, Key } from "./document.ts";
import type {
  Announcement,
  ApprovalRule,
  AttemptError,
  BundleRef,
  FileChange,
  HeldReason,
  InputFile,
  Job,
  JobIssue,
  JobResult,
  Lease,
  Status,
  Task,
  StopRequest,
  TerminalStatus,
  Trust,
} from "./job.ts";
import type { HiveEvent } from "./event.ts";
import type { ScheduleCommand, ScheduleReplies } from "./schedule.ts";
import type { SourceCommand, SourceReplies } from "./group.ts";

/** A job to accept, with every default already filled in by the edge. */
export interface NewJob {
  /** The caller's id, or one the server made. */
  readonly id: string;
  /** False when the server made the id just now: then no stored job can have it and nothing is looked up. */
  readonly idGiven: boolean;
  readonly bodyHash: string;
  readonly task: Task;
  readonly role: string | null;
  readonly labels: readonly string[];
  readonly priority: number;
  readonly repo: string;
  readonly key: string | null;
  readonly agent: string | null;
  /** The model its agent is asked for; absent or null: none was named. */
  readonly model?: string | null;
  readonly trust: Trust;
  readonly approval: ApprovalRule;
  readonly callback: boolean;
  readonly runAt: number | null;
  readonly maxAttempts: number;
  readonly retryOn: "system" | "failure";
  readonly timeoutMs: number;
  /** See `JobBody.verifyRounds`. */
  readonly verifyRounds: number | null;
  /** What one generation may use, with every default filled in. */
  readonly budget: BudgetLimits;
  readonly dependsOn: readonly string[];
  readonly branch: string | null;
  readonly base: string | null;
  readonly instructions: string | null;
  readonly script: string | null;
  readonly changes: readonly FileChange[] | null;
  readonly callbackUrl: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly gitUser: { readonly name: string; readonly email: string } | null;
  /** The hosts the job may reach, narrowing those of its worker; null: all of the worker's. */
  readonly egress: readonly string[] | null;
  /** See `JobBody.inputs`. */
  readonly inputs?: readonly InputFile[];
  /** See `JobBody.issue`. Absent: it is for none. */
  readonly issue?: JobIssue;
  readonly origin: string;
  /** For a candidate: the job it works for, in the same batch. */
  readonly parent?: string | null;
  /** For a job done several times: how many candidates come with it in the same batch, and who chooses. */
  readonly candidates?: Pick<Candidates, "count" | "choose"> | null;
  /** Secrets already sealed by the edge, by name. */
  readonly secrets: Readonly<Record<string, unknown>>;
  /** A setting of the server that is missing for this job, or null. */
  readonly hold: Extract<HeldReason, "no_isolation" | "no_agent" | "paused"> | null;
}

export interface EnqueueReply {
  readonly jobs: readonly {
    readonly jobId: string;
    readonly status: Status;
    readonly reason: string | null;
    /** Jobs that will be looked at before this one; 0 when it is next or not waiting in the queue. */
    readonly position: number;
    /** True when the same job was accepted before. */
    readonly existing: boolean;
  }[];
}

export interface CommentReply {
  /** The comment's number among those of its job. */
  readonly n: number;
  readonly status: Status;
  /** The generation that will be given it; null while an attempt runs, whose end decides. */
  readonly generation: number | null;
}

/** What a worker says of itself. */
export interface WorkerProfile {
  readonly name: string;
  readonly version: string;
  readonly roles: readonly string[];
  readonly labels: readonly string[];
  readonly provider: string;
  readonly isolation: string;
  /** Agent adapters it can run. Empty: it runs no agents. */
  readonly agents: readonly string[];
}

/** What only the launcher of a worker can say of it; a worker that came by itself has none of it. */
export interface WorkerPlacement {
  /** The pool it was started for; null: none of the fleet's. */
  readonly pool: string | null;
  /** The hosts its jobs may reach, as its pool's settings list them; null: the server's default list. */
  readonly egress: readonly string[] | null;
  /** The longest one job may run on it, in milliseconds; null: as long as the job's own limit. */
  readonly timeoutMs: number | null;
}

/** A registered worker, as stored. */
export interface WorkerRecord extends WorkerProfile, WorkerPlacement {
  readonly id: string;
  readonly registrationId: string;
  readonly registeredAt: number;
  /** When it proved itself, by its own clock; absent: it came with a launch token, or was registered by an older version. */
  readonly provenAt?: number;
  /** Set when an operator wants it to take no more jobs and leave. */
  readonly draining: boolean;
}

/** What the worker needs to start: the lease, the job and its unchanging part (read after the commit). */
export interface Grant {
  readonly job: Job;
  readonly lease: Lease;
  /** Milliseconds this attempt may take: the job's limit or the worker's. */
  readonly timeoutMs: number;
}

/** How a worker says its attempt ended. */
export type Outcome =
  | { readonly end: "succeeded"; readonly result: JobResult }
  | { readonly end: "failed"; readonly error: AttemptError; readonly result: JobResult | null }
  | { readonly end: "canceled"; readonly result: JobResult | null }
  /** The worker gives the job back unfinished (drain, shutdown): nobody's fault, nothing is counted. */
  | { readonly end: "returned"; readonly message: string }
  /** A provider's quota is used up: the work so far is kept, and the job goes on by itself when it is there again. */
  | { readonly end: "parked"; readonly message: string; readonly result: JobResult | null }
  /** The work is done but may be published only after a person approved this bundle. */
  | {
      readonly end: "awaits_approval";
      readonly bundle: { readonly sha256: string; readonly artifact: string };
      readonly result: JobResult;
    };

/** A job that is over, as retention found it. */
export interface Forgettable {
  readonly jobId: string;
  /** When it ended: a job that went on since is another matter and stays. */
  readonly endedAt: number;
  /** The numbers of all its callbacks and of those of its candidates: while one is to be told, the job stays. */
  readonly callbacks: readonly number[];
}

/** A place among jobs that are over, in order of when they ended and of their id. */
export interface EndedPlace {
  readonly endedAt: number;
  readonly id: string;
}

export interface LeaseRef {
  readonly jobId: string;
  readonly fence: number;
}

export type Command =
  | {
      readonly type: "enqueue";
      readonly jobs: readonly NewJob[];
      readonly idempotency: { readonly key: string; readonly hash: string } | null;
    }
  | {
      readonly type: "register";
      readonly workerId: string;
      readonly registrationId: string;
      readonly profile: WorkerProfile;
      /** Absent: it came by itself. */
      readonly placement?: WorkerPlacement;
      /** See `WorkerRecord.provenAt`. */
      readonly provenAt?: number;
    }
  | { readonly type: "claim"; readonly workerId: string; readonly claimId: string }
  | {
      readonly type: "heartbeat";
      readonly lease: LeaseRef;
      readonly phase: string | null;
      readonly message: string | null;
      readonly percent: number | null;
    }
  /** Agent events of a running attempt; `from` counts within the lease so that a repeated report adds nothing twice. */
  | {
      readonly type: "report";
      readonly lease: LeaseRef;
      readonly from: number;
      readonly events: readonly Readonly<Record<string, unknown>>[];
    }
  | { readonly type: "publish"; readonly lease: LeaseRef; readonly announcement: Omit<Announcement, "fence"> }
  | {
      readonly type: "finish";
      readonly lease: LeaseRef;
      readonly finishId: string;
      readonly outcome: Outcome;
      readonly log: { readonly bytes: number; readonly crc32: number } | null;
      /** The dispatcher itself takes back a lease it thinks nobody heard of: refused if the worker has begun after all. */
      readonly unlessBegun?: true;
    }
  | { readonly type: "cancel"; readonly jobId: string; readonly by: string; readonly reason: string }
  | { readonly type: "retry"; readonly jobId: string; readonly by: string }
  /** Somebody says something to a job of an agent: it becomes part of the next attempt, or begins a new generation. */
  | {
      readonly type: "comment";
      readonly jobId: string;
      readonly by: string;
      readonly text: string;
      readonly feedback: boolean;
      /** Absent: trusted. Words from outside make what they cause untrusted, also of a job that was not. */
      readonly trust?: Trust;
      /** Sealed secrets by name that take the place of the job's own; a job's secrets are erased when it ends. */
      readonly secrets: Readonly<Record<string, unknown>>;
      readonly idempotency: { readonly key: string; readonly hash: string } | null;
    }
  /** Lets a held job go on: `approval` and `publish` only with what was approved, the others as an operator's decision. */
  | { readonly type: "approve"; readonly jobId: string; readonly by: string; readonly sha256: string | null }
  | { readonly type: "reject"; readonly jobId: string; readonly by: string; readonly reason: string }
  /** A person says which candidate of a job is published; `candidate` counts from 1. */
  | { readonly type: "choose"; readonly jobId: string; readonly candidate: number; readonly by: string }
  /** A candidate that is being prepared says where it would start; the first of them decides for all. */
  | { readonly type: "agreeStart"; readonly lease: LeaseRef; readonly start: CandidateStart }
  /** Settings changed (a restart with another environment): held jobs whose setting is there now go on. */
  | {
      readonly type: "reconsider";
      readonly satisfied: readonly {
        readonly reason: "no_isolation" | "no_agent" | "paused";
        /** Only jobs for this agent, and those without one get it; null: jobs for any agent. */
        readonly agent: string | null;
        readonly untrusted: boolean;
        /** What the job is held for next, because that setting is still missing. */
        readonly next?: "no_isolation";
      }[];
    }
  | { readonly type: "drain"; readonly workerId: string; readonly draining: boolean }
  /** A worker said goodbye or its process is known to be dead: its lease, if any, ends now. `blame`: may this count as a loss? */
  | { readonly type: "workerGone"; readonly workerId: string; readonly blame: boolean; readonly message: string }
  /** Sets aside the most that one call to a model can cost, before it is made; `callId` makes it count once. */
  | {
      readonly type: "reserve";
      readonly lease: LeaseRef;
      readonly callId: string;
      readonly worst: { readonly cost: CallCost; readonly tokens: number };
      readonly accounts: readonly AccountRef[];
      /** Where only calls under way stand in its way, this call can wait for them: then nobody is told to stop. */
      readonly patient?: true;
    }
  /** What one call used, in place of what was set aside for it. `callId` makes it count once. */
  | {
      readonly type: "usage";
      readonly lease: LeaseRef;
      readonly callId: string;
      readonly usage: CallTokens;
      readonly cost: CallCost;
      /** False: the call was cut off before its last figures; what was set aside for it is kept as its cost. */
      readonly final: boolean;
      /** Where a call counts that nothing was set aside for. */
      readonly accounts: readonly AccountRef[];
    }
  /** The provider of the job's model takes no more calls before `until` (wall time): the attempt is to stop, uncounted. */
  | { readonly type: "park"; readonly lease: LeaseRef; readonly until: number; readonly message: string }
  /** A connection of the job was refused on its way out; `reason` is a code, `message` is for people. */
  | {
      readonly type: "egressBlocked";
      readonly lease: LeaseRef;
      readonly host: string;
      readonly port: number;
      readonly reason: string;
      readonly message: string;
    }
  /** The outcome of one delivery of a callback. */
  | {
      readonly type: "delivered";
      readonly n: number;
      readonly attempt: DeliveryAttempt;
      readonly state: "pending" | "delivered" | "dead";
      readonly nextAt: number | null;
    }
  | { readonly type: "redeliver"; readonly n: number; readonly by: string }
  /** Retention: jobs that are over leave the store; see `commands/forget.ts`. */
  | { readonly type: "forget"; readonly jobs: readonly Forgettable[] }
  /** Retention: removes documents of forgotten jobs, and others that are of no use any more; see `commands/prune.ts`. */
  | {
      readonly type: "prune";
      readonly keys: readonly Key[];
      /** Forgotten jobs of which nothing is left once these keys are gone. */
      readonly cleared: readonly string[];
      /** Jobs that ended up to here, in order of `endedAt` and id, have no logs any more. Absent: unchanged. */
      readonly logsUpTo?: EndedPlace;
    }
  /** Every live lease ends now, uncounted: the store was restored from a backup, and the work went on elsewhere or not at all. */
  | { readonly type: "endLeases"; readonly message: string }
  /** The clock: due jobs are queued, leases that ran out go back. */
  | { readonly type: "sweep" }
  | ScheduleCommand
  | SourceCommand;

export type CommandType = Command["type"];

/** The command of one type. */
export type CommandOf<T extends CommandType> = Extract<Command, { readonly type: T }>;

/** One try to deliver a callback. The last 20 are kept. */
export interface DeliveryAttempt {
  readonly at: number;
  readonly ms: number;
  readonly status: number | null;
  readonly error: string | null;
}

/** A callback to be delivered: which event, how far. The bytes sent are built from the event and the job's body alone, so every retry sends the same. */
export interface CallbackRecord {
  /** The event's number. */
  readonly n: number;
  readonly jobId: string;
  readonly type: string;
  readonly state: "pending" | "delivered" | "dead";
  readonly createdAt: number;
  readonly nextAt: number | null;
  readonly tries: number;
  readonly attempts: readonly DeliveryAttempt[];
}

export interface Replies extends ScheduleReplies, SourceReplies {
  readonly enqueue: EnqueueReply;
  readonly register: { readonly worker: WorkerRecord };
  /** `wait`: nothing to do now; ask again when a `ready` effect fits this worker. */
  readonly claim: { readonly grant: Grant | null; readonly drain: boolean };
  readonly heartbeat: {
    readonly cancel: { readonly reason: string } | null;
    readonly stop: Pick<StopRequest, "code" | "message"> | null;
    readonly drain: boolean;
    readonly begun: true;
  };
  /** How many events of this lease are durable now. */
  readonly report: { readonly accepted: number };
  readonly publish: { readonly announced: true };
  readonly finish: { readonly status: Status; readonly repeated: boolean };
  readonly cancel: { readonly status: Status };
  readonly retry: { readonly status: Status; readonly generation: number };
  readonly comment: CommentReply;
  readonly approve: { readonly status: Status };
  readonly reject: { readonly status: TerminalStatus };
  readonly choose: { readonly status: Status };
  readonly agreeStart: { readonly start: CandidateStart };
  readonly reconsider: { readonly released: number };
  readonly drain: { readonly draining: boolean };
  readonly workerGone: { readonly ended: string | null };
  readonly reserve:
    | { readonly admitted: true }
    /** The job is to stop: its worker was told, and so the agent must be. */
    | { readonly admitted: false; readonly code: StopRequest["code"]; readonly message: string }
    /** Only what is set aside for calls under way is missing: ask again when one of them is settled. */
    | { readonly admitted: false; readonly code: "busy"; readonly message: string };
  readonly usage: { readonly counted: boolean };
  /** `until` as it stands; false where the attempt ends for another reason anyway. */
  readonly park: { readonly parked: boolean; readonly until: number | null };
  /** False when the same was told of this attempt before, or too many others were. */
  readonly egressBlocked: { readonly told: boolean };
  readonly delivered: { readonly state: string };
  readonly redeliver: { readonly state: string };
  /** The jobs that are not kept any more, candidates among them. */
  readonly forget: { readonly forgotten: readonly string[] };
  readonly prune: { readonly pruned: number };
  readonly endLeases: { readonly ended: number; readonly left: number };
  readonly sweep: { readonly queued: number; readonly expired: number };
}

/** What to do once the commit is durable. Each can be derived again from the state after a crash. */
export type Effect =
  /** The state was loaded again after a failed commit: whoever waits for something asks anew. Made by the committer. */
  | { readonly type: "reloaded" }
  /** Jobs of this requirement can be claimed now. */
  | { readonly type: "ready"; readonly requirement: string }
  /** Tell the worker at once: its job was canceled or must stop, its lease is over, or it is to leave. */
  | {
      readonly type: "signal";
      readonly workerId: string;
      readonly signal: "cancel" | "stop" | "stale" | "drain";
      readonly jobId: string | null;
      readonly fence: number | null;
      readonly reason: string;
    }
  | { readonly type: "event"; readonly event: HiveEvent }
  /** Callbacks of this job are waiting to be sent. */
  | { readonly type: "callback"; readonly n: number; readonly jobId: string }
  /** The job is over: its secrets are erased, its log is closed. */
  | { readonly type: "ended"; readonly jobId: string; readonly fence: number | null }
  /** A schedule changed: whoever keeps its clock looks at it again. */
  | { readonly type: "schedule"; readonly id: string }
  /** Something of this source changed that its runner should look at: what is due or held, when it wakes, a delivery. */
  | { readonly type: "source"; readonly source: string };

/** Documents read for a command, by `collection/id`. */
export type Docs = ReadonlyMap<string, Readonly<Record<string, unknown>> | null>;

/** The instant a command is applied at. `random` gives numbers in [0, 1). */
export interface Now {
  readonly mono: number;
  readonly wall: number;
  readonly random: () => number;
}

export interface Applied<T extends CommandType = CommandType> {
  readonly changes: readonly Change[];
  readonly reply: Replies[T];
  readonly effects: readonly Effect[];
}

/** Where a document stands in `Docs`. */
export function docKey(key: Key): string {
  return `${key.collection}/${key.id}`;
}

/** What an approval is bound to: see `BundleRef`. */
export type Approval = Pick<BundleRef, "sha256">;

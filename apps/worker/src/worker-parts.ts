/**
 * What a worker is made of, and what it asks of the parts that do a job's own work. `main.ts` puts them together; tests
 * take smaller ones.
 */

import type { AttemptError, ResultEnvironment, VerifyResult } from "@hive/core";
import type { ApiClient, LeasedJob } from "@hive/protocol";
import type { Logger } from "pino";
import type { AgentSessions } from "./conversation/contract.ts";
import type { WorkerEnvironment } from "./environment.ts";
import type { Workspace } from "./git/checkout.ts";
import type { Git } from "./git/git.ts";
import type { Mirrors } from "./git/mirror.ts";
import type { LogStream } from "./logs/log-stream.ts";
import type { Clock } from "./loops/clock.ts";
import type { Progress } from "./loops/heartbeat-loop.ts";
import type { Registered } from "./loops/session.ts";
import type { MovedBase } from "./moved-base/contract.ts";
import type { Slot } from "./process/agent-user.ts";
import type { MemoryWatch } from "./process/memory-watch.ts";
import type { AgentEvent } from "./report/event-reporter.ts";
import type { LeaseCalls } from "./report/lease-calls.ts";
import type { Outbox } from "./report/outbox.ts";
import type { PhaseName } from "./report/phases.ts";
import type { WayToServer } from "./way/way-to-server.ts";

/** A file of the attempt that people can download. */
export interface FileToKeep {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a task did. Whether anything was published is found out elsewhere: nothing here is believed about that. */
export interface TaskEnd {
  /** Null: the work itself went well. */
  readonly error: AttemptError | null;
  readonly summary: string | null;
  readonly verdict: string | null;
  readonly outputs: Readonly<Record<string, string>> | null;
  readonly exitCode: number | null;
  readonly agent: { readonly name: string; readonly version: string | null; readonly model: string | null } | null;
  readonly files: readonly FileToKeep[];
  /** Whether what the task left in the repository is to be pushed. */
  readonly publishes: boolean;
  /** What the repository's tests said of the work; null: it is none that is judged. Red work is published all the same. */
  readonly verify: VerifyResult | null;
}

/** What a task works with. */
export interface TaskRequest {
  readonly job: LeasedJob;
  readonly workspace: Workspace;
  readonly slot: Slot;
  /** A folder of the agent's outside the repository, for what is not committed. */
  readonly output: string;
  /** The folder of the files the job was given, to be read only; null: it was given none. */
  readonly inputs: string | null;
  readonly log: LogStream;
  readonly onEvent: (event: AgentEvent) => void;
  readonly onProgress: (progress: Progress) => void;
  /** Aborted: kill everything and come back. */
  readonly signal: AbortSignal;
  /** Milliseconds until the job's time is up. */
  readonly remainingMs: () => number;
  /** Begins another phase of the job, as people see it. */
  readonly enter: (phase: PhaseName) => Promise<void>;
  /** Told after each turn of an agent who it is and what it said last: an attempt that is stopped has no other end. */
  readonly onTurn: (agent: NonNullable<TaskEnd["agent"]>, words: string | null) => void;
  /** The agent's sessions of earlier attempts and for later ones; null: each attempt begins anew. */
  readonly sessions: AgentSessions | null;
  /** Told which of the repository's own settings are used. */
  readonly onConfig: (config: ResultEnvironment["config"]) => void;
  /** Unpublished work of the attempt before is in the working copy. */
  readonly putBack: boolean;
  /** What people with a say wrote at the job's pull request, as a section of the prompt; null: nobody asked for it. */
  readonly feedback: string | null;
  /** For work that will be published: what to do about a base branch that moved. Null: nothing is published. */
  readonly movedBase: MovedBase | null;
  /** The lease's `llm` token. */
  readonly llmToken: string;
  /** The proxy that the job's programs must use, its `egress` token included; null where the network is open. */
  readonly proxy: string | null;
}

/** Sets the repository up and does the job's task. Expected failures are values. */
export interface Tasks {
  /** Runs the repository's own setup, as it is at base. Null: fine, or nothing to set up. */
  setUp(request: TaskRequest): Promise<AttemptError | null>;
  run(request: TaskRequest): Promise<TaskEnd>;
}

/** Everything `runJob` needs that outlives one job. */
export interface WorkerParts {
  readonly client: ApiClient;
  readonly way: WayToServer;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the dispatcher said at registration. */
  readonly registered: () => Registered;
  readonly outbox: Outbox;
  readonly slot: Slot;
  /** The slot's own folder; the supervisor's. Attempts get a folder in it. */
  readonly folder: string;
  readonly git: Git;
  /** Where a lease has its repository from. */
  readonly mirrorsFor: (calls: LeaseCalls) => Mirrors;
  readonly allowFileRepos: boolean;
  readonly tasks: Tasks;
  /** What the results say about isolation. */
  readonly isolation: string;
  /** Tells when the worker's own container ran out of memory; see `process/memory-watch.ts`. */
  readonly watchMemory: (onKill: (reason: string) => void) => MemoryWatch;
  /** What results say of where they were made; never rejects. */
  readonly environment: Promise<WorkerEnvironment>;
  /** Aborted when this process must end now: results that are not told yet stay on the disk. */
  readonly leaving: AbortSignal;
  /** Called when the dispatcher wants this worker to leave after the job. */
  readonly onDrain: () => void;
}

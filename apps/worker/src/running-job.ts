/**
 * One leased job while it runs: its heartbeat, its calls, its log, its secrets, and the one way to leave its checklist
 * early. `run-job.ts` is the checklist.
 */

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptError, FailureKind, ResultEnvironment, SessionRef } from "@hive/core";
import { redactText } from "@hive/core";
import type { LeaseGrant } from "@hive/protocol";
import type { Logger } from "pino";
import { type Attempt, beginAttempt } from "./attempt.ts";
import { type LogStream, openLogStream } from "./logs/log-stream.ts";
import { type Heartbeat, startHeartbeat } from "./loops/heartbeat-loop.ts";
import { createEventReporter, type EventReporter } from "./report/event-reporter.ts";
import { createLeaseCalls, type KeptArtifact, type LeaseCalls, type LeaseSecrets } from "./report/lease-calls.ts";
import { createPhases, type PhaseName, type Phases } from "./report/phases.ts";
import { createProxiedFetch } from "./way/proxied-fetch.ts";
import type { TaskEnd, WorkerParts } from "./worker-parts.ts";

/** Leaves a job's checklist from any depth; `run-job.ts` turns it into the attempt's end. */
export class AttemptFailure extends Error {
  readonly failure: AttemptError;

  constructor(failure: AttemptError) {
    super(failure.message);
    this.name = "AttemptFailure";
    this.failure = failure;
  }
}

/** Ends the attempt here. @throws AttemptFailure always */
export function fail(code: string, kind: FailureKind, message: string): never {
  throw new AttemptFailure({ code, kind, message });
}

/** The secrets of a job and its log, open for bytes. */
export interface OpenLog {
  readonly stream: LogStream;
  readonly spool: string;
}

/** What the checklist has found out so far: the material of the result. */
export interface Findings {
  task: TaskEnd | null;
  /** Of the last turn of an agent: who it is, and what it said last. */
  agent: TaskEnd["agent"];
  lastWords: string | null;
  branch: string | null;
  commit: string | null;
  baseCommit: string | null;
  patchId: string | null;
  diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number } | null;
  noChanges: boolean;
  /** Files in which the published work does not merge into the head of base; null: it does. */
  conflict: { readonly base: string; readonly files: readonly string[] } | null;
  pullRequest: { readonly number: number; readonly url: string } | null;
  salvage: string | null;
  artifacts: KeptArtifact[];
  /** The agent's session that the next attempt can go on with; until this attempt keeps its own, the one it was given. */
  session: SessionRef | null;
  /** The repository's own settings, as they were read. */
  config: ResultEnvironment["config"];
  /** The log's file is still needed: the end could not be told yet. */
  keepLog: boolean;
}

export interface RunningJob {
  readonly lease: LeaseGrant;
  readonly attempt: Attempt;
  /** The worker's own log, with the job's id: the story of the job for who reads along, without its output. */
  readonly story: Logger;
  /** Milliseconds since the lease came. */
  tookMs(): number;
  readonly heartbeat: Heartbeat;
  readonly calls: LeaseCalls;
  readonly phases: Phases;
  readonly events: EventReporter;
  readonly findings: Findings;
  /** The attempt's folder, the supervisor's. */
  readonly folder: string;
  /** Everything that must appear nowhere. */
  secrets(): readonly string[];
  /** Milliseconds until the job's time is up. */
  remainingMs(): number;
  /** Fetches the repository's credentials and only then opens the log, which hides them from its first byte. */
  open(): Promise<LeaseSecrets>;
  /** Null before `open`. */
  log(): OpenLog | null;
  /** A new phase: timed, told to people, marked in the log. */
  enter(phase: PhaseName): Promise<void>;
  /** One line of ours, in the job's log and the worker's. */
  say(line: string): Promise<void>;
  /** Keeps a file with the dispatcher; a file too large is named in the log and left out. */
  keep(name: string, bytes: Uint8Array): Promise<KeptArtifact | null>;
  /** The text without any secret of this job. */
  redact(text: string): string;
  /** Calls to the outside in the name of this job, such as to GitHub's API. */
  readonly fetch: typeof globalThis.fetch;
  /** Ends the time limit and the connections to the outside. */
  end(): Promise<void>;
}

/** Starts the heartbeat of a lease. Nothing else may start before `heartbeat.begun`. */
export function startRunningJob(worker: WorkerParts, lease: LeaseGrant): RunningJob {
  const { client, clock } = worker;
  const { intervals, limits } = worker.registered();
  const { job, token, fence } = lease;
  const attempt = beginAttempt(job.jobId, fence);
  const startedAt = clock.mono();
  const folder = join(worker.folder, `attempt-${fence}-${randomBytes(6).toString("hex")}`);
  const known = [token, lease.llmToken, lease.egressToken, worker.registered().token];
  let log: OpenLog | null = null;

  const heartbeat = startHeartbeat({
    client,
    token,
    attempt,
    clock,
    heartbeatMs: intervals.heartbeatMs,
    leaseMs: intervals.leaseMs,
    firstBeatMs: lease.firstBeatMs,
    onDrain: worker.onDrain,
  });
  const calls = createLeaseCalls({ client, token, attempt, clock, isOurs: heartbeat.isOurs });
  const events = createEventReporter({
    send: calls.report,
    secrets: () => known,
    clock,
    flushMs: intervals.logFlushMs,
  });
  const phases = createPhases(clock);
  const remainingMs = (): number => Math.max(0, job.timeoutMs - (clock.mono() - startedAt));
  const stopTimer = clock.after(job.timeoutMs, () => {
    if (job.timeIsBudget) attempt.stop({ why: "budget", reason: "the job's budget of minutes is used up" });
    else attempt.stop({ why: "timeout", reason: `the job did not finish in ${job.timeoutMs} ms` });
  });

  const outside = createProxiedFetch(worker.way.proxyFor(token));

  const story = worker.log.child({ jobId: job.jobId, fence });

  return {
    lease,
    attempt,
    story,
    tookMs: () => clock.mono() - startedAt,
    heartbeat,
    calls,
    phases,
    events,
    folder,
    findings: {
      task: null,
      agent: null,
      lastWords: null,
      branch: null,
      commit: null,
      baseCommit: null,
      patchId: null,
      diffStat: null,
      noChanges: false,
      conflict: null,
      pullRequest: null,
      salvage: null,
      artifacts: [],
      session: job.session,
      config: null,
      keepLog: false,
    },
    secrets: () => known,
    remainingMs,
    log: () => log,
    fetch: outside.fetch,
    end() {
      stopTimer();
      return outside.close();
    },
    async open() {
      const secrets = await calls.secrets();
      if (secrets.git !== null) known.push(secrets.git.password);
      // The supervisor's own: the agent gets in through its own folders only.
      await mkdir(folder, { recursive: true, mode: 0o711 });
      const spool = join(worker.folder, "logs", `${fence}-${randomBytes(6).toString("hex")}.log`);
      await mkdir(join(worker.folder, "logs"), { recursive: true, mode: 0o700 });
      const stream = await openLogStream({
        spoolPath: spool,
        secrets: known,
        upload: calls.uploadLog,
        chunkBytes: limits.logChunkBytes,
        maxBytes: limits.logBytes,
        flushMs: intervals.logFlushMs,
        clock,
        signal: attempt.right,
      });
      log = { stream, spool };
      return secrets;
    },
    async enter(phase) {
      phases.enter(phase);
      story.info(phase);
      heartbeat.tell({ phase });
      await log?.stream.phase(phase);
    },
    async say(line) {
      story.info(redactText(line, known));
      await log?.stream.say(line);
    },
    async keep(name, bytes) {
      if (bytes.byteLength > limits.artifactBytes) {
        const line = `${name} has ${bytes.byteLength} bytes, more than the ${limits.artifactBytes} that are kept`;
        await log?.stream.say(line);
        return null;
      }
      return calls.putArtifact(name, bytes);
    },
    redact: (text) => redactText(text, known),
  };
}

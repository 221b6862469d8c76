/**
 * Does one leased job, from the first heartbeat to an empty slot. Success is computed, never believed: the task ended
 * well, our commit is at the remote, a pull request exists where one is due. Whatever stops the work (a person, the
 * clock, a lost lease, a shutdown) leaves the checklist early; telling the end and cleaning up always happen.
 */

import type { Outcome } from "@hive/core";
import type { LeaseGrant } from "@hive/protocol";
import { type JobCaches, openCaches } from "./caches/job-caches.ts";
import { cleanUp, killAgent } from "./clean-up.ts";
import type { AgentSessions } from "./conversation/contract.ts";
import { meetBase } from "./moved-base/meet-base.ts";
import { ensurePullRequest } from "./offer-pull-request.ts";
import { prepare, type Prepared, remoteOf } from "./prepare-job.ts";
import { publishChosen, removeCandidates } from "./publish-chosen.ts";
import { keepUnpublished, publishApproved, publishWork } from "./publish-job.ts";
import { report } from "./report/report.ts";
import { failedOutcome, resultOf, stoppedOutcome } from "./report/result.ts";
import { AttemptFailure, type RunningJob, startRunningJob } from "./running-job.ts";
import { createAgentSessions } from "./sessions/agent-sessions.ts";
import { pushWorkSoFar } from "./work-so-far.ts";
import type { TaskEnd, TaskRequest, WorkerParts } from "./worker-parts.ts";

/** A job in work, as the rest of the worker sees it. */
export interface JobInWork {
  readonly jobId: string;
  readonly fence: number;
  /** See `Attempt.stop`. */
  readonly stop: RunningJob["attempt"]["stop"];
  /** Asks the dispatcher at once whether the job is to stop. */
  readonly ask: () => void;
  readonly status: () => string;
}

/**
 * Runs the job of a lease to its end. `onStart` gets a handle to stop it.
 * @throws when the slot could not be emptied: this worker must not take another job.
 */
export async function runJob(worker: WorkerParts, lease: LeaseGrant, onStart: (job: JobInWork) => void): Promise<void> {
  const running = startRunningJob(worker, lease);
  const { attempt, heartbeat } = running;
  const ask = (): void => void heartbeat.ask();
  onStart({ jobId: attempt.jobId, fence: attempt.fence, stop: attempt.stop, ask, status: heartbeat.status });
  try {
    const begun = await heartbeat.begun;
    if (begun) await report(worker, running, await decide(worker, running));
  } finally {
    await running.end();
    await heartbeat.stop();
    await running.log()?.stream.close({ keep: running.findings.keepLog });
    await cleanUp(worker, running);
  }
}

/** How the attempt ends; null when the lease is over and nobody wants to hear of it. */
async function decide(worker: WorkerParts, running: RunningJob): Promise<Outcome | null> {
  const { attempt, lease } = running;
  let prepared: Prepared | null = null;
  const memory = worker.watchMemory((reason) => {
    attempt.stop({ why: "memory", reason });
    // Not asked to end first: as long as it lives, it takes what everything else here needs.
    killAgent(worker.slot).catch((error: unknown) => worker.log.error({ err: error }, "the job could not be killed"));
  });
  try {
    if (lease.purpose === "publish") return await publishOnly(worker, running);
    prepared = await prepareAndSetUp(worker, running);
    if (!prepared.onlyPullRequest) await runTask(worker, running, prepared);
    return await publish(worker, running, prepared);
  } catch (error) {
    memory.look();
    await killAgent(worker.slot);
    const stop = attempt.stopped();
    if (stop === null && !(error instanceof AttemptFailure)) worker.log.error({ err: error }, "the attempt broke");
    const isKept = stop?.why === "budget" || stop?.why === "quota";
    if (prepared !== null && isKept) await pushWorkSoFar(worker, running, prepared);
    if (prepared !== null) await keepUnpublished(worker, running, prepared, error);
    const { isolation } = worker;
    if (stop !== null) return stoppedOutcome(running, stop, isolation);
    return failedOutcome(running, failureOf(error), isolation);
  } finally {
    memory.stop();
  }
}

async function prepareAndSetUp(worker: WorkerParts, running: RunningJob): Promise<Prepared> {
  const secrets = await running.open();
  await running.enter("prepare");
  return prepare(worker, running, secrets);
}

async function runTask(worker: WorkerParts, running: RunningJob, prepared: Prepared): Promise<void> {
  const { slot } = worker;
  const sessions = createAgentSessions({ running, slot, workspace: prepared.workspace.repo });
  const request: TaskRequest = {
    job: running.lease.job,
    workspace: prepared.workspace,
    slot,
    output: prepared.output,
    inputs: prepared.inputs,
    log: requireLog(running),
    onEvent: running.events.add,
    onProgress: running.heartbeat.tell,
    onConfig: (config) => {
      running.findings.config = config;
    },
    signal: running.attempt.work,
    remainingMs: () => running.remainingMs(),
    enter: (phase) => running.enter(phase),
    onTurn: (agent, words) => {
      running.findings.agent = agent;
      running.findings.lastWords = words;
    },
    sessions,
    putBack: prepared.putBack,
    feedback: prepared.feedback,
    movedBase: prepared.movedBase,
    llmToken: running.lease.llmToken,
    proxy: worker.way.proxyFor(running.lease.egressToken),
  };
  const caches = await cachesOf(worker, running, prepared);
  if (caches !== null) {
    await running.enter("caches");
    await caches.restore();
    running.attempt.work.throwIfAborted();
  }

  await running.enter("setup");
  const broken = await worker.tasks.setUp(request);
  running.attempt.work.throwIfAborted();
  if (broken !== null) throw new AttemptFailure(broken);

  await running.enter("run");
  const task = await runToItsEnd(worker, running, request, sessions);
  for (const file of task.files) {
    const kept = await running.keep(file.name, file.bytes);
    if (kept !== null) running.findings.artifacts.push(kept);
  }
  running.attempt.work.throwIfAborted();
  if (task.error !== null) throw new AttemptFailure(task.error);
  if (caches?.fills === true) {
    await running.enter("caches");
    await caches.save();
    running.attempt.work.throwIfAborted();
  }
}

/** Runs the task. However it ends, nothing of it lives afterwards, and its agent's session is kept. */
async function runToItsEnd(
  worker: WorkerParts,
  running: RunningJob,
  request: TaskRequest,
  sessions: AgentSessions,
): Promise<TaskEnd> {
  try {
    const task = await worker.tasks.run(request);
    running.findings.task = task;
    // An agent whose call was refused may have ended before we heard why, with an error or well by its own account.
    if (task.agent !== null) await running.heartbeat.ask();
    return task;
  } finally {
    await killAgent(worker.slot);
    await sessions.keep();
  }
}

/** The dependency caches of the job; null when there are none. They never fail a job. */
async function cachesOf(worker: WorkerParts, running: RunningJob, { workspace }: Prepared): Promise<JobCaches | null> {
  // It runs nothing of the repository's.
  if (running.lease.job.task === "changes") return null;
  try {
    return await openCaches({
      git: worker.git,
      workspace,
      slot: worker.slot,
      folder: running.folder,
      mayFill: running.lease.job.fillsCaches,
      calls: running.calls,
      say: (line) => running.say(line),
      mono: () => worker.clock.mono(),
      signal: running.attempt.work,
    });
  } catch (error) {
    running.attempt.work.throwIfAborted();
    await running.say(`caches: none is used: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

async function publish(worker: WorkerParts, running: RunningJob, prepared: Prepared): Promise<Outcome> {
  const { task } = running.findings;
  const { job } = running.lease;
  // Red work whose pull request could not be opened is as red when only that is done.
  const red = redOf(prepared.onlyPullRequest ? job.report?.verify : task?.verify);
  // A person would approve it as good.
  if (red !== null && job.approvePublish) throw new AttemptFailure(red);
  if (prepared.onlyPullRequest || task?.publishes === true) {
    await running.enter("publish");
    if (prepared.movedBase !== null && !prepared.onlyPullRequest) await meetBase(running, prepared.movedBase);
    const waiting = prepared.onlyPullRequest ? null : await publishWork(worker, running, prepared, job.approvePublish);
    if (waiting !== null)
      return { end: "awaits_approval", bundle: waiting, result: resultOf(running, worker.isolation) };
    await ensurePullRequest(worker, running, prepared.remote, prepared.secrets, prepared.workspace.base);
  } else {
    running.findings.noChanges = true;
  }
  if (red !== null) return failedOutcome(running, red, worker.isolation);
  return { end: "succeeded", result: resultOf(running, worker.isolation) };
}

/** The error of work that was published although the repository's tests are red; null: they are not. */
function redOf(verify: TaskEnd["verify"] | undefined): AttemptFailure["failure"] | null {
  if (verify?.state !== "failed") return null;
  const { rounds, report } = verify;
  const after = rounds === 0 ? "" : ` after they went back to the agent ${rounds === 1 ? "once" : `${rounds} times`}`;
  const last = report?.trimEnd().split("\n").slice(-5).join("\n") ?? "";
  return { code: "verify_failed", kind: "work", message: `The repository's tests are red${after}: ${last}` };
}

/** A lease that only publishes: the bundle a person approved or the candidate that was chosen, and nothing else. */
async function publishOnly(worker: WorkerParts, running: RunningJob): Promise<Outcome> {
  const secrets = await running.open();
  await running.enter("prepare");
  const remote = remoteOf(worker, running, secrets);
  await running.enter("publish");
  const { chosen } = running.lease.job;
  const base =
    chosen === null
      ? await publishApproved(worker, running, remote)
      : await publishChosen(worker, running, remote, chosen);
  await ensurePullRequest(worker, running, remote, secrets, base);
  if (chosen !== null) await removeCandidates(worker, running, remote, chosen);
  return { end: "succeeded", result: resultOf(running, worker.isolation) };
}

function requireLog(running: RunningJob) {
  const log = running.log();
  if (log === null) throw new Error("the log is not open");
  return log.stream;
}

function failureOf(error: unknown): AttemptFailure["failure"] {
  if (error instanceof AttemptFailure) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  const full = (error as { code?: unknown }).code === "ENOSPC";
  return {
    code: full ? "disk_full" : "worker_broke",
    kind: "system",
    message: `the worker could not go on: ${message}`,
  };
}

/**
 * Gives a worker its next job. The claim's own id makes it repeatable: while the worker has the lease, the same claim
 * gets the same answer, so a lost reply costs nothing. A worker that claims anew has never heard of a lease that did not
 * begin, and that job goes back uncounted; a lease that began is a job it is working on.
 */

import type { CommandOf, Now, Replies } from "../command.ts";
import { publishesChosen } from "../candidates.ts";
import { endLease, held } from "../ending.ts";
import { HiveError } from "../errors.ts";
import type { CommentCounts, Job, Lease, Run } from "../job.ts";
import type { LiveWorker, State } from "../state.ts";
import type { Step } from "../step.ts";
import { move } from "../transitions.ts";

export function needs(_state: State, _command: CommandOf<"claim">): [] {
  return [];
}

/**
 * @throws HiveError worker_unknown, worker_busy
 */
export function claim(step: Step, command: CommandOf<"claim">): Replies["claim"] {
  const worker = step.state.workers.get(command.workerId);
  if (worker === undefined) {
    throw new HiveError("worker_unknown", `no worker ${command.workerId} is registered here; register again`, {
      workerId: command.workerId,
    });
  }
  const has = worker.jobId === null ? undefined : step.state.jobs.get(worker.jobId);
  if (has !== undefined) {
    const { job, lease } = held(has);
    if (lease.claimId === command.claimId) {
      const timeoutMs = step.state.timeoutOf(job, command.workerId);
      return { grant: { job, lease, timeoutMs }, drain: worker.record.draining };
    }
    if (lease.begunAt !== null) {
      throw new HiveError("worker_busy", `worker ${command.workerId} has job ${job.id}; finish it before claiming`, {
        workerId: command.workerId,
        jobId: job.id,
      });
    }
    endLease(step, held(has), { end: "returned", message: "the worker claimed again without having begun" });
  }
  if (worker.record.draining) return { grant: null, drain: true };
  const job = step.state.ready.best(worker.record);
  return { grant: job === null ? null : grant(step, worker, job, command.claimId), drain: false };
}

function grant(step: Step, worker: LiveWorker, job: Job, claimId: string): Replies["claim"]["grant"] {
  const run = job.run ?? NEVER_RUN;
  const lease: Lease = {
    fence: Math.max(run.fence, step.state.fenceFloor) + 1,
    workerId: worker.record.id,
    claimId,
    salt: salt(step.now),
    grantedAt: step.now.wall,
    begunAt: null,
    phase: null,
    reported: 0,
    purpose: run.bundle === null && !publishesChosen(job) ? "work" : "publish",
  };
  const comments = given(job, lease);
  const { fence, workerId, purpose } = lease;
  const leased = move(
    step,
    job,
    { status: "running", run: { ...run, fence, lease }, ...(comments === null ? {} : { comments }) },
    { data: { fence, workerId, purpose, ...told(comments) } },
  );
  return { job: leased, lease, timeoutMs: step.state.timeoutOf(job, lease.workerId) };
}

/** All comments there are now go to the attempt; null where there is nothing to give, or nobody to hear it. */
function given({ comments }: Job, { purpose }: Lease): CommentCounts | null {
  return comments === undefined || purpose === "publish" ? null : { ...comments, given: comments.count };
}

/** Which comments the attempt is for, for the event. */
function told(comments: CommentCounts | null): Readonly<Record<string, unknown>> {
  if (comments === null || comments.given === comments.done) return {};
  return { comments: { after: comments.done, upTo: comments.given } };
}

const NEVER_RUN: Run = {
  fence: 0,
  attempts: 0,
  failures: 0,
  losses: 0,
  returns: 0,
  lease: null,
  cancel: null,
  stop: null,
  spentMs: 0,
  announced: [],
  bundle: null,
};

/** 128 random bits in hexadecimal. */
function salt(now: Now): string {
  let text = "";
  for (let part = 0; part < 8; part += 1)
    text += Math.floor(now.random() * 0x10000)
      .toString(16)
      .padStart(4, "0");
  return text;
}

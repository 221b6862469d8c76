/**
 * How a lease ends, and what becomes of the job then. A worker's report, a lease that ran out, a worker that left and
 * an attempt that took too long all come through here, so that failures, losses and returns are counted in one place.
 */

import { budgeted, ranMs } from "./budget-ending.ts";
import type { Outcome } from "./command.ts";
import { attemptId } from "./document.ts";
import { beginGeneration } from "./generation.ts";
import type { AttemptError, AttemptRecord, Job, JobResult, Lease, Run, StopRequest, Usage } from "./job.ts";
import { backoffMs, returnDelayMs } from "./retry.ts";
import type { Rules } from "./rules.ts";
import type { Step } from "./step.ts";
import { endJob } from "./terminate.ts";
import { type Move, type Telling, move } from "./transitions.ts";

/** How a lease ended: as its worker said, or lost because the worker is not heard of any more. */
export type Ending = Outcome | { readonly end: "lost"; readonly message: string };

/** What only a report of the worker carries. */
export interface Report {
  readonly finishId: string;
  readonly log: AttemptRecord["log"];
  /** What the gateway counted for the job. */
  readonly usage: Usage | null;
}

/** A job with its run and live lease, as a command found it. */
export interface Held {
  readonly job: Job;
  readonly run: Run;
  readonly lease: Lease;
}

interface Verdict {
  readonly to: Move & { readonly run: Run };
  readonly telling: Telling;
}

/** The running job with its lease. Anything else is a bug of the caller. */
export function held(job: Job): Held {
  const lease = job.run?.lease;
  if (job.run === null || lease === null || lease === undefined) throw new Error(`job ${job.id} has no lease`);
  return { job, run: job.run, lease };
}

/** Ends the job's live lease and moves the job on. Gives the job as the attempt left it. */
export function endLease(step: Step, held: Held, said: Ending, report: Report | null = null): Job {
  const { job, run, lease } = held;
  const ending = parkedFor(run, budgeted(step, held, said));
  const { to, telling } = judge(step, held, ending);
  const error = errorOf(ending);
  const counted = resultOf(ending, report?.usage ?? null);
  const data = {
    fence: lease.fence,
    workerId: lease.workerId,
    ...(error === null ? {} : { error }),
    ...(counted === null ? {} : { result: counted }),
    ...(report?.usage ? { usage: report.usage } : {}),
    ...telling.data,
  };
  const told: Telling = telling.type === undefined ? { data } : { type: telling.type, data };
  const ended = to.status === "succeeded" || to.status === "failed" || to.status === "canceled";
  const goesOn = ended && wantsMore(job);
  const next = ended && !goesOn ? endJob(step, job, to, told) : move(step, job, to, told);
  const record: AttemptRecord = {
    jobId: job.id,
    fence: lease.fence,
    generation: job.generation,
    attempt: run.attempts,
    workerId: lease.workerId,
    grantedAt: lease.grantedAt,
    begunAt: lease.begunAt,
    endedAt: step.now.wall,
    end: ending.end === "lost" && lease.begunAt === null ? "returned" : ending.end,
    finishId: report?.finishId ?? null,
    error,
    result: counted,
    statusAfter: next.status,
    ...commentsOf(held),
    log: report?.log ?? null,
  };
  step.put("attempts", attemptId(job.id, lease.fence), record);
  // What was said meanwhile: the generation is over and told as such, the job and who waits for it are not.
  if (goesOn) beginGeneration(step, next, { data: { comment: job.comments?.count ?? 0 }, bundle: "drop" });
  return next;
}

/** A job with candidates is one like any other once the chosen one is at its branch. */
function published({ candidates }: Job): Pick<Move, "candidates"> {
  return candidates == null || candidates.published ? {} : { candidates: { ...candidates, published: true } };
}

/** What the generation was given is done with its success. */
function allDone({ comments }: Job): Pick<Move, "comments"> {
  return comments === undefined ? {} : { comments: { ...comments, done: comments.given } };
}

/**
 * The agent's session after an attempt: the one its worker kept. An end without any word of the attempt leaves the one
 * there was; one that says none was kept (the agent refused it, or broke with it) drops it.
 */
function session(run: Run, lease: Lease, ending: Ending): Pick<Run, "session"> {
  const says = ending.end !== "lost" && ending.end !== "returned" && ending.result !== null;
  if (!says || lease.purpose === "publish") return {};
  const kept = ending.result.session ?? null;
  return kept === null && run.session == null ? {} : { session: kept };
}

/** Was anything said that no attempt was given? A job that is to be canceled does not go on for it. */
function wantsMore({ comments, run }: Job): boolean {
  return comments !== undefined && comments.count > comments.given && run?.cancel == null;
}

/** The comments the attempt was given, for its record. */
function commentsOf({ job: { comments }, lease }: Held): Pick<AttemptRecord, "comments"> {
  if (comments === undefined || lease.purpose === "publish" || comments.given === comments.done) return {};
  return { comments: { after: comments.done, upTo: comments.given } };
}

function judge(step: Step, { job, run, lease }: Held, ending: Ending): Verdict {
  const { rules } = step.state;
  const over: Run = {
    ...run,
    lease: null,
    stop: null,
    spentMs: (run.spentMs ?? 0) + ranMs(step, lease),
    ...session(run, lease, ending),
  };
  if (ending.end === "succeeded") {
    return { to: { status: "succeeded", run: over, ...allDone(job), ...published(job) }, telling: {} };
  }
  if (run.cancel !== null) {
    const failures = ending.end === "failed" ? over.failures + 1 : over.failures;
    const { by, reason } = run.cancel;
    return {
      to: { status: "canceled", reason: "requested", run: { ...over, failures } },
      telling: { data: { by, message: reason } },
    };
  }
  switch (ending.end) {
    case "failed":
      return failed(step, job, over, ending.error);
    case "lost":
      return lease.begunAt === null ? returned(step, over, ending.message) : lost(rules, over, ending.message);
    case "returned":
      return returned(step, over, ending.message);
    case "canceled":
      return returned(step, over, "the worker stopped, but nobody asked for a cancel");
    case "parked":
      return parked(step, over, run.stop ?? null, ending.message);
    case "awaits_approval": {
      const bundle = { fence: lease.fence, ...ending.bundle };
      return {
        to: { status: "held", reason: "publish", hold: "publish", run: { ...over, bundle } },
        telling: { data: { bundle: { sha256: bundle.sha256, artifact: bundle.artifact } } },
      };
    }
  }
}

/**
 * An attempt that was stopped until a known time (a used-up quota, the budget of a day) ends parked, whatever its worker
 * said or whether it said anything; a success and a cancel stay what they are.
 */
function parkedFor({ stop, cancel }: Run, said: Ending): Ending {
  if (stop == null || stop.until === null || cancel !== null) return said;
  if (said.end === "succeeded" || said.end === "awaits_approval") return said;
  const result = said.end === "lost" || said.end === "returned" ? null : said.result;
  const also =
    said.end === "failed" && said.error.message !== stop.message
      ? `; the attempt ended with ${said.error.code}: ${said.error.message}`
      : "";
  return { end: "parked", message: `${stop.message}${also}`, result };
}

/** Nothing is counted, and the job goes on at the time it was stopped until. Nobody asked for it: it is a return. */
function parked(step: Step, over: Run, stop: StopRequest | null, message: string): Verdict {
  if (stop === null || stop.until === null) return returned(step, over, message);
  const reason = stop.code === "quota" ? "quota" : "budget";
  return {
    to: { status: "scheduled", reason, runAt: stop.until, run: over },
    telling: { type: "job.retrying", data: { message } },
  };
}

function failed(step: Step, job: Job, over: Run, error: AttemptError): Verdict {
  const run: Run = { ...over, failures: over.failures + 1 };
  // More of what a budget forbids cannot be had by trying again.
  const wanted = error.code !== "budget_exceeded" && (error.kind === "system" || job.retryOn === "failure");
  const again = wanted && run.failures < job.maxAttempts;
  if (!again) return { to: { status: "failed", reason: error.code, run }, telling: {} };
  const { rules } = step.state;
  const runAt = step.now.wall + Math.max(1, backoffMs(rules, run.failures, step.now.random));
  return { to: { status: "scheduled", runAt, run }, telling: { type: "job.retrying" } };
}

function lost(rules: Rules, over: Run, message: string): Verdict {
  const run: Run = { ...over, losses: over.losses + 1 };
  const data = { message };
  if (run.losses >= rules.maxLosses) return { to: { status: "failed", reason: "poison", run }, telling: { data } };
  return { to: { status: "queued", run }, telling: { type: "job.retrying", data } };
}

function returned(step: Step, over: Run, message: string): Verdict {
  const run: Run = { ...over, returns: over.returns + 1 };
  const delay = returnDelayMs(step.state.rules, run.returns, step.now.random);
  const data = { returned: true, message };
  if (delay === 0) return { to: { status: "queued", run }, telling: { data } };
  return { to: { status: "scheduled", runAt: step.now.wall + delay, run }, telling: { data } };
}

function errorOf(ending: Ending): AttemptError | null {
  if (ending.end === "failed") return ending.error;
  return ending.end === "lost" ? { code: "worker_lost", kind: "system", message: ending.message } : null;
}

function resultOf(ending: Ending, usage: Usage | null): JobResult | null {
  if (ending.end === "lost" || ending.end === "returned" || ending.result === null) return null;
  return usage === null ? ending.result : { ...ending.result, usage };
}

/**
 * One attempt at one job as the worker sees it: what may still be done, and why the work has to stop. Heartbeats,
 * signals, time limits and the shutdown all end an attempt through here, and everything that runs for the job listens
 * to its two signals.
 */

/**
 * Why the work stops before its own end.
 * `canceled`: somebody asked for it. `stale`: the lease is over, nothing may be written any more. `unreachable`: the
 * dispatcher may have given the job to another worker. `leaving`: this worker is told to go. `timeout`: the job's time is up.
 * `memory`: it took more memory than there is. `budget`, `quota`: the job's money or its provider's limit is used up;
 * the work so far is kept, and for a quota the job goes on by itself.
 */
export interface Stop {
  readonly why: "canceled" | "stale" | "unreachable" | "leaving" | "timeout" | "memory" | "budget" | "quota";
  readonly reason: string;
}

// What is known later may be worse than what was known first: a stale fence outranks a cancel.
const RANK = {
  leaving: 0,
  timeout: 1,
  memory: 1,
  budget: 1,
  quota: 1,
  canceled: 2,
  unreachable: 3,
  stale: 4,
} as const;

/** An attempt that can be stopped. */
export interface Attempt {
  readonly jobId: string;
  readonly fence: number;
  /** Aborted as soon as the work has to stop, for whatever reason: kills the agent and everything else. */
  readonly work: AbortSignal;
  /** Aborted when the right to act for the job is gone or in doubt: cuts a push that is under way. */
  readonly right: AbortSignal;
  /** Why the work was stopped, or null. */
  stopped(): Stop | null;
  /** Stops the work; the weightiest reason is kept. Safe to call again. */
  readonly stop: (stop: Stop) => void;
}

/** An attempt that nothing has stopped yet. */
export function beginAttempt(jobId: string, fence: number): Attempt {
  const work = new AbortController();
  const right = new AbortController();
  let kept: Stop | null = null;
  return {
    jobId,
    fence,
    work: work.signal,
    right: right.signal,
    stopped: () => kept,
    stop(stop) {
      if (kept === null || RANK[stop.why] > RANK[kept.why]) kept = stop;
      work.abort(new Error(stop.reason));
      if (stop.why === "stale" || stop.why === "unreachable") right.abort(new Error(stop.reason));
    },
  };
}

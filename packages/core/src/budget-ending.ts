/**
 * The ending of an attempt as the job's budgets see it. One that was told to stop for want of money, or that has used up
 * the job's minutes, ends so whatever its worker said, and is not tried again; only success and a cancel stay what they are.
 */

import type { Ending, Held } from "./ending.ts";
import type { AttemptError, Lease } from "./job.ts";
import { timeLeft } from "./state.ts";
import type { Step } from "./step.ts";

/** What the attempt's worker said, or that a budget is used up. */
export function budgeted(step: Step, held: Held, said: Ending): Ending {
  if (said.end === "succeeded" || said.end === "awaits_approval" || held.lease.begunAt === null) return said;
  const cause = said.end === "failed" ? said.error : null;
  const { stop } = held.run;
  // One that begins anew is waited for.
  if (stop != null && stop.until !== null) return said;
  const why = stop?.code === "budget_exceeded" ? stop.message : timeUp(step, held, cause);
  if (why === null || cause?.code === "budget_exceeded") return said;
  const message =
    cause === null ? ("message" in said ? `${said.end}: ${said.message}` : "") : `${cause.code}: ${cause.message}`;
  const also = message === "" ? "" : `; the attempt ended with ${message}`;
  const result = said.end === "lost" || said.end === "returned" ? null : said.result;
  return { end: "failed", error: { code: "budget_exceeded", kind: "work", message: `${why}${also}` }, result };
}

/** Milliseconds an attempt ran until now. */
export function ranMs({ now }: Step, { begunAt }: Lease): number {
  return begunAt === null ? 0 : Math.max(0, now.wall - begunAt);
}

/** Says that the job's budget of minutes is used up; null when it has none or some is left. */
function timeUp(step: Step, { job, lease }: Held, cause: AttemptError | null): string | null {
  const left = timeLeft(job);
  if (left === null || job.budgetMs == null) return null;
  // The worker measures by a clock of its own: when it says that time is up, it is.
  const timedOut = cause?.code === "timeout" && left <= step.state.timeoutOf(job, lease.workerId);
  if (!timedOut && ranMs(step, lease) < left) return null;
  return `the job's budget of ${Math.round(job.budgetMs / 600) / 100} minutes is used up`;
}

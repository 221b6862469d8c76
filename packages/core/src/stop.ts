/**
 * Stops a running attempt that nobody canceled: its budget is used up, or its provider takes no more calls for now. The
 * worker hears of it at once, and again in every heartbeat; it ends the agent and keeps the work so far.
 */

import type { Held } from "./ending.ts";
import type { Job, StopRequest } from "./job.ts";
import type { Step } from "./step.ts";
import { amend } from "./transitions.ts";

/** Asks the attempt to stop. The first wish counts; another one changes nothing. Gives the job as it is now. */
export function requestStop(step: Step, { job, run, lease }: Held, wish: Omit<StopRequest, "at">): Job {
  if (run.stop) return job;
  const { code, message, until } = wish;
  const next = amend(step, job, { run: { ...run, stop: { at: step.now.wall, code, message, until } } });
  const { workerId, fence } = lease;
  step.event("job.stop_requested", next, { fence, code, message, ...(until === null ? {} : { until }) });
  step.effect({ type: "signal", workerId, signal: "stop", jobId: job.id, fence, reason: message });
  return next;
}

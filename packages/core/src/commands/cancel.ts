/**
 * Asks that a job end without a result. A waiting job is canceled at once; a running one is marked, and its worker told:
 * the attempt ends when the worker says so or its lease runs out, and if the work was already pushed by then it succeeded.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { held } from "../ending.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { endJob } from "../terminate.ts";
import { amend } from "../transitions.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

export function needs(state: State, command: CommandOf<"cancel">): Key[] {
  return findNeeds(state, command.jobId);
}

/**
 * @throws HiveError not_found; wrong_status when the job succeeded or failed
 */
export function cancel(step: Step, command: CommandOf<"cancel">): Replies["cancel"] {
  const job = find(step, command.jobId);
  const { by, reason } = command;
  switch (job.status) {
    case "canceled":
      return { status: "canceled" };
    case "succeeded":
    case "failed":
      throw wrongStatus(job, `job ${job.id} ${job.status} already; there is nothing to cancel`);
    case "running": {
      const { run, lease } = held(job);
      if (run.cancel !== null) return { status: "running" };
      const next = amend(step, job, { run: { ...run, cancel: { at: step.now.wall, by, reason } } });
      step.event("job.cancel_requested", next, { fence: lease.fence, by, message: reason });
      const { workerId, fence } = lease;
      step.effect({ type: "signal", workerId, signal: "cancel", jobId: job.id, fence, reason });
      return { status: "running" };
    }
    default: {
      const telling = { data: { by, message: reason } };
      return { status: endJob(step, job, { status: "canceled", reason: "requested" }, telling).status };
    }
  }
}

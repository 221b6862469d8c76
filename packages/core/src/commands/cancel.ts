/**
 * Asks that a job end without a result. A waiting job is canceled at once; a running one is marked, and its worker told:
 * the attempt ends when the worker says so or its lease runs out, and if the work was already pushed by then it succeeded.
 * A job takes its candidates with it.
 */

import { cancelCandidates, cancelJob } from "../cancel-job.ts";
import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

export function needs(state: State, command: CommandOf<"cancel">): Key[] {
  return findNeeds(state, command.jobId);
}

/**
 * @throws HiveError not_found; wrong_status when the job succeeded or failed
 */
export function cancel(step: Step, command: CommandOf<"cancel">): Replies["cancel"] {
  const job = find(step, command.jobId);
  if (job.status === "canceled") return { status: "canceled" };
  if (job.status === "succeeded" || job.status === "failed") {
    throw wrongStatus(job, `job ${job.id} ${job.status} already; there is nothing to cancel`);
  }
  const status = cancelJob(step, job, command);
  cancelCandidates(step, job, command);
  return { status };
}

/**
 * A person decides that a held job shall not go on: it is canceled.
 */

import { cancelCandidates } from "../cancel-job.ts";
import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { endJob } from "../terminate.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

export function needs(state: State, command: CommandOf<"reject">): Key[] {
  return findNeeds(state, command.jobId);
}

/**
 * @throws HiveError not_found; wrong_status when the job is not held
 */
export function reject(step: Step, command: CommandOf<"reject">): Replies["reject"] {
  const job = find(step, command.jobId);
  if (job.status === "canceled" && job.reason === "rejected") return { status: "canceled" };
  if (job.status !== "held") throw wrongStatus(job, `job ${job.id} is ${job.status}; nothing waits for a decision`);
  const data = { by: command.by, message: command.reason, hold: job.hold };
  endJob(step, job, { status: "canceled", reason: "rejected" }, { data });
  cancelCandidates(step, job, command);
  return { status: "canceled" };
}

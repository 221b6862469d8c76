/**
 * The job a command names: from memory while it lives, else from the store.
 */

import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Job } from "../job.ts";
import { jobForgotten, remembered, rememberedKey } from "../remembered-ids.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** What must be read to find this job: nothing while it lives. */
export function findNeeds(state: State, jobId: string): Key[] {
  return state.jobs.has(jobId) ? [] : [{ collection: "jobs", id: jobId }, rememberedKey(jobId)];
}

/** The job with this id, live or over. @throws HiveError not_found, job_forgotten */
export function find(step: Step, jobId: string): Job {
  const live = step.state.jobs.get(jobId);
  if (live !== undefined) return live;
  const stored: unknown = step.doc({ collection: "jobs", id: jobId });
  if (stored !== null) return stored as Job;
  const gone = remembered(step, jobId);
  if (gone !== null) throw jobForgotten(gone);
  throw new HiveError("not_found", `there is no job ${jobId}`, { jobId });
}

/** The error for a job whose status does not allow what was asked. */
export function wrongStatus(job: Job, message: string): HiveError {
  return new HiveError("wrong_status", message, { jobId: job.id, jobStatus: job.status, reason: job.reason });
}

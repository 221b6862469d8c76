/**
 * Begins a new generation of a job that failed or was canceled; `generation.ts` says what that is. Work that was approved
 * and could not be published is published again, not done again.
 */

import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { beginGeneration, generationNeeds, mustHaveRoom } from "../generation.ts";
import { retriesCandidates, retryCandidates, retryNeeds } from "../retry-candidates.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

/** The job first; once it was read, also the jobs it still waited for when it ended. */
export function needs(state: State, { jobId }: CommandOf<"retry">, docs: Docs): Key[] {
  return [...findNeeds(state, jobId), ...generationNeeds(state, jobId, docs), ...retryNeeds(state, jobId, docs)];
}

/**
 * @throws HiveError not_found, queue_full; wrong_status when the job has not failed or been canceled, or waits for a job
 * that has not succeeded, or is somebody's candidate
 */
export function retry(step: Step, { jobId, by }: CommandOf<"retry">): Replies["retry"] {
  const job = find(step, jobId);
  if (job.status !== "failed" && job.status !== "canceled") {
    throw wrongStatus(job, `job ${job.id} is ${job.status}; only a failed or canceled job can be retried`);
  }
  if (job.parent != null) throw wrongStatus(job, `job ${job.id} is a candidate of ${job.parent}; retry that one`);
  mustHaveRoom(step.state);
  const { status, generation } = retriesCandidates(job)
    ? retryCandidates(step, job, by)
    : beginGeneration(step, job, { data: { by, retry: true }, bundle: "publish" });
  return { status, generation };
}

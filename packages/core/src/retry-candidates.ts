/**
 * A retry of a job whose candidates were not chosen from yet, because all of them failed or somebody canceled it: those
 * that did not succeed are tried again, and those that did take part as they are, for their work is paid for.
 */

import { awaitsChoice, candidateIds } from "./candidates.ts";
import type { Docs } from "./command.ts";
import { docKey } from "./command.ts";
import { wrongStatus } from "./commands/find.ts";
import type { Key } from "./document.ts";
import { beginGeneration, generationNeeds, unmet } from "./generation.ts";
import type { Job } from "./job.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";

/** Does a retry of this job mean its candidates? Not while it waits for a person's choice, which it goes back to. */
export function retriesCandidates(job: Job): boolean {
  return awaitsChoice(job) && job.hold !== "choice";
}

/** Once the job was read: its candidates, and what they waited for. */
export function retryNeeds(state: State, jobId: string, docs: Docs): Key[] {
  const stored: unknown = docs.get(docKey({ collection: "jobs", id: jobId })) ?? null;
  if (stored === null || !retriesCandidates(stored as Job)) return [];
  return candidateIds(stored as Job)
    .filter((id) => !state.jobs.has(id))
    .flatMap((id) => [{ collection: "jobs", id }, ...generationNeeds(state, id, docs)]);
}

/**
 * Begins a generation of the job and of those candidates. Gives the job as it is now.
 * @throws HiveError wrong_status while one of them still ends, or waits for a job that has not succeeded
 */
export function retryCandidates(step: Step, parent: Job, by: string): Job {
  const { candidates } = parent;
  if (candidates == null) throw new Error(`job ${parent.id} has no candidates`);
  const ids = candidateIds(parent);
  const again = ids.flatMap((id) => failedOne(step, parent, id));
  // First what can be refused: nothing may have changed then.
  for (const job of again) unmet(step, job);
  const data = { by, retry: true };
  for (const job of again) {
    // Candidates count generations with their parent, whose account of this generation they are paid from.
    beginGeneration(step, { ...job, generation: parent.generation }, { data, bundle: "drop" });
  }
  const start = again.length === ids.length ? null : candidates.start;
  const others = parent.waitsFor.filter((id) => !ids.includes(id));
  const next: Job = {
    ...parent,
    waitsFor: [...others, ...again.map(({ id }) => id)],
    candidates: { ...candidates, start, why: null },
  };
  return beginGeneration(step, next, { data, bundle: "drop" });
}

function failedOne(step: Step, parent: Job, id: string): readonly Job[] {
  const live = step.state.jobs.get(id);
  if (live !== undefined) {
    throw wrongStatus(parent, `candidate ${id} of job ${parent.id} is still ${live.status}; retry once it is over`);
  }
  const stored: unknown = step.doc({ collection: "jobs", id });
  if (stored === null || (stored as Job).status === "succeeded") return [];
  return [stored as Job];
}

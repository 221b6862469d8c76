/**
 * What is left of a job that is not kept any more: its id, what it was asked to do (as a hash) and how it ended. So the
 * same request is still the same job, jobs can still depend on it, and whoever asks for it hears what became of it. The
 * document is written in the commit that takes the job away, so at every moment one of the two is there.
 */

import type { Key } from "./document.ts";
import { HiveError } from "./errors.ts";
import type { TerminalStatus } from "./job.ts";
import type { Step } from "./step.ts";

/** A document of the collection `ids`; its id is the job's. */
export interface RememberedId {
  readonly id: string;
  /** See `JobBody.bodyHash`. */
  readonly bodyHash: string;
  readonly status: TerminalStatus;
  /** Why it failed or was canceled, as a code; null for one that succeeded. */
  readonly reason: string | null;
  readonly endedAt: number;
  /** When it was taken out of the store. */
  readonly forgottenAt: number;
  /** `clearing` while events, attempts or logs of it may still be there. */
  readonly state: "clearing" | "clear";
}

/** Where the document is. */
export function rememberedKey(jobId: string): Key {
  return { collection: "ids", id: jobId };
}

/** What is remembered of this job, of the documents read for a command; null: nothing. */
export function remembered(step: Step, jobId: string): RememberedId | null {
  const stored: unknown = step.doc(rememberedKey(jobId));
  return stored as RememberedId | null;
}

/** The error for whoever asks for a job that is not kept any more. */
export function jobForgotten({ id, status, reason, endedAt }: RememberedId): HiveError {
  const when = new Date(endedAt).toISOString();
  const message = `job ${id} ended ${status} at ${when} and is not kept any more; a server keeps jobs for HIVE_KEEP_DAYS, and its backups hold what was there`;
  return new HiveError("job_forgotten", message, { jobId: id, jobStatus: status, reason, endedAt: when });
}

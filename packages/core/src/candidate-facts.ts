/**
 * What is known of a job's candidates: how each ended, what it made, what that cost. The rule and people choose by these,
 * and the same facts are shown side by side.
 */

import { candidateIds } from "./candidates.ts";
import type { Docs } from "./command.ts";
import { docKey } from "./command.ts";
import { usageOf } from "./commands/usage.ts";
import type { Document, Key } from "./document.ts";
import { attemptId } from "./document.ts";
import type { AttemptError, AttemptRecord, Job, JobResult, Status, Usage } from "./job.ts";
import { isTerminal } from "./job.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";

/** One candidate as it ended, or as far as it got. */
export interface CandidateFacts {
  /** Its number, from 1. */
  readonly n: number;
  readonly jobId: string;
  readonly status: Status;
  readonly reason: string | null;
  /** The adapter it is for; what ran is in the result. */
  readonly agent: string | null;
  /** What its last attempt made; null before that ended, and when it left nothing. */
  readonly result: JobResult | null;
  readonly error: AttemptError | null;
  /** What was counted over all its attempts. */
  readonly usage: Usage | null;
  /** Milliseconds its last attempt took from its first heartbeat. */
  readonly ms: number | null;
  /** Lines added and removed; null while there is no diff. */
  readonly lines: number | null;
  /** What the repository's own test said; `none`: there is none, or it was not wanted. Null: it did not come to that. */
  readonly tests: "green" | "red" | "none" | null;
  /** It is over, and left a commit or ended well without one. */
  readonly choosable: boolean;
}

/** The documents of one candidate. */
export interface CandidateRecords {
  readonly job: Job;
  /** How its last lease ended. */
  readonly attempt: AttemptRecord | null;
  /** The document of what the gateway counted. */
  readonly usage: Document | null;
}

/** The facts of one candidate from its documents. */
export function factsOf(n: number, { job, attempt, usage }: CandidateRecords): CandidateFacts {
  const over = isTerminal(job.status);
  const result = attempt?.result ?? null;
  const diff = result?.diffStat ?? null;
  const left = result !== null && (result.commit !== null || (job.status === "succeeded" && result.noChanges));
  return {
    n,
    jobId: job.id,
    status: job.status,
    reason: job.reason,
    agent: job.agent,
    result,
    error: job.status === "failed" ? (attempt?.error ?? null) : null,
    usage: usageOf(usage, over),
    ms: attempt === null || attempt.begunAt === null ? null : attempt.endedAt - attempt.begunAt,
    lines: diff === null ? null : diff.insertions + diff.deletions,
    tests: testsOf(result),
    choosable: over && left,
  };
}

function testsOf(result: JobResult | null): CandidateFacts["tests"] {
  switch (result?.verify?.state) {
    case "passed":
      return "green";
    case "failed":
      return "red";
    case "none":
    case "off":
      return "none";
    case "unchanged":
    case undefined:
      return null;
  }
}

/** Where the documents of a candidate stand, once its job is known. */
export function recordKeys(job: Job): { readonly attempt: Key | null; readonly usage: Key } {
  const fence = job.run?.fence ?? 0;
  return {
    attempt: fence === 0 ? null : { collection: "attempts", id: attemptId(job.id, fence) },
    usage: { collection: "usage", id: job.id },
  };
}

/** What must be read for `readCandidates`, given the documents read so far; the parent may have to be among them. */
export function candidatesNeeds(state: State, parentId: string, docs: Docs): Key[] {
  const parent = state.jobs.get(parentId) ?? jobIn(docs, parentId);
  if (parent === null) return [];
  const keys: Key[] = [];
  for (const id of candidateIds(parent)) {
    const live = state.jobs.get(id);
    if (live === undefined) keys.push({ collection: "jobs", id });
    const job = live ?? jobIn(docs, id);
    if (job === null) continue;
    const { attempt, usage } = recordKeys(job);
    keys.push(usage);
    if (attempt !== null) keys.push(attempt);
  }
  return keys;
}

/** The facts of all candidates that are there, in order. */
export function readCandidates(step: Step, parent: Job): readonly CandidateFacts[] {
  return candidateIds(parent).flatMap((id, index) => {
    const stored: unknown = step.state.jobs.get(id) ?? step.doc({ collection: "jobs", id });
    if (stored === null) return [];
    const job = stored as Job;
    const keys = recordKeys(job);
    const attempt: unknown = keys.attempt === null ? null : step.doc(keys.attempt);
    return [factsOf(index + 1, { job, attempt: attempt as AttemptRecord | null, usage: step.doc(keys.usage) })];
  });
}

function jobIn(docs: Docs, id: string): Job | null {
  const stored: unknown = docs.get(docKey({ collection: "jobs", id })) ?? null;
  return stored as Job | null;
}

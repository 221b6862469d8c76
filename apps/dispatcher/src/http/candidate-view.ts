/** Candidates as people compare them, and as the worker that publishes the chosen one is told of them. */

import {
  candidateId,
  candidateIds,
  defaultBranchName,
  factsOf,
  isTerminal,
  recordKeys,
  type AttemptRecord,
  type CandidateFacts,
  type Job,
  type JobBody,
} from "@hive/core";
import type { Candidate, CandidatesReply, LeasedJob } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { findBody, findJob } from "./job-view.ts";

interface Known {
  readonly job: Job;
  /** The model it was asked to use; null: none was named. */
  readonly model: string | null;
  readonly facts: CandidateFacts;
}

/** All candidates of a job as they are now, in order. */
async function candidatesOf(queue: Queue, parent: Job): Promise<readonly Known[]> {
  const known = await Promise.all(
    candidateIds(parent).map(async (id, index): Promise<Known | null> => {
      const job = await findJob(queue, id);
      if (job === null) return null;
      const keys = recordKeys(job);
      const body = { collection: "bodies", id };
      const [usage, asked, attempt] = await queue.documents.get(
        keys.attempt === null ? [keys.usage, body] : [keys.usage, body, keys.attempt],
      );
      // The store holds what core wrote, checked by a checksum.
      const stored: { readonly body: unknown; readonly attempt: unknown } = {
        body: asked ?? null,
        attempt: attempt ?? null,
      };
      const { model = null } = (stored.body as JobBody | null) ?? {};
      const record = stored.attempt as AttemptRecord | null;
      return { job, model, facts: factsOf(index + 1, { job, attempt: record, usage: usage ?? null }) };
    }),
  );
  return known.filter((one) => one !== null);
}

/** The candidates of a job side by side; null when it has none. */
export async function compareCandidates(queue: Queue, parent: Job): Promise<CandidatesReply | null> {
  const { candidates } = parent;
  if (candidates == null) return null;
  const known = await candidatesOf(queue, parent);
  return {
    jobId: parent.id,
    status: parent.status,
    reason: parent.reason,
    choose: candidates.choose,
    chosen: candidates.chosen,
    why: candidates.why,
    start: candidates.start === null ? null : { ...candidates.start },
    candidates: known.map(view),
  };
}

function view({ facts, model: asked }: Known): Candidate {
  const { n, jobId, status, reason, agent, result, error, usage, ms, tests, choosable } = facts;
  return {
    n,
    jobId,
    status,
    reason,
    agent: result?.agent?.name ?? agent,
    agentVersion: result?.agent?.version ?? null,
    model: result?.agent?.model ?? asked,
    branch: result?.branch ?? null,
    commit: result?.commit ?? null,
    diffStat: result?.diffStat ?? null,
    tests,
    costUsd: usage?.costUsd ?? null,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    ms,
    summary: result?.summary ?? null,
    error: error === null ? null : { code: error.code, message: error.message },
    choosable,
  };
}

/** What the worker that publishes is told; null for a lease that has another purpose. */
export async function chosenOf(queue: Queue, parent: Job): Promise<LeasedJob["chosen"]> {
  const { candidates } = parent;
  if (candidates == null || candidates.chosen === null || candidates.published) return null;
  const known = await candidatesOf(queue, parent);
  const chosen = known.find(({ facts }) => facts.n === candidates.chosen);
  if (chosen === undefined) throw new Error(`the chosen candidate ${candidates.chosen} of job ${parent.id} is gone`);
  const { facts } = chosen;
  return {
    n: facts.n,
    jobId: facts.jobId,
    branch: facts.result?.branch ?? null,
    commit: facts.result?.commit ?? null,
    start: candidates.start === null ? null : { ...candidates.start },
    summary: facts.result?.summary ?? null,
    verdict: facts.result?.verdict ?? null,
    agent: facts.result?.agent ?? null,
    verify: facts.result?.verify ?? null,
    why: candidates.why,
    // A candidate that a person retries or that still dies may be pushing: its branches stay.
    branches: known.filter(({ job }) => isTerminal(job.status)).flatMap(({ job }) => announcedBy(job)),
  };
}

/** Whose candidate a leased job is; null when nobody's. */
export async function candidateOf(queue: Queue, job: Job): Promise<LeasedJob["candidate"]> {
  if (job.parent == null) return null;
  const branch = (await findBody(queue, job.parent))?.branch ?? null;
  const n = Number(job.id.slice(job.parent.length + 1));
  return { parent: job.parent, n, branch: branch ?? defaultBranchName(job.parent) };
}

/** The model a job's agent is asked for, or null: once a candidate is chosen, that one's. */
export async function modelAsked(queue: Queue, job: Job, body: JobBody): Promise<string | null> {
  const chosen = job.candidates?.chosen ?? null;
  const own = chosen === null ? body : await findBody(queue, candidateId(job.id, chosen));
  return own?.model ?? null;
}

function announcedBy({ run }: Job): { ref: string; commits: string[] }[] {
  const branches = new Map<string, string[]>();
  for (const { ref, commit } of run?.announced ?? []) {
    const commits = branches.get(ref);
    if (commits === undefined) branches.set(ref, [commit]);
    else commits.push(commit);
  }
  return [...branches].map(([ref, commits]) => ({ ref, commits }));
}

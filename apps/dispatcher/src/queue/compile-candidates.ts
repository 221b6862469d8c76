/**
 * Turns one request into the jobs it means: one, or a job and its candidates. A candidate is the same request with an id,
 * an agent and a model of its own, so that everything said of the job is judged for each of them by the same rules.
 */

import {
  CANDIDATES_MAX,
  candidateId,
  checkBranchName,
  defaultBranchName,
  parseRepoAddress,
  type NewJob,
} from "@hive/core";
import { type CompileInput, compileJob, type JobProblem, type JobRequest } from "./compile-job.ts";

/** The jobs of one request, or everything that is wrong with it. */
export type CompiledJobs =
  /** First the one that was asked for, then its candidates, all to be accepted together. */
  | { readonly ok: true; readonly jobs: readonly [NewJob, ...NewJob[]] }
  | { readonly ok: false; readonly problems: readonly JobProblem[] };

/** The longest id a job with candidates may have: theirs end in a dot and a digit. */
const LONGEST_ID = 128 - `.${CANDIDATES_MAX}`.length;

export function compileJobs(input: CompileInput): CompiledJobs {
  const { request } = input;
  const one = compileJob(input);
  const problems = [...(one.ok ? [] : one.problems), ...problemsOf(input)];
  if (!one.ok || problems.length > 0) return { ok: false, problems };
  if (request.candidates === undefined) return { ok: true, jobs: [one.job] };
  const entries = entriesOf(request.candidates);
  const parent: NewJob = {
    ...one.job,
    // What runs is its candidates: any worker may publish the one that is chosen, and they are held for what is missing.
    agent: null,
    hold: null,
    candidates: { count: entries.length, choose: request.choose ?? "rule" },
  };
  const candidates = entries.map((entry, place) => compileCandidate(input, one.job, entry, place + 1));
  const wrong = candidates.flatMap((compiled, place) =>
    compiled.ok
      ? []
      : compiled.problems.map(({ path, message }) => ({ path: `candidates[${place}].${path}`, message })),
  );
  if (wrong.length > 0) return { ok: false, problems: wrong };
  return { ok: true, jobs: [parent, ...candidates.flatMap((compiled) => (compiled.ok ? [compiled.job] : []))] };
}

type Entry = Exclude<NonNullable<JobRequest["candidates"]>, number>[number];

function entriesOf(candidates: NonNullable<JobRequest["candidates"]>): readonly Entry[] {
  return typeof candidates === "number" ? Array.from({ length: candidates }, () => ({})) : candidates;
}

function problemsOf({ request, policy, trust }: CompileInput): readonly JobProblem[] {
  const { candidates, choose, task, jobId } = request;
  const problems: JobProblem[] = [];
  const wrong = (path: string, message: string): void => void problems.push({ path, message });
  if (candidates === undefined) {
    if (choose !== undefined) wrong("choose", "there is nothing to choose from without candidates; leave it out");
    return problems;
  }
  if (task !== "agent") wrong("candidates", `the task "${task}" is done once; only the task "agent" has candidates`);
  if (jobId !== undefined && jobId.length > LONGEST_ID) {
    wrong("jobId", `a job with candidates has an id of at most ${LONGEST_ID} characters, for theirs are made from it`);
  }
  if (jobId !== undefined && !checkBranchName(defaultBranchName(candidateId(jobId, 1))).ok) {
    wrong("jobId", "no branches can be named after the candidates of this id");
  }
  if (trust === "untrusted") {
    wrong(
      "candidates",
      "what jobs from outside make must be approved before it is pushed, and candidates push branches",
    );
  }
  const repo = parseRepoAddress(request.repo, policy.repoRules);
  if (repo.ok && policy.approvalFor(repo) === "publish") {
    wrong(
      "candidates",
      "what jobs of this repository make must be approved before it is pushed, and candidates push branches to compare",
    );
  }
  return problems;
}

function compileCandidate(input: CompileInput, parent: NewJob, entry: Entry, n: number): ReturnType<typeof compileJob> {
  const { request } = input;
  const compiled = compileJob({
    ...input,
    request: {
      ...request,
      ...entry,
      // A model is one for an agent: what the job names is not for another one.
      model: entry.model ?? (entry.agent === undefined || entry.agent === request.agent ? request.model : undefined),
      jobId: candidateId(parent.id, n),
      // Each has a branch of its own, so they do not wait for each other, and only their parent is spoken of.
      branch: undefined,
      callbackUrl: undefined,
      candidates: undefined,
      choose: undefined,
    },
  });
  if (!compiled.ok) return compiled;
  const job: NewJob = {
    ...compiled.job,
    idGiven: parent.idGiven,
    // Another body than any request has: nobody's own job is ever taken for a candidate.
    bodyHash: parent.idGiven ? `${parent.bodyHash}.${n}` : "",
    callback: false,
    parent: parent.id,
  };
  return { ok: true, job };
}

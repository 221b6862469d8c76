/**
 * A person says which candidate of a job is published. Any that pushed something may be taken, also one whose tests are
 * red: that is what a person is asked for. A job that failed because the rule wanted none of its candidates can still be
 * saved like this; that begins a new generation, for the one before is over.
 */

import { candidateIds } from "../candidates.ts";
import { candidatesNeeds, readCandidates } from "../candidate-facts.ts";
import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { NONE_FIT, publishChosen } from "../choose-candidate.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

export function needs(state: State, command: CommandOf<"choose">, docs: Docs): Key[] {
  const keys = findNeeds(state, command.jobId);
  return [...keys, ...candidatesNeeds(state, command.jobId, docs)];
}

/**
 * @throws HiveError not_found for a job or candidate that is not there; wrong_status when nothing is to be chosen, or
 * the candidate left nothing to publish
 */
export function choose(step: Step, command: CommandOf<"choose">): Replies["choose"] {
  const { jobId, candidate, by } = command;
  const job = find(step, jobId);
  const { candidates } = job;
  if (candidates == null || candidate > candidates.count) {
    const has = candidates == null ? "no candidates" : `the candidates 1 to ${candidates.count}`;
    throw new HiveError("not_found", `job ${jobId} has ${has}; list them with GET /v1/jobs/${jobId}/candidates`, {
      jobId,
      candidate,
    });
  }
  if (candidates.chosen === candidate) return { status: job.status };
  const undecided = candidates.chosen === null;
  const waits = job.status === "held" && job.hold === "choice";
  const passedOver = job.status === "failed" && job.reason === NONE_FIT;
  if (!undecided || !(waits || passedOver)) {
    throw wrongStatus(job, `job ${jobId} is ${job.status}; there is nothing to choose now`);
  }
  const facts = readCandidates(step, job).find(({ n }) => n === candidate);
  if (facts?.choosable !== true) {
    throw wrongStatus(job, `candidate ${candidateIds(job)[candidate - 1]} left nothing to publish; choose another one`);
  }
  return { status: publishChosen(step, job, { n: candidate, by, why: `a person chose it (${by})` }).status };
}

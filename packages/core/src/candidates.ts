/**
 * Best of several: a job whose work is done more than once. Its candidates are jobs of their own (`<id>.1`, `<id>.2`, …)
 * that start at the same commit and push to branches of their own. The job itself, their parent, waits until all of them
 * are over, however they ended; then one is chosen, by the rule below or by a person, and a lease of the parent publishes
 * it to the parent's branch. From then on the parent is a job like any other.
 */

import type { Job } from "./job.ts";

/** Candidates of one job: at least and at most. */
export const CANDIDATES_MIN = 2;
export const CANDIDATES_MAX = 8;

export const CHOOSE_BY = ["rule", "person"] as const;
/** Who chooses among candidates: Hive by its rule, or a person. */
export type ChooseBy = (typeof CHOOSE_BY)[number];

/** What a parent remembers of its candidates. Which they are follows from their number: see `candidateIds`. */
export interface Candidates {
  readonly count: number;
  readonly choose: ChooseBy;
  /** Where all of them start, as the first that was prepared said; null until then. */
  readonly start: CandidateStart | null;
  /** The number of the one to be published, from 1; null until one is chosen. */
  readonly chosen: number | null;
  /** Why that one, or why none, in words for people. */
  readonly why: string | null;
  /** True once the chosen one is at the job's own branch. */
  readonly published: boolean;
}

/** The one place where all candidates of a job begin. Full commit ids. */
export interface CandidateStart {
  /** The head of the base branch: the repository's settings and its test are read here. */
  readonly base: string;
  /** Where the work starts: the head of the parent's branch where that exists, else `base`. */
  readonly commit: string;
}

/** The id of a job's candidate; `n` counts from 1. */
export function candidateId(parent: string, n: number): string {
  return `${parent}.${n}`;
}

/** The ids of a job's candidates, in order; none for a job that has none. */
export function candidateIds(job: {
  readonly id: string;
  readonly candidates?: Pick<Candidates, "count"> | null | undefined;
}): readonly string[] {
  return Array.from({ length: job.candidates?.count ?? 0 }, (_, index) => candidateId(job.id, index + 1));
}

/** True while the job has candidates and none of them is chosen: it is not to run yet. */
export function awaitsChoice({ candidates }: Pick<Job, "candidates">): boolean {
  return candidates != null && candidates.chosen === null;
}

/** True while a lease of the job is to publish the chosen candidate and nothing else. */
export function publishesChosen({ candidates }: Pick<Job, "candidates">): boolean {
  return candidates != null && candidates.chosen !== null && !candidates.published;
}

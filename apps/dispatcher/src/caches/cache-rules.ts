/**
 * Who may fill a cache. What is in a cache is run by every later job of the repository, so only a job that ran nothing
 * but what the base branch holds may write one. The rule is judged by the server, from the job as it was accepted: no
 * worker is asked.
 *
 * - `build`, `test` and `lint` run the repository's own commands at base and push nothing. An agent (`agent`, `analyze`)
 *   is hostile. A `script` is text of whoever made the job, which may itself start an agent and leaves a changed working
 *   copy; `changes` runs nothing. None of these four ever writes.
 * - A tainted job never writes, whatever its task.
 * - The job works on its base: it names no branch (a new one starts at base), or the branch it names is the base. A job
 *   on any other branch runs what is not merged yet. The worker checks the half only it can see, that the work really
 *   started at the head of base.
 *
 * A cache belongs to the base branch it was filled on. A job reads the cache of its own base and, failing that, the one
 * of jobs that name no base, which is the repository's default branch: so whoever may push some branch and have it
 * built as a base reaches nobody but other jobs of that base.
 */

import { type Job, type JobBody, type Task, trustOf } from "@hive/core";

const WRITERS: ReadonlySet<Task> = new Set(["build", "test", "lint"]);

/** Why a job may not fill caches, in words for its log; null when it may. */
export function whyNoCacheWrites(
  job: Pick<Job, "task" | "trust" | "comments" | "run">,
  body: Pick<JobBody, "branch" | "base">,
): string | null {
  if (!WRITERS.has(job.task)) return `jobs of the task ${job.task} only read caches`;
  if (trustOf(job) !== "trusted") return "a job that came from outside only reads caches";
  if (body.branch !== null && body.branch !== body.base) return "a job on a branch of its own only reads caches";
  if (job.run?.lease?.purpose === "publish") return "a job that only publishes has no caches";
  if ((job.run?.cancel ?? null) !== null) return "the job is being canceled";
  return null;
}

/** The bases whose caches a job reads, best first; the first is the one it writes. */
export function cacheBases(body: Pick<JobBody, "base">): readonly [string, ...string[]] {
  return body.base === null ? [""] : [body.base, ""];
}

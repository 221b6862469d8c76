/** What a job is called where no agent has found better words: in commits and pull requests. */

import type { LeasedJob } from "@hive/protocol";

const MOST = 72;

/** The first line of what was asked for. */
export function askedFor(job: Pick<LeasedJob, "instructions" | "task" | "jobId">): string {
  const asked = job.instructions
    ?.split("\n")
    .find((line) => line.trim() !== "")
    ?.trim();
  if (asked === undefined) return `Hive ${job.task} ${job.jobId}`;
  return asked.length <= MOST ? asked : `${asked.slice(0, MOST - 1)}…`;
}

/** The message of the commit that takes what a job left uncommitted. */
export function commitMessage(job: LeasedJob): string {
  return `${askedFor(job)}\n\nHive-Job: ${job.jobId}`;
}

/** Jobs that are done several times: the parent and its candidates as the edge hands them in, and where those start. */

import { candidateId, type CandidateStart, type NewJob } from "@hive/core";
import type { LeaseGrant } from "@hive/protocol";
import type { Dice } from "./dice.ts";

/** The job, and the candidates that come with it in the same batch. */
export function familyOf(job: NewJob, dice: Dice): readonly NewJob[] {
  const count = dice.int(2, 3);
  const parent: NewJob = {
    ...job,
    task: "agent",
    // Work that waits for approval to be pushed cannot be compared: the edge refuses it.
    approval: job.approval === "publish" ? "none" : job.approval,
    candidates: { count, choose: dice.pick(["rule", "rule", "person"]) },
  };
  const { candidates: _, ...same } = parent;
  const children = Array.from({ length: count }, (__, place): NewJob => {
    const n = place + 1;
    const own = { id: candidateId(job.id, n), bodyHash: `${job.bodyHash}.${n}`, parent: job.id };
    return { ...same, ...own, callback: false };
  });
  return [parent, ...children];
}

/** The job that a candidate works for; of any other job itself. */
export function parentOf(jobId: string): string {
  return jobId.replace(/\.\d+$/, "");
}

/** Where a worker would start: the base branch moves all the time, so hardly two would start alike. */
export function startOf({ job, fence }: LeaseGrant): CandidateStart {
  const commit = Buffer.from(`${job.jobId}/${fence}`).toString("hex").padEnd(40, "0").slice(-40);
  return { base: commit, commit };
}

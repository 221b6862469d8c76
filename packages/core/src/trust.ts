/**
 * Where the words came from that a job goes by. A job from outside is untrusted from its first moment. One that a person
 * put in becomes so with the first attempt that is given a comment from outside, and stays so: what that attempt left in
 * its branch, its session and its reports has been told to it by strangers.
 */

import type { Job, Trust } from "./job.ts";

/** What a job is to be taken for now. */
export function trustOf({ trust, comments }: Pick<Job, "trust" | "comments">): Trust {
  const outside = comments?.outside;
  return trust === "untrusted" || (outside !== undefined && outside <= (comments?.given ?? 0))
    ? "untrusted"
    : "trusted";
}

/** Must a person approve what this job made before it is pushed? Always, where its words came from outside. */
export function mustApprovePublish(job: Pick<Job, "approval" | "trust" | "comments">): boolean {
  return job.approval === "publish" || trustOf(job) === "untrusted";
}

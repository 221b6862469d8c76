/**
 * A worker announces the commit it is about to push. The announcement is durable before the push, so that after a crash
 * a remote branch at this commit is known to be the job's own work and any other is not.
 */

import type { CommandOf, Replies } from "../command.ts";
import { HiveError } from "../errors.ts";
import type { Announcement } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { amend } from "../transitions.ts";
import { mustApprovePublish } from "../trust.ts";
import { mustHaveBegun } from "./holder.ts";

/** Announcements kept, over all leases of the job. */
const ANNOUNCEMENTS_KEPT = 20;

export function needs(_state: State, _command: CommandOf<"publish">): [] {
  return [];
}

/**
 * @throws HiveError lease_lost, not_begun; wrong_status after a cancel was asked for, and when a person has to approve
 * the work before it is published
 */
export function publish(step: Step, command: CommandOf<"publish">): Replies["publish"] {
  const { job, run, lease } = mustHaveBegun(step.state, command.lease);
  const about = { jobId: job.id, fence: lease.fence };
  if (run.cancel !== null) {
    throw new HiveError("wrong_status", `job ${job.id} was asked to be canceled; do not publish it`, about);
  }
  if (mustApprovePublish(job) && lease.purpose === "work") {
    throw new HiveError(
      "wrong_status",
      `job ${job.id} may be published only after an approval; finish with its bundle`,
      about,
    );
  }
  const { ref, expectedOld, commit } = command.announcement;
  const announcement: Announcement = { fence: lease.fence, ref, expectedOld, commit };
  if (run.announced.some((known) => same(known, announcement))) return { announced: true };
  const announced = [...run.announced, announcement].slice(-ANNOUNCEMENTS_KEPT);
  const next = amend(step, job, { run: { ...run, announced } });
  step.event("job.publishing", next, { ...announcement });
  return { announced: true };
}

function same(a: Announcement, b: Announcement): boolean {
  return a.fence === b.fence && a.ref === b.ref && a.expectedOld === b.expectedOld && a.commit === b.commit;
}

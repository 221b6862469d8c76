/**
 * The way down to the queue: a job is held until a person or a setting lets it go, then blocked until the jobs it
 * depends on are done, then scheduled until its time, then queued. Whoever lets a job off one rung asks here for the next.
 */

import { awaitsChoice } from "./candidates.ts";
import type { HeldReason, Job, Status } from "./job.ts";

/** Where a waiting job belongs now. */
export function rung(
  job: Pick<Job, "hold" | "waitsFor" | "runAt" | "candidates">,
  wall: number,
): {
  readonly status: Extract<Status, "held" | "blocked" | "scheduled" | "queued">;
  readonly reason: HeldReason | null;
} {
  if (job.hold !== null) return { status: "held", reason: job.hold };
  // With nothing left to wait for, a job whose candidates are over waits to be decided about.
  if (job.waitsFor.length > 0 || awaitsChoice(job)) return { status: "blocked", reason: null };
  if (job.runAt !== null && job.runAt > wall) return { status: "scheduled", reason: null };
  return { status: "queued", reason: null };
}

/** What a new job is held for: a setting first, then the approval it needs before it starts. */
export function firstHold(setting: HeldReason | null, approval: Job["approval"]): HeldReason | null {
  return setting ?? (approval === "start" ? "approval" : null);
}

/** What a job is held for after this hold was released: approvals come last, so nothing that was released comes again. */
export function nextHold(released: HeldReason, approval: Job["approval"]): HeldReason | null {
  if (released === "approval" || released === "publish" || released === "choice") return null;
  return approval === "start" ? "approval" : null;
}

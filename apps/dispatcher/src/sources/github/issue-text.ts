/**
 * What is written on the issue a job is for: how it goes, in Hive's own words. No word of an agent or of anybody else is
 * in it, so nothing in it can address people, link elsewhere or hide.
 */

import { createHmac } from "node:crypto";
import type { AttemptRecord, Job, JobIssue } from "@hive/core";

/** What is known of a job when it is told of. */
export interface Told {
  readonly job: Pick<Job, "id" | "status" | "reason" | "hold" | "generation">;
  /** Its latest attempt that ended; null: none has. */
  readonly attempt: Pick<AttemptRecord, "result"> | null;
  /** The job's page. */
  readonly url: string;
}

/** The last line of the comment, by which it is found again. Nobody else can write one that was not there to copy. */
export function markOf({ place, number }: JobIssue, origin: string, key: Uint8Array): string {
  const about = JSON.stringify([place.toLowerCase(), number, origin]);
  return `<!-- hive:issue ${createHmac("sha256", key).update(about).digest("base64url").slice(0, 24)} -->`;
}

/** The whole comment. */
export function issueText(told: Told, mark: string): string {
  const { job, url } = told;
  const round = job.generation > 1 ? ` (round ${job.generation})` : "";
  return `${sayStatus(told)}${round}\n\n[Hive job ${job.id}](${encodeURI(url)})\n${mark}`;
}

function sayStatus({ job, attempt }: Told): string {
  switch (job.status) {
    case "blocked":
    case "scheduled":
    case "queued":
      return "**Waiting**: it is the turn of other work.";
    case "held":
      return sayHold(job);
    case "running":
      return "**At work** on it.";
    case "succeeded":
      return saySuccess(attempt);
    case "failed":
      return `**Failed** (\`${code(job.reason)}\`). A person may look at the job and try again.`;
    case "canceled":
      return `**Canceled** (\`${code(job.reason)}\`).`;
  }
}

function sayHold({ hold }: Told["job"]): string {
  if (hold === "publish") return "**Done, and waits for approval**: nothing is pushed before a person has approved it.";
  return `**Held** (\`${code(hold)}\`) until a person releases it.`;
}

function saySuccess(attempt: Told["attempt"]): string {
  const pull = attempt?.result?.pullRequest ?? null;
  if (pull !== null) return `**Done**: #${pull.number} is ready for review.`;
  return attempt?.result?.noChanges === true ? "**Done**: nothing had to be changed." : "**Done**.";
}

/** Codes are Hive's own; what is none is not shown. */
function code(reason: string | null): string {
  return reason !== null && /^[a-z][a-z0-9_]{0,63}$/.test(reason) ? reason : "unknown";
}

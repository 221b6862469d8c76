/** The job of a group is over: its place is free, and its cooldown begins with the end of the job. */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { jobOver } from "../group-job.ts";
import { hasOpenJob } from "../group-rules.ts";
import type { Job } from "../job.ts";
import { remembered } from "../remembered-ids.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { findNeeds } from "./find.ts";

export function needs(state: State, { source, fingerprint, jobId }: CommandOf<"settleGroup">): Key[] {
  return [...bookKeys(source, [fingerprint]), ...findNeeds(state, jobId)];
}

/** Does nothing for a job that lives, or that is not the group's. */
export function settleGroup(step: Step, command: CommandOf<"settleGroup">): Replies["settleGroup"] {
  const { source, fingerprint, jobId, policy } = command;
  const book = new GroupBook(step, source);
  const group = book.group(fingerprint);
  if (group?.job?.id !== jobId || !hasOpenJob(group) || step.state.jobs.has(jobId)) return { group };
  jobOver(book, group, policy, endOf(step, jobId));
  book.close();
  return { group: book.group(fingerprint) };
}

/** When the job ended, as far as anything is known of it. */
function endOf(step: Step, jobId: string): number {
  const stored: unknown = step.doc({ collection: "jobs", id: jobId });
  const record = stored as Job | null;
  return record?.endedAt ?? remembered(step, jobId)?.endedAt ?? step.now.wall;
}

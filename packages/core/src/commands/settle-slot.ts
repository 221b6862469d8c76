/**
 * A job of a schedule is over. Its place is free for a slot that waits; failures in a row are counted, and too many stop
 * the clock. A job that was canceled says nothing about the work, so it neither counts nor begins a new row.
 */

import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { Job, TerminalStatus } from "../job.ts";
import { remembered } from "../remembered-ids.ts";
import type { Schedule } from "../schedule.ts";
import { keepSchedule, readSchedule, scheduleNeeds } from "../schedule-record.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { findNeeds } from "./find.ts";
import { stopClock } from "./pause-schedule.ts";

export function needs(state: State, { id, jobId }: CommandOf<"settleSlot">, docs: Docs): Key[] {
  return [...scheduleNeeds(id, docs), ...findNeeds(state, jobId)];
}

/** Changes nothing while the job lives, and when it was settled before. */
export function settleSlot(step: Step, { id, jobId }: CommandOf<"settleSlot">): Replies["settleSlot"] {
  const known = readSchedule(step, id);
  if (known === null || !known.open.includes(jobId) || step.state.jobs.has(jobId)) return { schedule: known };
  const open = known.open.filter((one) => one !== jobId);
  const schedule: Schedule = { ...known, open, failures: failuresAfter(known.failures, endOf(step, jobId)) };
  const { pauseAfterFailures: most } = schedule.rules;
  if (most !== null && schedule.failures >= most && schedule.paused === null) {
    const many = schedule.failures === 1 ? "a job" : `${schedule.failures} jobs in a row`;
    return { schedule: stopClock(step, schedule, "hive", `${many} failed, last ${jobId}`) };
  }
  keepSchedule(step, schedule);
  return { schedule };
}

function failuresAfter(failures: number, end: TerminalStatus | null): number {
  if (end === "failed") return failures + 1;
  return end === "succeeded" ? 0 : failures;
}

/** How the job ended; null: nothing is known of it any more. */
function endOf(step: Step, jobId: string): TerminalStatus | null {
  const stored: unknown = step.doc({ collection: "jobs", id: jobId });
  if (stored === null) return remembered(step, jobId)?.status ?? null;
  const { status } = stored as Job;
  switch (status) {
    case "succeeded":
    case "failed":
    case "canceled":
      return status;
    default:
      throw new Error(`${jobId} is stored as ${status} but not in memory`);
  }
}

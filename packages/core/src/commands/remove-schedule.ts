/**
 * Takes a schedule away. What its slots became stays on record, so that a schedule of the same name makes none of those
 * jobs again; its jobs go on. A slot that waited for an earlier job makes none.
 */

import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { scheduleKey } from "../schedule.ts";
import { dropBuffered, managedByFile, passOver, readSchedule, scheduleNeeds, stale } from "../schedule-record.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { id }: CommandOf<"removeSchedule">, docs: Docs): Key[] {
  return scheduleNeeds(id, docs);
}

/** @throws HiveError managed_by_file when it stands in hive.yaml and this comes from elsewhere; stale_schedule */
export function removeSchedule(
  step: Step,
  { id, by, revision = null }: CommandOf<"removeSchedule">,
): Replies["removeSchedule"] {
  const schedule = readSchedule(step, id);
  if (schedule === null) return { removed: false };
  if (schedule.managedBy === "file" && by !== "file") throw managedByFile(id);
  if (revision !== null && revision !== schedule.revision) throw stale(schedule, `is not at revision ${revision}`);
  dropBuffered(step, schedule, "removed", "the schedule was removed");
  passOver(step, schedule, null, "removed", "the schedule was removed");
  step.put(scheduleKey(id).collection, id, null);
  step.event("schedule.changed", null, {
    schedule: id,
    change: "removed",
    by,
    revision: schedule.revision,
    next: null,
  });
  step.effect({ type: "schedule", id });
  return { removed: true };
}

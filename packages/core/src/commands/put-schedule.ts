/**
 * Makes a schedule or changes it. The same settings again change nothing, so that servers that read one file, and clients
 * that send the same again, leave the clock alone. What it did so far stays: its jobs, its slots, and that it is paused.
 */

import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Schedule } from "../schedule.ts";
import {
  isSpent,
  keepSchedule,
  managedByFile,
  passOver,
  readSchedule,
  scheduleNeeds,
  stale,
} from "../schedule-record.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { schedule }: CommandOf<"putSchedule">, docs: Docs): Key[] {
  return scheduleNeeds(schedule.id, docs);
}

/**
 * @throws HiveError managed_by_file when it stands in hive.yaml and this comes from elsewhere; stale_schedule when it is
 * at another revision than was thought; not_found when a revision was named and there is no schedule
 */
export function putSchedule(
  step: Step,
  { schedule: given, next, revision }: CommandOf<"putSchedule">,
): Replies["putSchedule"] {
  const known = readSchedule(step, given.id);
  if (known === null) return { schedule: make(step, given, next, revision), change: "created" };
  if (known.managedBy === "file" && given.managedBy !== "file") throw managedByFile(known.id);
  if (revision !== null && revision !== known.revision) {
    throw stale(known, revision === 0 ? "is there already" : `is not at revision ${revision} any more`);
  }
  if (known.specHash === given.specHash && known.managedBy === given.managedBy)
    return { schedule: known, change: "none" };
  const changed: Schedule = { ...known, ...given, revision: known.revision + 1, changedAt: step.now.wall };
  const comes = changed.paused !== null || isSpent(changed) ? null : next;
  const why = "the settings were changed before anybody acted on it";
  const lastSlot = passOver(step, known, comes?.slot ?? null, "missed", why);
  const schedule: Schedule = { ...changed, next: comes, lastSlot };
  keepSchedule(step, schedule);
  tell(step, schedule, "changed");
  return { schedule, change: "changed" };
}

function make(
  step: Step,
  given: CommandOf<"putSchedule">["schedule"],
  next: Schedule["next"],
  revision: number | null,
): Schedule {
  const { id } = given;
  if (revision !== null && revision !== 0) {
    throw new HiveError("not_found", `there is no schedule ${id}`, { schedule: id });
  }
  const schedule: Schedule = {
    ...given,
    revision: 1,
    createdAt: step.now.wall,
    changedAt: step.now.wall,
    next: given.rules.maxRuns === 0 ? null : next,
    paused: null,
    runs: 0,
    failures: 0,
    open: [],
    buffered: [],
    lastSlot: null,
  };
  keepSchedule(step, schedule);
  tell(step, schedule, "created");
  return schedule;
}

function tell(step: Step, { id, revision, managedBy, next }: Schedule, change: "created" | "changed"): void {
  step.event("schedule.changed", null, { schedule: id, change, revision, managedBy, next: next?.slot ?? null });
}

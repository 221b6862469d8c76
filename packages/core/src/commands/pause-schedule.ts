/**
 * A person stops a schedule's clock, or lets it go on. Its jobs go on meanwhile, and a person may still ask for one. What
 * waited for an earlier job makes none; what failed before does not count when it goes on.
 */

import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { Schedule } from "../schedule.ts";
import { dropBuffered, findSchedule, isSpent, keepSchedule, passOver, scheduleNeeds } from "../schedule-record.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { id }: CommandOf<"pauseSchedule">, docs: Docs): Key[] {
  return scheduleNeeds(id, docs);
}

/**
 * @throws HiveError not_found; stale_schedule when `next` was worked out from settings it does not have any more
 */
export function pauseSchedule(step: Step, command: CommandOf<"pauseSchedule">): Replies["pauseSchedule"] {
  const { id, paused, by, reason, revision } = command;
  const known = findSchedule(step, id, revision);
  if ((known.paused !== null) === paused) return { schedule: known };
  if (paused) return { schedule: stopClock(step, known, by, reason) };
  const schedule: Schedule = { ...known, paused: null, failures: 0, next: isSpent(known) ? null : command.next };
  keepSchedule(step, schedule);
  const next = schedule.next?.slot ?? null;
  step.event("schedule.changed", null, { schedule: id, change: "resumed", by, revision: schedule.revision, next });
  return { schedule };
}

/** The schedule, paused; it is stored and told of. */
export function stopClock(step: Step, known: Schedule, by: string, reason: string): Schedule {
  dropBuffered(step, known, "paused", reason);
  // One that waits for its share of the spread is still to come, if the clock goes on before that.
  const isDue = known.next !== null && known.next.dueAt <= step.now.wall;
  const lastSlot = isDue ? passOver(step, known, null, "paused", reason) : known.lastSlot;
  const paused = { by, reason, at: step.now.wall };
  const schedule: Schedule = { ...known, paused, next: null, buffered: [], lastSlot };
  keepSchedule(step, schedule);
  step.event("schedule.paused", null, { schedule: known.id, by, message: reason, failures: known.failures });
  return schedule;
}

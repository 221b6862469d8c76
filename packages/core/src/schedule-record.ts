/**
 * A schedule and the records of its slots as a command reads and writes them. Whatever changes a schedule tells the edge,
 * which keeps the clock.
 */

import type { Docs } from "./command.ts";
import { docKey } from "./command.ts";
import type { Document, Key } from "./document.ts";
import { HiveError } from "./errors.ts";
import { CLOCK, type Schedule, type SkipReason, type SlotRecord, scheduleKey, slotKey } from "./schedule.ts";
import type { Step } from "./step.ts";

/** The schedule, and once that was read the slots it keeps waiting and the next one. */
export function scheduleNeeds(id: string, docs: Docs): Key[] {
  const key = scheduleKey(id);
  const schedule = asSchedule(docs.get(docKey(key)) ?? null);
  if (schedule === null) return [key];
  const { buffered, next } = schedule;
  return [key, ...[...buffered, ...(next === null ? [] : [next.slot])].map((slot) => slotKey(id, slot))];
}

/** A stored schedule; null where there is none. */
export function readSchedule(step: Step, id: string): Schedule | null {
  return asSchedule(step.doc(scheduleKey(id)));
}

/** A stored schedule. @throws HiveError not_found; stale_schedule when it is not at this revision (null: any will do) */
export function findSchedule(step: Step, id: string, revision: number | null = null): Schedule {
  const schedule = readSchedule(step, id);
  if (schedule === null) throw new HiveError("not_found", `there is no schedule ${id}`, { schedule: id });
  if (revision !== null && schedule.revision !== revision)
    throw stale(schedule, `is not at revision ${revision} any more`);
  return schedule;
}

/** The error for whoever planned with an older state of a schedule. */
export function stale(schedule: Schedule, what: string): HiveError {
  const { id, revision, next } = schedule;
  return new HiveError("stale_schedule", `schedule ${id} ${what}; look at it again`, {
    schedule: id,
    revision,
    next: next?.slot ?? null,
  });
}

/** The error for whoever changes from elsewhere what stands in hive.yaml. */
export function managedByFile(id: string): HiveError {
  return new HiveError("managed_by_file", `schedule ${id} stands in hive.yaml; change it there`, { schedule: id });
}

/** Stores a schedule and tells the edge to look at it. */
export function keepSchedule(step: Step, schedule: Schedule): void {
  const { collection, id } = scheduleKey(schedule.id);
  step.put(collection, id, schedule);
  step.effect({ type: "schedule", id });
}

/** The record of a slot; null where nothing was decided about it. */
export function readSlot(step: Step, schedule: string, slot: number): SlotRecord | null {
  const stored: unknown = step.doc(slotKey(schedule, slot));
  return stored as SlotRecord | null;
}

/** Stores the record of a slot. */
export function keepSlot(step: Step, record: SlotRecord): void {
  const { collection, id } = slotKey(record.schedule, record.slot);
  step.put(collection, id, record);
}

/** The slots that waited wait no more: each is recorded as skipped, and told of in one event. */
export function dropBuffered(step: Step, schedule: Schedule, reason: SkipReason, message: string): void {
  const dropped = schedule.buffered.map((slot): SlotRecord => {
    const known = readSlot(step, schedule.id, slot);
    const by = known?.by ?? "clock";
    return { schedule: schedule.id, slot, at: step.now.wall, outcome: "skipped", reason, message, jobId: null, by };
  });
  for (const record of dropped) keepSlot(step, record);
  tellSkipped(step, schedule.id, dropped);
}

/**
 * A slot whose instant had come, and which nobody has acted on, makes no job any more: it is recorded as skipped, and told
 * of. Gives the newest slot with a record. `from`: the first slot the schedule goes on with; null: it does not go on.
 */
export function passOver(
  step: Step,
  { id, next, lastSlot }: Schedule,
  from: number | null,
  reason: SkipReason,
  message: string,
): Schedule["lastSlot"] {
  if (next === null || next.slot > step.now.wall || (from !== null && from <= next.slot)) return lastSlot;
  const { slot } = next;
  if (readSlot(step, id, slot) !== null) return lastSlot;
  const at = step.now.wall;
  const record = { schedule: id, slot, at, outcome: "skipped", reason, message, jobId: null, by: CLOCK } as const;
  keepSlot(step, record);
  tellSkipped(step, id, [record]);
  return Math.max(lastSlot ?? 0, slot);
}

/** One event for each reason, however many slots it kept from making a job. */
export function tellSkipped(step: Step, id: string, skipped: readonly SlotRecord[]): void {
  for (const reason of new Set(skipped.map((record) => record.reason))) {
    const alike = skipped.filter((record) => record.reason === reason);
    const slots = alike.map((record) => record.slot);
    step.event("schedule.skipped", null, {
      schedule: id,
      reason,
      message: alike.at(-1)?.message ?? null,
      slots: alike.length,
      first: Math.min(...slots),
      last: Math.max(...slots),
    });
  }
}

/** A schedule that made all the jobs it may make by itself has nothing before it. */
export function isSpent({ rules, runs }: Pick<Schedule, "rules" | "runs">): boolean {
  return rules.maxRuns !== null && runs >= rules.maxRuns;
}

function asSchedule(doc: Document | null): Schedule | null {
  const stored: unknown = doc;
  return stored as Schedule | null;
}

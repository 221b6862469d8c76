/**
 * What is to become of the slots that are due: which make a job, which are only written down and why. Pure. The core
 * still has its say (overlap, `maxRuns`); this is about time: who was late, by how much, and what is made up for.
 */

import { SLOTS_AT_ONCE, type SkipReason, type Slot } from "@hive/core";
import type { CalendarSlot } from "./calendar.ts";
import { type CompiledSchedule, placed } from "./compile-schedule.ts";

/**
 * Milliseconds a slot may be late and still be on time: about as long as a restart or the election of another queen
 * takes. Later ones were missed, and `catchup` decides.
 */
export const ON_TIME_MS = 15_000;
/** Slots made up for at most. */
export const CATCHUP_MAX = 20;
/** Missed slots that are counted one by one; beyond, "more than". */
const COUNTED_MAX = 1_000;

/** One slot of a plan. */
export interface PlanEntry {
  readonly slot: number;
  /** Null: it makes a job. */
  readonly skip: SkipReason | null;
  readonly message: string | null;
}

/** What to fire. */
export interface Plan {
  readonly entries: readonly PlanEntry[];
  /** What comes after these. */
  readonly next: Slot | null;
}

/** The plan for all slots from `from` on that are due; null when `from` is not due yet. */
export function planSlots(schedule: CompiledSchedule, from: number, now: number): Plan | null {
  const { calendar, lateMs, catchup, startWithinMs } = schedule;
  const due = now - lateMs;
  if (from > due) return null;
  const lateness = (slot: number): number => due - slot;

  // The newest are looked for from the end: a schedule of every minute may have slept for a year.
  const recent = newest(schedule, from, due, Math.max(ON_TIME_MS, catchup.windowMs));
  const onTime = recent.filter(({ slot }) => lateness(slot) <= ON_TIME_MS);
  const late = recent.filter(({ slot }) => lateness(slot) > ON_TIME_MS && lateness(slot) <= catchup.windowMs);
  const possible = late.filter(({ skip }) => skip === null);
  const madeUp =
    catchup.runs === "all"
      ? possible.slice(-CATCHUP_MAX)
      : catchup.runs === "latest" && !onTime.some(({ skip }) => skip === null)
        ? possible.slice(-1)
        : [];
  const runs = new Set([...madeUp, ...onTime].map(({ slot }) => slot));

  const oldest = recent[0]?.slot ?? Number.POSITIVE_INFINITY;
  const older = countBelow(schedule, from, Math.min(oldest, due + 1));
  const entries: PlanEntry[] = older.slots.map((one) => missed(one));
  for (const one of recent) {
    if (one.skip !== null) entries.push(missed(one));
    else if (!runs.has(one.slot)) entries.push(missed(one));
    else if (startWithinMs !== null && lateness(one.slot) > startWithinMs) {
      entries.push({ slot: one.slot, skip: "too_late", message: null });
    } else entries.push({ slot: one.slot, skip: null, message: null });
  }
  const next = placed(calendar.after(due), lateMs);
  return { entries: lump(entries, older.more), next };
}

function missed({ slot, skip }: CalendarSlot): PlanEntry {
  return { slot, skip: skip ?? "missed", message: null };
}

/** The slots of the last while, oldest first: as many as can matter for what is made up for, and not more. */
function newest({ calendar }: CompiledSchedule, from: number, due: number, windowMs: number): readonly CalendarSlot[] {
  const enough = CATCHUP_MAX + ON_TIME_MS / 1_000 + 1;
  const floor = Math.max(from, due - windowMs);
  for (let back = ON_TIME_MS; ; back *= 2) {
    const begin = Math.max(floor, due - back);
    const found: CalendarSlot[] = [];
    for (let one = calendar.after(begin - 1); one !== null && one.slot <= due; one = calendar.after(one.slot)) {
      found.push(one);
    }
    if (begin === floor || found.length >= enough) return found;
  }
}

function countBelow(
  { calendar }: CompiledSchedule,
  from: number,
  below: number,
): { readonly slots: readonly CalendarSlot[]; readonly more: boolean } {
  const slots: CalendarSlot[] = [];
  for (let one = calendar.after(from - 1); one !== null && one.slot < below; one = calendar.after(one.slot)) {
    if (slots.length === COUNTED_MAX) return { slots, more: true };
    slots.push(one);
  }
  return { slots, more: false };
}

/** Slots that were missed by the hundred are one record that says how many. */
function lump(entries: readonly PlanEntry[], more: boolean): readonly PlanEntry[] {
  if (entries.length <= SLOTS_AT_ONCE && !more) return entries;
  const kept = entries.filter(({ skip }) => skip !== "missed");
  const gone = entries.filter(({ skip }) => skip === "missed");
  const [first, last] = [gone[0], gone.at(-1)];
  // A night that brings two hours again, each minute of them: the core takes no more at once.
  if (first === undefined || last === undefined) return kept.slice(-SLOTS_AT_ONCE);
  const count = more ? `more than ${gone.length}` : String(gone.length);
  const message = `${count} slots were missed, from ${new Date(first.slot).toISOString()} on`;
  return [...kept.slice(-(SLOTS_AT_ONCE - 1)), { ...last, message }].toSorted((a, b) => a.slot - b.slot);
}

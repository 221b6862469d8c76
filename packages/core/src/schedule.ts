/**
 * What a schedule is: a clock that makes jobs. When a slot comes is worked out at the edge (calendars and time zones need
 * a library); that each slot makes one job at most, ever, is decided here: a `fireSchedule` command names the slot it
 * believes is next, and is refused when it is not. The job, the record of the slot and the next slot are one commit.
 *
 * | word     | meaning |
 * |----------|---------|
 * | slot     | one nominal instant of a schedule, in wall milliseconds; `spread` never changes it |
 * | due      | when the slot is acted on: the slot and the schedule's own share of `spread` |
 * | record   | what became of a slot: a job, waiting for one, or skipped and why |
 */

import type { NewJob } from "./command.ts";
import { type Key, numberId } from "./document.ts";

export const OVERLAPS = ["skip", "buffer_one", "buffer_all", "allow", "cancel_other"] as const;
/** What a slot does while a job of an earlier one is not over: see `docs/schedules.md`. */
export type Overlap = (typeof OVERLAPS)[number];

/** Slots that `buffer_all` keeps at most; a further one is skipped. */
export const BUFFERED_MAX = 100;

export const SKIP_REASONS = [
  "overlap",
  "missed",
  "too_late",
  "paused",
  "dst_gap",
  "dst_repeat",
  "limit",
  "buffer_full",
  "refused",
  "removed",
] as const;
/**
 * Why a slot made no job. `missed`: nobody was there and `catchup` does not make up for it, or its schedule's settings
 * were changed first; `too_late`: `startWithin` was over; `limit`: `maxRuns` was reached; `refused`: the job it asks for is
 * not accepted (its template or the settings are wrong); `paused`, `removed`: it waited for an earlier job, or its time had
 * just come, when that was done to its schedule.
 */
export type SkipReason = (typeof SKIP_REASONS)[number];

/** What the core itself needs of a schedule's settings. */
export interface ScheduleRules {
  readonly overlap: Overlap;
  /** Pauses itself after so many failed jobs in a row; null: never. */
  readonly pauseAfterFailures: number | null;
  /** Jobs it makes in its life; null: any number. Those a person asked for (trigger, backfill) do not count. */
  readonly maxRuns: number | null;
}

/** A place in time a schedule is at: the nominal slot, and when it is acted on. Both wall time. */
export interface Slot {
  readonly slot: number;
  readonly dueAt: number;
}

/** A schedule as stored, in `schedules/<id>`. */
export interface Schedule {
  /** `[a-z0-9][a-z0-9-]{0,47}`. */
  readonly id: string;
  /** Rises with each change of its settings; a firing that was planned under an older one is refused. */
  readonly revision: number;
  /** `file`: it stands in hive.yaml, and only there is it changed. */
  readonly managedBy: "file" | "api";
  /** The settings as they were given, job template included. The edge reads them; the core does not. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of `spec` and `managedBy`: the same put again changes nothing. */
  readonly specHash: string;
  readonly rules: ScheduleRules;
  readonly createdAt: number;
  readonly changedAt: number;
  /** What comes next; null: nothing any more, or it is paused. */
  readonly next: Slot | null;
  readonly paused: { readonly by: string; readonly reason: string; readonly at: number } | null;
  /** Jobs the clock made, for `maxRuns`. */
  readonly runs: number;
  /** Failed jobs since the last that succeeded. */
  readonly failures: number;
  /** Jobs it made that are not known to be over, oldest first; at most 1,000, older ones are not waited for. */
  readonly open: readonly string[];
  /** Slots that wait for `open` to be empty (`buffer_one`, `buffer_all`), oldest first. */
  readonly buffered: readonly number[];
  /** The newest slot that has a record, for people. */
  readonly lastSlot: number | null;
}

/**
 * What became of a slot, in `slots/<schedule>/<slot in 16 digits>`. Never changes once it says `job`; where it says
 * `skipped`, only a person's own wish (a backfill) may still make the job.
 */
export interface SlotRecord {
  readonly schedule: string;
  readonly slot: number;
  /** When this was decided. */
  readonly at: number;
  readonly outcome: "job" | "skipped" | "buffered";
  /** For `skipped`. */
  readonly reason: SkipReason | null;
  /** More for people, such as the error that refused the job, or how many slots beside this one were missed. */
  readonly message: string | null;
  readonly jobId: string | null;
  /** `clock`, or who asked: `trigger:<who>`, `backfill:<who>`. */
  readonly by: string;
}

/** Who asks for a slot when its time has come; whoever else asks is a person. */
export const CLOCK = "clock";

/** One slot of a firing: the job as the edge made it, and behind it its candidates, or why there is to be none. */
export type PlannedSlot =
  | { readonly slot: number; readonly jobs: readonly [NewJob, ...NewJob[]] }
  | { readonly slot: number; readonly skip: SkipReason; readonly message: string | null };

/** What happens to schedules. Each is idempotent: sent again, it changes nothing and answers the same or is refused. */
export type ScheduleCommand =
  /** Makes it or changes it. `next` was worked out from the new settings; a paused one stays paused. */
  | {
      readonly type: "putSchedule";
      readonly schedule: Pick<Schedule, "id" | "managedBy" | "spec" | "specHash" | "rules">;
      readonly next: Slot | null;
      /** Refused (`stale_schedule`) when it is at another revision; null: whatever it is at. 0: only when there is none. */
      readonly revision: number | null;
    }
  /** Its records and jobs stay; its buffered slots go. `by: "file"` may remove what stands in hive.yaml. */
  | {
      readonly type: "removeSchedule";
      readonly id: string;
      readonly by: string;
      /** Refused (`stale_schedule`) when it is at another revision; absent or null: whatever it is at. */
      readonly revision?: number | null;
    }
  /** A pause by hand or its end. `next` for its end; slots in between are not made up for. */
  | {
      readonly type: "pauseSchedule";
      readonly id: string;
      readonly paused: boolean;
      readonly by: string;
      readonly reason: string;
      /** For its end: what `next` was worked out from, or `stale_schedule`; null: whatever it is at. */
      readonly revision: number | null;
      readonly next: Slot | null;
    }
  /**
   * Slots are due. `from`: the slot that is `next` in the store, or `stale_schedule`; null for a trigger, a backfill and
   * slots that were buffered, which leave `next` alone. A slot that has a final record is left as it is. With
   * `queue_full` nothing happens at all: ask again later. At most 100 slots.
   */
  | {
      readonly type: "fireSchedule";
      readonly id: string;
      readonly revision: number;
      readonly from: number | null;
      readonly slots: readonly PlannedSlot[];
      readonly next: Slot | null;
      readonly by: string;
      /** Overrides the schedule's own, for a trigger and a backfill. */
      readonly overlap?: Overlap;
    }
  /** A job of `open` is over: counts failures, and pauses the schedule when there were too many. */
  | { readonly type: "settleSlot"; readonly id: string; readonly jobId: string };

/** Slots of one firing, at most. */
export const SLOTS_AT_ONCE = 100;

/** Where a schedule is stored. */
export function scheduleKey(id: string): Key {
  return { collection: "schedules", id };
}

/** Where the record of a slot is stored. */
export function slotKey(schedule: string, slot: number): Key {
  return { collection: "slots", id: `${schedule}/${numberId(slot)}` };
}

export interface ScheduleReplies {
  readonly putSchedule: { readonly schedule: Schedule; readonly change: "created" | "changed" | "none" };
  readonly removeSchedule: { readonly removed: boolean };
  readonly pauseSchedule: { readonly schedule: Schedule };
  /** The records of all slots that were named, in their order, as they are now. */
  readonly fireSchedule: { readonly schedule: Schedule; readonly records: readonly SlotRecord[] };
  readonly settleSlot: { readonly schedule: Schedule | null };
}

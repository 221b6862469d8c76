/** What a schedule is on the wire. The same object stands in hive.yaml (`schedules:`) and in the API. */

import { OVERLAPS, SKIP_REASONS, STATUSES } from "@hive/core";
import { z } from "zod";
import { durationSchema } from "./duration.ts";
import { newJobSchema } from "./job-schemas.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;

/** Ids of schedules. */
export const scheduleIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,47}$/, "must be 1 to 48 of a-z 0-9 - and begin with a letter or digit")
  .meta({ example: "nightly-deps" });

/** An instant with its offset, or a local time of the schedule's zone. */
const instantSchema = z
  .string()
  .regex(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$/,
    "must be a time such as 2026-12-01T09:00 (in the schedule's zone) or 2026-12-01T09:00:00Z",
  );

/** The job a schedule makes: a job request whose texts may be templates. Its id and its time are the slot's. */
export const scheduleJobSchema = newJobSchema
  .omit({ jobId: true, runAt: true, githubToken: true })
  .strict()
  .meta({ id: "ScheduleJob" });

/** When a schedule fires, and what a slot makes. Exactly one of `cron`, `every` and `at`. */
export const scheduleSpecSchema = z
  .strictObject({
    /** Five fields, or @hourly, @daily, @weekly, @monthly, @yearly. */
    cron: z.string().min(1).max(256).optional(),
    /** A fixed distance, counted from 1970 in UTC: every 6h is at 0, 6, 12 and 18 o'clock. 1s to 366d. */
    every: durationSchema(SECOND_MS, YEAR_MS).optional(),
    /** Once. */
    at: instantSchema.optional(),
    /** IANA name. Default UTC. */
    timezone: z.string().min(1).max(64).optional(),
    /** What happens to slots of `cron` that summer time takes away or repeats. */
    dst: z
      .strictObject({
        /** A local time that does not exist. Default `run_after`: at the first instant after the gap. */
        gap: z.enum(["run_after", "skip"]).optional(),
        /** A local time that comes twice. Default `first`. */
        repeat: z.enum(["first", "both"]).optional(),
      })
      .optional(),
    /** Default `skip`. */
    overlap: z.enum(OVERLAPS).optional(),
    /** What is made up for when nobody was there. */
    catchup: z
      .strictObject({
        /** How old a slot may be. 0s to 7d, default 1h. */
        window: durationSchema(0, 7 * DAY_MS).optional(),
        /** Default `latest`; `all` is the newest 20. */
        runs: z.enum(["none", "latest", "all"]).optional(),
      })
      .optional(),
    /** Slots are acted on later by a part of this that only the schedule's id decides. 0s to 24h, default 0s. */
    spread: durationSchema(0, 24 * HOUR_MS).optional(),
    limits: z
      .strictObject({
        /** No slot before. */
        start: instantSchema.optional(),
        /** No slot after. */
        end: instantSchema.optional(),
        /** Jobs the clock makes in the schedule's life. */
        maxRuns: z.int().min(1).max(1_000_000_000).optional(),
        /** A slot that cannot be acted on within this time is skipped. 1s to 7d. */
        startWithin: durationSchema(SECOND_MS, 7 * DAY_MS).optional(),
      })
      .optional(),
    /** Pauses after so many failed jobs in a row. Default: never. */
    pauseAfterFailures: z.int().min(1).max(1_000).optional(),
    job: scheduleJobSchema,
  })
  .refine((spec) => [spec.cron, spec.every, spec.at].filter((one) => one !== undefined).length === 1, {
    message: "needs exactly one of cron, every and at",
  })
  .refine((spec) => spec.cron !== undefined || spec.dst === undefined, {
    message: "is for cron; every and at know no summer time",
    path: ["dst"],
  })
  .meta({ id: "ScheduleSpec" });
/** A schedule as people write it. */
export type ScheduleSpec = z.input<typeof scheduleSpecSchema>;

const slotSchema = z.object({
  /** The nominal instant, milliseconds since 1970. */
  slot: z.number(),
  /** When it is acted on: later by the schedule's share of `spread`. */
  dueAt: z.number(),
});

/** A schedule as it stands. */
export const scheduleSchema = z
  .object({
    id: z.string(),
    /** Rises with each change of its settings; the `ETag` of the reply. */
    revision: z.int(),
    /** `file`: it stands in hive.yaml and is changed there. */
    managedBy: z.enum(["file", "api"]),
    spec: z.record(z.string(), z.unknown()),
    createdAt: z.number(),
    changedAt: z.number(),
    /** Null: nothing comes any more, or it is paused. */
    next: slotSchema.nullable(),
    paused: z.object({ by: z.string(), reason: z.string(), at: z.number() }).nullable(),
    /** Jobs the clock made. */
    runs: z.int(),
    /** Failed jobs since the last that succeeded. */
    failures: z.int(),
    /** Its jobs that are not over. */
    open: z.array(z.string()),
    /** Slots that wait for those. */
    buffered: z.array(z.number()),
    lastSlot: z.number().nullable(),
    /** When it fires, in words; null where that has none. */
    words: z.string().nullable(),
  })
  .meta({ id: "Schedule" });
export type ScheduleView = z.infer<typeof scheduleSchema>;

/** What became of a slot. */
export const slotRecordSchema = z
  .object({
    slot: z.number(),
    at: z.number(),
    outcome: z.enum(["job", "skipped", "buffered"]),
    reason: z.enum(SKIP_REASONS).nullable(),
    message: z.string().nullable(),
    jobId: z.string().nullable(),
    /** `clock`, or who asked for it. */
    by: z.string(),
  })
  .meta({ id: "SlotRecord" });
export type SlotView = z.infer<typeof slotRecordSchema>;

/** What became of a slot, and of its job since. */
export const pastSlotSchema = slotRecordSchema
  .extend({
    /** Null: it made no job, or one that is not kept any more. */
    jobStatus: z.enum(STATUSES).nullable(),
  })
  .meta({ id: "PastSlot" });
export type PastSlotView = z.infer<typeof pastSlotSchema>;

/** A schedule in a list. */
export const listedScheduleSchema = scheduleSchema
  .extend({
    /** Its latest slots, the newest first: as many as were asked for. */
    recent: z.array(pastSlotSchema),
  })
  .meta({ id: "ListedSchedule" });
export type ListedSchedule = z.infer<typeof listedScheduleSchema>;

/** A slot that is to come. */
export const comingSlotSchema = slotSchema.extend({
  /** In the schedule's zone, with its offset. */
  local: z.string(),
  utc: z.string(),
  /** Why it will make no job; null: it will. */
  skip: z.enum(["dst_gap", "dst_repeat"]).nullable(),
});

/** What is to come of a schedule. */
export const schedulePreviewSchema = z
  .object({ words: z.string().nullable(), timezone: z.string(), slots: z.array(comingSlotSchema) })
  .meta({ id: "SchedulePreview" });
export type SchedulePreview = z.infer<typeof schedulePreviewSchema>;

/** A slot on the calendar. */
const calendarSlotSchema = z.object({
  slot: z.number(),
  /** `coming`: nobody has acted on it yet. */
  state: z.enum(["job", "skipped", "buffered", "coming"]),
  /** Why it made no job, or of one to come: why it will make none. */
  reason: z.enum(SKIP_REASONS).nullable(),
  message: z.string().nullable(),
  jobId: z.string().nullable(),
  /** Null: it made no job, or one that is not kept any more. */
  jobStatus: z.enum(STATUSES).nullable(),
});
export type CalendarSlotView = z.infer<typeof calendarSlotSchema>;

/** What all schedules did and will do between two instants. */
export const scheduleCalendarSchema = z
  .object({
    schedules: z.array(
      z.object({
        id: z.string(),
        words: z.string().nullable(),
        timezone: z.string(),
        isPaused: z.boolean(),
        /** In order of time. */
        slots: z.array(calendarSlotSchema),
        /** It has more in this time: the oldest that are over and the last to come are left out. */
        more: z.boolean(),
      }),
    ),
    /** There are more schedules than these. */
    more: z.boolean(),
  })
  .meta({ id: "ScheduleCalendar" });
export type ScheduleCalendar = z.infer<typeof scheduleCalendarSchema>;

/** What a backfill would make. */
export const backfillPreviewSchema = z
  .object({
    timezone: z.string(),
    slots: z.array(
      z.object({
        slot: z.number(),
        local: z.string(),
        utc: z.string(),
        /** What it has already; null: nothing is known of it. Only one with a job is left as it is. */
        outcome: z.enum(["job", "skipped", "buffered"]).nullable(),
        jobId: z.string().nullable(),
      }),
    ),
    /** There are more than one backfill takes. */
    more: z.boolean(),
  })
  .meta({ id: "BackfillPreview" });
export type BackfillPreview = z.infer<typeof backfillPreviewSchema>;

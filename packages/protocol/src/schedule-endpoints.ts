/** Schedules: clocks that make jobs. See `docs/schedules.md`. */

import { OVERLAPS } from "@hive/core";
import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { cursorSchema, limitSchema } from "./job-schemas.ts";
import {
  backfillPreviewSchema,
  listedScheduleSchema,
  pastSlotSchema,
  scheduleCalendarSchema,
  scheduleIdSchema,
  schedulePreviewSchema,
  scheduleSchema,
  scheduleSpecSchema,
  slotRecordSchema,
} from "./schedule-schemas.ts";

const params = z.object({ scheduleId: scheduleIdSchema });
const instant = z.iso.datetime({ offset: true });
const count = z.coerce.number().int().min(1).max(100).default(5);
const records = z.object({ records: z.array(slotRecordSchema) });

export const scheduleEndpoints = {
  listSchedules: endpoint({
    method: "GET",
    path: "/v1/schedules",
    access: "owner",
    summary: "Every schedule, in order of its id",
    query: z.strictObject({
      cursor: cursorSchema.optional(),
      limit: limitSchema,
      /** Of each, so many of its latest slots; with them a page has at most 100 schedules. */
      recent: z.coerce.number().int().min(0).max(20).default(0),
    }),
    reply: { status: 200, body: z.object({ schedules: z.array(listedScheduleSchema), next: z.string().nullable() }) },
    errors: ["bad_filter"],
  }),
  scheduleCalendar: endpoint({
    method: "GET",
    path: "/v1/calendar",
    access: "owner",
    summary: "What all schedules did and will do between two instants, at most 62 days apart",
    query: z.strictObject({
      from: instant,
      /** Not part of it. */
      to: instant,
      /** Only this one. */
      schedule: scheduleIdSchema.optional(),
    }),
    reply: { status: 200, body: scheduleCalendarSchema },
    errors: ["not_found"],
  }),
  getSchedule: endpoint({
    method: "GET",
    path: "/v1/schedules/:scheduleId",
    access: "owner",
    summary: "One schedule as it stands; its revision is the `ETag`",
    params,
    reply: { status: 200, body: scheduleSchema, etag: "revision" },
    errors: ["not_found"],
  }),
  putSchedule: endpoint({
    method: "PUT",
    path: "/v1/schedules/:scheduleId",
    access: "owner",
    summary:
      'Makes a schedule or changes it; with `If-Match: "<revision>"` or `If-None-Match: *` only when it is as you think',
    params,
    body: scheduleSpecSchema,
    reply: { status: 200, body: scheduleSchema, etag: "revision" },
    errors: ["managed_by_file", "stale_schedule", "not_found"],
  }),
  pauseSchedule: endpoint({
    method: "POST",
    path: "/v1/schedules/:scheduleId/pause",
    access: "owner",
    summary: "Stops the clock of a schedule; its jobs go on",
    params,
    body: z.strictObject({ reason: z.string().max(1024).optional() }).optional(),
    reply: { status: 200, body: scheduleSchema, etag: "revision" },
    errors: ["not_found"],
  }),
  resumeSchedule: endpoint({
    method: "POST",
    path: "/v1/schedules/:scheduleId/resume",
    access: "owner",
    summary: "Lets the clock go on with the next slot from now; slots in between are not made up for",
    params,
    reply: { status: 200, body: scheduleSchema, etag: "revision" },
    errors: ["not_found", "stale_schedule"],
  }),
  triggerSchedule: endpoint({
    method: "POST",
    path: "/v1/schedules/:scheduleId/trigger",
    access: "owner",
    summary: "Makes its job now, beside the clock; the instant is the slot",
    params,
    body: z
      .strictObject({
        /** Default: the schedule's own. */
        overlap: z.enum(OVERLAPS).optional(),
      })
      .optional(),
    reply: { status: 200, body: records },
    errors: ["not_found", "stale_schedule", "queue_full"],
  }),
  backfillSchedule: endpoint({
    method: "POST",
    path: "/v1/schedules/:scheduleId/backfill",
    access: "owner",
    summary: "Makes the jobs of past slots that have none; up to 1,000 slots",
    params,
    body: z.strictObject({
      /** The first and the last slot, both part of it. */
      from: instant,
      to: instant,
      /** Default `allow`: all at once, as far as the queue lets them. */
      overlap: z.enum(OVERLAPS).default("allow"),
    }),
    reply: { status: 200, body: records },
    errors: ["not_found", "stale_schedule", "queue_full"],
  }),
  previewBackfill: endpoint({
    method: "GET",
    path: "/v1/schedules/:scheduleId/backfill",
    access: "owner",
    summary: "The past slots a backfill would take, and what each has already; nothing is made",
    params,
    query: z.strictObject({ from: instant, to: instant }),
    reply: { status: 200, body: backfillPreviewSchema },
    errors: ["not_found"],
  }),
  previewSchedule: endpoint({
    method: "GET",
    path: "/v1/schedules/:scheduleId/preview",
    access: "owner",
    summary: "The next slots of a schedule, in its zone and in UTC",
    params,
    query: z.strictObject({ count }),
    reply: { status: 200, body: schedulePreviewSchema },
    errors: ["not_found"],
  }),
  previewSpec: endpoint({
    method: "POST",
    path: "/v1/schedules/preview",
    access: "owner",
    summary: "What settings would mean: the next slots, before anything is put",
    query: z.strictObject({ count }),
    body: scheduleSpecSchema,
    reply: { status: 200, body: schedulePreviewSchema },
    errors: [],
  }),
  listSlots: endpoint({
    method: "GET",
    path: "/v1/schedules/:scheduleId/slots",
    access: "owner",
    summary: "What became of its slots, newest first",
    params,
    query: z.strictObject({ cursor: cursorSchema.optional(), limit: limitSchema }),
    reply: { status: 200, body: z.object({ slots: z.array(pastSlotSchema), next: z.string().nullable() }) },
    errors: ["bad_filter"],
  }),
  deleteSchedule: endpoint({
    method: "DELETE",
    path: "/v1/schedules/:scheduleId",
    access: "owner",
    summary: "Takes a schedule away; its jobs go on and its records stay",
    params,
    reply: { status: 200, body: z.object({ removed: z.boolean() }) },
    errors: ["managed_by_file", "stale_schedule"],
  }),
} as const satisfies Record<string, Endpoint>;

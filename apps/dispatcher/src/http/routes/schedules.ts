/** Schedules for people and programs. What a request means is worked out in `schedules/`; here it only comes and goes. */

import type { IncomingHttpHeaders } from "node:http";
import { HiveError, type Schedule, type SlotRecord } from "@hive/core";
import type { ListedSchedule, PastSlotView, ScheduleView, SlotView } from "@hive/protocol";
import { storedSpec } from "../../schedules/compile-schedule.ts";
import { describeSpec } from "../../schedules/describe.ts";
import { asSchedule, comingSlots } from "../../schedules/schedules.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";
import { asRecord, backfillOf, calendarOf, withJobs } from "../schedule-calendar.ts";

/** Schedules on a page that also has the latest slots of each. */
const WITH_RECENT_MAX = 100;

type ScheduleHandlers = Pick<
  Handlers,
  | "listSchedules"
  | "getSchedule"
  | "putSchedule"
  | "deleteSchedule"
  | "pauseSchedule"
  | "resumeSchedule"
  | "triggerSchedule"
  | "backfillSchedule"
  | "previewBackfill"
  | "previewSchedule"
  | "previewSpec"
  | "listSlots"
  | "scheduleCalendar"
>;

export function scheduleHandlers({
  queue,
  clock,
  schedules,
}: Pick<Parts, "queue" | "clock" | "schedules">): ScheduleHandlers {
  async function slotsOf(id: string, limit: number): Promise<PastSlotView[]> {
    const { items } = await queue.documents.list({
      ...{ collection: "slots", index: "schedule", equals: { schedule: id }, order: "descending", limit },
    });
    return withJobs(
      queue,
      items.map(({ doc }) => asRecord(doc)),
    );
  }

  return {
    async listSchedules({ query: { cursor, limit, recent } }) {
      const page = await queue.documents.list({
        collection: "schedules",
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: recent === 0 ? limit : Math.min(limit, WITH_RECENT_MAX),
      });
      const views: ListedSchedule[] = [];
      for (const { doc } of page.items) {
        const schedule = asSchedule(doc);
        views.push({ ...viewOf(schedule), recent: recent === 0 ? [] : await slotsOf(schedule.id, recent) });
      }
      return { schedules: views, next: encodeCursor(page.next) };
    },

    async getSchedule({ params }) {
      return viewOf((await schedules.find(params.scheduleId)).schedule);
    },

    async putSchedule({ params, body, headers, caller }) {
      const { schedule } = await schedules.put(params.scheduleId, body, {
        by: caller.name,
        revision: revisionOf(headers),
      });
      return viewOf(schedule);
    },

    async deleteSchedule({ params, headers, caller }) {
      const asking = { by: caller.name, revision: revisionOf(headers) };
      return { removed: await schedules.remove(params.scheduleId, asking) };
    },

    async pauseSchedule({ params, body, caller }) {
      return viewOf(await schedules.pause(params.scheduleId, caller.name, body?.reason ?? "paused by a person"));
    },

    async resumeSchedule({ params, caller }) {
      return viewOf(await schedules.resume(params.scheduleId, caller.name));
    },

    async triggerSchedule({ params, body, caller }) {
      const records = await schedules.trigger(params.scheduleId, caller.name, body?.overlap ?? null);
      return { records: records.map(slotView) };
    },

    async backfillSchedule({ params, body, caller }) {
      const span = { from: Date.parse(body.from), to: Date.parse(body.to), overlap: body.overlap };
      return { records: (await schedules.backfill(params.scheduleId, caller.name, span)).map(slotView) };
    },

    previewBackfill({ params, query: { from, to } }) {
      const span = { from: Date.parse(from), to: Date.parse(to), now: clock.wall() };
      return backfillOf({ queue, schedules }, params.scheduleId, span);
    },

    async previewSchedule({ params, query }) {
      return comingSlots((await schedules.find(params.scheduleId)).compiled, clock.wall(), query.count);
    },

    async previewSpec({ body, query }) {
      return schedules.preview(body, query.count);
    },

    async listSlots({ params, query: { cursor, limit } }) {
      // Records outlive their schedule, so none of them is asked for here.
      const page = await queue.documents.list({
        ...{ collection: "slots", index: "schedule", equals: { schedule: params.scheduleId }, order: "descending" },
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit,
      });
      const slots = await withJobs(
        queue,
        page.items.map(({ doc }) => asRecord(doc)),
      );
      return { slots, next: encodeCursor(page.next) };
    },

    scheduleCalendar({ query: { from, to, schedule = null } }) {
      return calendarOf({ queue, schedules }, { from: Date.parse(from), to: Date.parse(to), only: schedule });
    },
  };
}

/** The revision a change is meant for: `If-Match: "3"`, `If-None-Match: *` for none, null where nothing is said. */
function revisionOf(headers: IncomingHttpHeaders): number | null {
  if (headers["if-none-match"] === "*") return 0;
  const match = headers["if-match"];
  if (match === undefined || match === "*") return null;
  const revision = /^"?(\d{1,15})"?$/.exec(match)?.[1];
  if (revision === undefined) {
    throw new HiveError("bad_request", `If-Match must be a revision such as "3", not ${match.slice(0, 64)}`);
  }
  return Number(revision);
}

function viewOf(schedule: Schedule): ScheduleView {
  const { specHash: _hash, rules: _rules, open, buffered, ...rest } = schedule;
  const spec = storedSpec(schedule);
  return { ...rest, open: [...open], buffered: [...buffered], words: spec === null ? null : describeSpec(spec) };
}

function slotView({ schedule: _schedule, ...rest }: SlotRecord): SlotView {
  return rest;
}

/** Schedules for people and programs. What a request means is worked out in `schedules/`; here it only comes and goes. */

import type { IncomingHttpHeaders } from "node:http";
import { HiveError, type Schedule, type SlotRecord } from "@hive/core";
import type { ScheduleView, SlotView } from "@hive/protocol";
import { storedSpec } from "../../schedules/compile-schedule.ts";
import { describeSpec } from "../../schedules/describe.ts";
import { asSchedule, comingSlots } from "../../schedules/schedules.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

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
  | "previewSchedule"
  | "previewSpec"
  | "listSlots"
>;

export function scheduleHandlers({
  queue,
  clock,
  schedules,
}: Pick<Parts, "queue" | "clock" | "schedules">): ScheduleHandlers {
  return {
    async listSchedules({ query: { cursor, limit } }) {
      const page = await queue.documents.list({
        collection: "schedules",
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit,
      });
      return { schedules: page.items.map(({ doc }) => viewOf(asSchedule(doc))), next: encodeCursor(page.next) };
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
      return { slots: page.items.map(({ doc }) => slotView(asRecord(doc))), next: encodeCursor(page.next) };
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

/** A document of the collection `slots`: written by this program from this very type. */
function asRecord(doc: object): SlotRecord {
  return doc as SlotRecord;
}

/** Slots of schedules as people look at them: what became of those that are over, of their jobs since, and what comes. */

import { HiveError, type Schedule, slotKey, type SlotRecord, type Status } from "@hive/core";
import type { BackfillPreview, CalendarSlotView, PastSlotView, ScheduleCalendar } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import type { CompiledSchedule } from "../schedules/compile-schedule.ts";
import { describeSpec } from "../schedules/describe.ts";
import { localText } from "../schedules/local-time.ts";
import { asSchedule, BACKFILL_MAX, type Schedules } from "../schedules/schedules.ts";
import { asJob } from "./job-view.ts";

/** Two months, each seen as whole weeks. */
const LONGEST_MS = 62 * 86_400_000;
/** Schedules on one calendar. */
const SCHEDULES_MAX = 200;
/** Slots on one calendar, shared among its schedules; working one out takes some microseconds. */
const SLOTS_MAX = 8_000;
/** Slots of one schedule: all of one that runs hourly, in a month of whole weeks. */
const SLOTS_OF_ONE = { least: 20, most: 1_100 };
/** Runs a schedule may have left for its end to be worked out. */
const COUNTED_MAX = 2_000;
/** Jobs looked up at once. */
const JOBS_AT_ONCE = 500;

interface Reading {
  readonly queue: Pick<Queue, "documents">;
  readonly schedules: Pick<Schedules, "find">;
}
interface Span {
  readonly from: number;
  /** Not part of it. */
  readonly to: number;
}

/** What all schedules, or one, did and will do. @throws HiveError `invalid_field`, `not_found` */
export async function calendarOf(
  { queue, schedules }: Reading,
  { from, to, only }: Span & { readonly only: string | null },
): Promise<ScheduleCalendar> {
  if (to <= from) throw refuse("to", "must be after from");
  if (to - from > LONGEST_MS) throw refuse("to", "must be at most 62 days after from");
  const [shown, more] = only === null ? await firstSchedules(queue) : [[(await schedules.find(only)).schedule], false];
  const share = Math.floor(SLOTS_MAX / Math.max(1, shown.length));
  const most = Math.max(SLOTS_OF_ONE.least, Math.min(SLOTS_OF_ONE.most, share));
  const rows: ScheduleCalendar["schedules"] = [];
  for (const schedule of shown) {
    const page = await queue.documents.list({
      ...{ collection: "slots", index: "schedule", equals: { schedule: schedule.id } },
      ...{ from, below: to, order: "descending", limit: Math.min(most, 1_000) },
    });
    const past = await withJobs(
      queue,
      page.items.map(({ doc }) => asRecord(doc)),
    );
    const known = new Set(past.map(({ slot }) => slot));
    const compiled = await compiledOf(schedules, schedule.id);
    const coming = compiled === null ? [] : comingIn(compiled, schedule, { from, to }, most - past.length + 1);
    const kept = coming.slice(0, most - past.length).filter(({ slot }) => !known.has(slot));
    rows.push({
      id: schedule.id,
      words: compiled === null ? null : describeSpec(compiled.spec),
      timezone: compiled?.zone ?? "UTC",
      isPaused: schedule.paused !== null,
      slots: [...past.toReversed().map(calendarSlot), ...kept],
      more: page.next !== null || coming.length > most - past.length,
    });
  }
  return { schedules: rows, more };
}

/** The past slots a backfill would take, as far as it takes any. @throws HiveError `invalid_field`, `not_found` */
export async function backfillOf(
  { queue, schedules }: Reading,
  id: string,
  { from, to, now }: Span & { readonly now: number },
): Promise<BackfillPreview> {
  if (to > now) throw refuse("to", "lies in the future; a backfill is for slots that are over");
  const { calendar, zone } = (await schedules.find(id)).compiled;
  const found: number[] = [];
  for (let one = calendar.after(from - 1); one !== null && one.slot <= to; one = calendar.after(one.slot)) {
    if (one.skip === null) found.push(one.slot);
    if (found.length > BACKFILL_MAX) break;
  }
  const slots = found.slice(0, BACKFILL_MAX);
  const docs = await queue.documents.get(slots.map((slot) => slotKey(id, slot)));
  return {
    timezone: zone,
    slots: slots.map((slot, place) => {
      const doc = docs[place] ?? null;
      const { outcome, jobId } = doc === null ? { outcome: null, jobId: null } : asRecord(doc);
      return { slot, local: localText(zone, slot), utc: new Date(slot).toISOString(), outcome, jobId };
    }),
    more: found.length > BACKFILL_MAX,
  };
}

/** The records, each with the status its job has now. */
export async function withJobs(
  queue: Pick<Queue, "documents">,
  records: readonly SlotRecord[],
): Promise<PastSlotView[]> {
  const ids = records.flatMap(({ jobId }) => (jobId === null ? [] : [jobId]));
  const status = new Map<string, Status>();
  for (let at = 0; at < ids.length; at += JOBS_AT_ONCE) {
    const docs = await queue.documents.get(
      ids.slice(at, at + JOBS_AT_ONCE).map((jobId) => ({ collection: "jobs", id: jobId })),
    );
    for (const doc of docs) if (doc !== null) status.set(asJob(doc).id, asJob(doc).status);
  }
  return records.map(({ schedule: _schedule, ...record }) => ({
    ...record,
    jobStatus: record.jobId === null ? null : (status.get(record.jobId) ?? null),
  }));
}

/** A document of the collection `slots`: written by this program from this very type. */
export function asRecord(doc: object): SlotRecord {
  return doc as SlotRecord;
}

async function firstSchedules(queue: Pick<Queue, "documents">): Promise<readonly [Schedule[], boolean]> {
  const page = await queue.documents.list({ collection: "schedules", limit: SCHEDULES_MAX });
  return [page.items.map(({ doc }) => asSchedule(doc)), page.next !== null];
}

/** Null: it is gone meanwhile, or an older version put it and this one cannot read its settings. */
async function compiledOf(schedules: Pick<Schedules, "find">, id: string): Promise<CompiledSchedule | null> {
  try {
    return (await schedules.find(id)).compiled;
  } catch (error) {
    if (error instanceof HiveError) return null;
    throw error;
  }
}

/** The slots nobody has acted on yet, as far as they are known to come: at most `most`. */
function comingIn(
  { calendar, rules }: CompiledSchedule,
  { next, runs }: Schedule,
  { from, to }: Span,
  most: number,
): CalendarSlotView[] {
  const found: CalendarSlotView[] = [];
  if (next === null) return found;
  const allowed = rules.maxRuns === null ? Number.POSITIVE_INFINITY : rules.maxRuns - runs;
  // Where its runs end within reach, those before the range count, too; else they need not be walked through.
  const counts = allowed <= COUNTED_MAX;
  let left = counts ? allowed : Number.POSITIVE_INFINITY;
  let one = calendar.after((counts ? next.slot : Math.max(from, next.slot)) - 1);
  for (; one !== null && one.slot < to && left > 0 && found.length < most; one = calendar.after(one.slot)) {
    if (one.skip === null) left -= 1;
    if (one.slot < from) continue;
    const { slot, skip: reason } = one;
    found.push({ slot, state: "coming", reason, message: null, jobId: null, jobStatus: null });
  }
  return found;
}

function calendarSlot({ slot, outcome: state, reason, message, jobId, jobStatus }: PastSlotView): CalendarSlotView {
  return { slot, state, reason, message, jobId, jobStatus };
}

function refuse(path: string, message: string): HiveError {
  return new HiveError("invalid_field", `${path}: ${message}`, { fields: [{ path, message }] });
}

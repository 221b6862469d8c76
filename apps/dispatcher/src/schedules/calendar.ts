/**
 * The instants of a schedule: which slot comes after which. Pure, and the same everywhere: it knows the calendar and no
 * clock. A slot that is to make no job because of summer time is one all the same, so that it gets its record.
 *
 * For `cron`, croner works out the instants. A pattern that names its minutes and hours without `*` or a step has fixed
 * times: each is meant once a day, also on the day it does not exist, and on the day it comes twice. All other patterns
 * run through the night as clocks on the wall show it.
 */

import { durationMs, type ScheduleSpec } from "@hive/protocol";
import { Cron } from "croner";
import { offsetAt, readInstant } from "./local-time.ts";

/** One instant of a schedule, before it is known what becomes of it. */
export interface CalendarSlot {
  readonly slot: number;
  /** Summer time leaves no room for a job here; null: it makes one. */
  readonly skip: "dst_gap" | "dst_repeat" | null;
}

export interface Calendar {
  /** The first slot after an instant (not at it); null: there is none any more. */
  after(instant: number): CalendarSlot | null;
}

type When = Pick<ScheduleSpec, "cron" | "every" | "at" | "timezone" | "dst" | "limits">;

/** No wall clock was ever set back by more. */
const LONGEST_REPEAT_MS = 3 * 3_600_000;

/** The zone of a schedule that names none. */
export const DEFAULT_ZONE = "UTC";

/**
 * The calendar of settings that were checked: see `compile-schedule.ts`.
 * @throws Error with a sentence for people when the cron pattern or the zone cannot be read
 */
export function createCalendar(spec: When): Calendar {
  const zone = spec.timezone ?? DEFAULT_ZONE;
  const { start, end } = spec.limits ?? {};
  const from = start === undefined ? Number.NEGATIVE_INFINITY : (readInstant(start, zone) ?? 0);
  const until = end === undefined ? Number.POSITIVE_INFINITY : (readInstant(end, zone) ?? 0);
  const all = unlimited(spec, zone);
  return {
    after(instant) {
      const found = all.after(Math.max(instant, from - 1));
      return found === null || found.slot > until ? null : found;
    },
  };
}

function unlimited(spec: When, zone: string): Calendar {
  if (spec.cron !== undefined) return cronCalendar(spec.cron, zone, spec.dst ?? {});
  if (spec.every !== undefined) {
    const every = durationMs(spec.every) ?? 0;
    return { after: (instant) => ({ slot: (Math.floor(instant / every) + 1) * every, skip: null }) };
  }
  const at = readInstant(spec.at ?? "", zone);
  return { after: (instant) => (at === null || at <= instant ? null : { slot: at, skip: null }) };
}

function cronCalendar(pattern: string, zone: string, dst: NonNullable<When["dst"]>): Calendar {
  const cron = readCron(pattern, zone);
  const next = (instant: number): number | null => cron.nextRun(new Date(instant))?.getTime() ?? null;

  const usual = (slot: number): CalendarSlot => ({
    slot,
    // Not on the pattern: it stands in for a local time that does not exist.
    skip: dst.gap === "skip" && !cron.match(new Date(slot)) ? "dst_gap" : null,
  });

  /** The second coming of a fixed time, if one comes after this instant and before that slot. */
  function repeated(instant: number, before: number): number | null {
    const back = offsetAt(zone, instant - LONGEST_REPEAT_MS) - offsetAt(zone, instant + LONGEST_REPEAT_MS);
    // Nothing was set back around here, as on all nights but one.
    if (back <= 0) return null;
    // Only those whose second coming is in between, or each slot of such a night would look at all others.
    for (let slot = next(instant - back); slot !== null && slot + back < before; slot = next(slot)) {
      if (offsetAt(zone, slot) - back === offsetAt(zone, slot + back)) return slot + back;
    }
    return null;
  }

  return {
    after(instant) {
      const slot = next(instant);
      const twin = repeated(instant, slot ?? instant + 2 * LONGEST_REPEAT_MS);
      if (twin !== null) return { slot: twin, skip: dst.repeat === "both" ? null : "dst_repeat" };
      return slot === null ? null : usual(slot);
    },
  };
}

function readCron(pattern: string, zone: string): Cron {
  try {
    return new Cron(pattern, { timezone: zone, mode: "5-part", fixedTimeRule: "no-wildcard" });
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
    throw new Error(`"${pattern}" is no cron pattern of five fields (minute, hour, day, month, weekday): ${why}`, {
      cause: error,
    });
  }
}

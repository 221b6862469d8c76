/**
 * Turns the settings of a schedule into what the rest works with: a calendar, milliseconds, the rules of the core; or
 * lists all that is wrong with them. The same for hive.yaml and for the API. Pure.
 */

import { hash } from "node:crypto";
import type { Schedule, ScheduleRules, Slot } from "@hive/core";
import { durationMs, scheduleSpecSchema, type ScheduleSpec } from "@hive/protocol";
import { type Calendar, createCalendar, DEFAULT_ZONE } from "./calendar.ts";
import { isTimeZone, readInstant } from "./local-time.ts";
import { jobMaker, type JobMakerOptions, type JobsOf } from "./schedule-job.ts";

const HOUR_MS = 3_600_000;

/** What is made up for when a schule's slots came while nobody was there. */
export interface Catchup {
  readonly windowMs: number;
  readonly runs: "none" | "latest" | "all";
}

/** A schedule's settings with every default filled in. */
export interface CompiledSchedule {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly zone: string;
  readonly calendar: Calendar;
  /** What this schedule's slots are acted on later than they say, in milliseconds: always the same. */
  readonly lateMs: number;
  readonly catchup: Catchup;
  /** Milliseconds after which a slot is not begun any more; null: none. */
  readonly startWithinMs: number | null;
  readonly rules: ScheduleRules;
  readonly specHash: string;
  readonly jobsOf: JobsOf;
}

/** Something wrong, by the place in the settings. */
export interface ScheduleProblem {
  readonly path: string;
  readonly message: string;
}

export type ScheduleResult =
  | { readonly ok: true; readonly schedule: CompiledSchedule }
  | { readonly ok: false; readonly problems: readonly ScheduleProblem[] };

/** Why these settings make no slots that could be worked out; empty: they do. Needs no policy, so a start can ask. */
export function calendarProblems(spec: ScheduleSpec): readonly ScheduleProblem[] {
  const zone = spec.timezone ?? DEFAULT_ZONE;
  if (!isTimeZone(zone)) {
    return [{ path: "timezone", message: `there is no time zone "${zone}"; names are such as Europe/Berlin` }];
  }
  const problems: ScheduleProblem[] = [];
  const { start, end } = spec.limits ?? {};
  for (const [path, text] of [
    ["at", spec.at],
    ["limits.start", start],
    ["limits.end", end],
  ] as const) {
    if (text !== undefined && readInstant(text, zone) === null) {
      problems.push({ path, message: `"${text}" is no date that exists` });
    }
  }
  if (problems.length > 0) return problems;
  try {
    const { limits: _limits, ...always } = spec;
    if (spec.cron !== undefined && createCalendar(always).after(0) === null) {
      problems.push({ path: "cron", message: `"${spec.cron}" names a day that no year has, so it would never run` });
    }
  } catch (error) {
    problems.push({ path: "cron", message: error instanceof Error ? error.message : String(error) });
  }
  return problems;
}

/** The schedule, or everything that is wrong with its settings. */
export function compileSchedule(
  id: string,
  given: ScheduleSpec,
  managedBy: Schedule["managedBy"],
  options: JobMakerOptions,
): ScheduleResult {
  const problems = calendarProblems(given);
  if (problems.length > 0) return { ok: false, problems };
  const zone = given.timezone ?? DEFAULT_ZONE;
  const made = jobMaker(id, given.job, zone, options);
  if (!made.ok) return { ok: false, problems: made.problems };
  const { catchup = {}, limits = {} } = given;
  return {
    ok: true,
    schedule: {
      id,
      spec: given,
      zone,
      calendar: createCalendar(given),
      lateMs: Math.floor(shareOf(id) * ms(given.spread, 0)),
      catchup: { windowMs: ms(catchup.window, HOUR_MS), runs: catchup.runs ?? "latest" },
      startWithinMs: limits.startWithin === undefined ? null : ms(limits.startWithin, 0),
      rules: {
        overlap: given.overlap ?? "skip",
        pauseAfterFailures: given.pauseAfterFailures ?? null,
        maxRuns: limits.maxRuns ?? null,
      },
      specHash: hash("sha256", JSON.stringify([managedBy, given]), "base64url"),
      jobsOf: made.jobsOf,
    },
  };
}

/** A stored schedule as it was put; null when this version cannot read it any more. */
export function storedSpec(schedule: Schedule): ScheduleSpec | null {
  const parsed = scheduleSpecSchema.safeParse(schedule.spec);
  return parsed.success ? parsed.data : null;
}

/** The first slot that is acted on after `now` and comes after `beyond`, for settings that were just put. */
export function nextSlot({ calendar, lateMs }: CompiledSchedule, now: number, beyond: number | null): Slot | null {
  return placed(calendar.after(Math.max(now - lateMs, beyond ?? Number.NEGATIVE_INFINITY)), lateMs);
}

/** A slot with the time it is acted on. */
export function placed(found: { readonly slot: number } | null, lateMs: number): Slot | null {
  return found === null ? null : { slot: found.slot, dueAt: found.slot + lateMs };
}

/** This schedule's part of its spread, in [0, 1): of its id alone, so that a restart or another queen changes nothing. */
function shareOf(id: string): number {
  return Number.parseInt(hash("sha256", `spread ${id}`, "hex").slice(0, 12), 16) / 2 ** 48;
}

function ms(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : (durationMs(text) ?? otherwise);
}

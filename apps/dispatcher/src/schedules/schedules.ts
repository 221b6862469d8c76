/**
 * What people and hive.yaml do with schedules: put, remove, pause, resume, trigger, backfill, look ahead. Everything is
 * worked out here and decided by a command of the core; the clock itself is `schedule-clock.ts`.
 */

import {
  CLOCK,
  HiveError,
  scheduleKey,
  SLOTS_AT_ONCE,
  slotKey,
  type CommandOf,
  type Overlap,
  type PlannedSlot,
  type Replies,
  type Schedule,
  type SlotRecord,
} from "@hive/core";
import type { SchedulePreview, ScheduleSpec } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import { roughBytes } from "../queue/batch.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import type { Queue } from "../queue/contract.ts";
import { compileSchedule, type CompiledSchedule, nextSlot, placed, storedSpec } from "./compile-schedule.ts";
import { describeSpec } from "./describe.ts";
import { localText } from "./local-time.ts";
import { planSlots } from "./plan-slots.ts";

/** Slots one backfill may name. */
export const BACKFILL_MAX = 1_000;
/** Milliseconds that the slots of triggers, one for each, may run ahead of the clock. */
const AHEAD_MS = 60_000;
/** Of a slot that would have made a job. */
const CHANGED = "the settings were changed before anybody acted on it";
/** Bytes of jobs at which a firing of a backfill takes no more, as batches of the queue do. */
const FIRING_BYTES = 4 * 1024 * 1024;

export interface ScheduleParts {
  readonly queue: Pick<Queue, "submit" | "documents">;
  readonly clock: Pick<Clock, "wall">;
  readonly policy: JobPolicy;
}

/** Who asks for a change. */
export interface Asking {
  readonly by: string;
  /** The revision it must be at; 0: there must be none; null: any. */
  readonly revision: number | null;
}

export type Put = Replies["putSchedule"];

/** All schedules of a server, as whoever changes them sees them. */
export interface Schedules {
  /** @throws HiveError `invalid_field` listing everything, `managed_by_file`, `stale_schedule` */
  put(id: string, spec: ScheduleSpec, asking: Asking): Promise<Put>;
  remove(id: string, asking: Asking): Promise<boolean>;
  pause(id: string, by: string, reason: string): Promise<Schedule>;
  /** Goes on with the next slot from now; those in between are not made up for. */
  resume(id: string, by: string): Promise<Schedule>;
  /** A job at once. Its slot is this instant. */
  trigger(id: string, by: string, overlap: Overlap | null): Promise<readonly SlotRecord[]>;
  /** Jobs for the slots of a time that is over, both ends part of it; slots that have a job are left as they are. */
  backfill(id: string, by: string, span: BackfillSpan): Promise<readonly SlotRecord[]>;
  /** What is to come of settings nobody has put yet. */
  preview(spec: ScheduleSpec, count: number): SchedulePreview;
  /** The schedule and what its settings mean. @throws HiveError `not_found` */
  find(id: string): Promise<{ readonly schedule: Schedule; readonly compiled: CompiledSchedule }>;
}

export interface BackfillSpan {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly overlap: Overlap;
}

export function createSchedules({ queue, clock, policy }: ScheduleParts): Schedules {
  let lastTrigger = 0;

  async function stored(id: string): Promise<Schedule | null> {
    const [doc = null] = await queue.documents.get([scheduleKey(id)]);
    return doc === null ? null : asSchedule(doc);
  }

  async function find(id: string): Promise<{ schedule: Schedule; compiled: CompiledSchedule }> {
    const schedule = await stored(id);
    if (schedule === null) throw new HiveError("not_found", `There is no schedule ${id}`, { id });
    return { schedule, compiled: compileStored(schedule, policy) };
  }

  /** Whether a job of it would be accepted, all things considered. @throws HiveError `invalid_field` */
  async function tryJob(compiled: CompiledSchedule, slot: number, now: number): Promise<void> {
    const [job] = compiled.jobsOf(slot, now);
    const repo = await policy.refuseAddress(job.repo, "repository");
    if (repo !== null) throw refuse("job.repo", repo);
    const callback = job.callbackUrl === null ? null : await policy.refuseAddress(job.callbackUrl, "callback");
    if (callback !== null) throw refuse("job.callbackUrl", callback);
  }

  async function fire(
    schedule: Schedule,
    slots: readonly PlannedSlot[],
    by: string,
    overlap: Overlap | null,
  ): Promise<readonly SlotRecord[]> {
    const command: CommandOf<"fireSchedule"> = {
      ...{ type: "fireSchedule", id: schedule.id, revision: schedule.revision, from: null, slots, next: null, by },
      ...(overlap === null ? {} : { overlap }),
    };
    return (await queue.submit<"fireSchedule">(command)).records;
  }

  /**
   * What came due under settings that are about to change makes no job any more, whatever `catchup` said: all of it goes on
   * record. Gives the schedule as it is then.
   */
  async function passOver(schedule: Schedule, now: number): Promise<Schedule | null> {
    const { id, next, revision } = schedule;
    const spec = storedSpec(schedule);
    if (next === null || next.dueAt > now || spec === null) return schedule;
    const old = compileSchedule(id, spec, schedule.managedBy, { policy });
    const plan = old.ok ? planSlots(old.schedule, next.slot, Math.max(now, next.slot + old.schedule.lateMs)) : null;
    if (plan === null) return schedule;
    const slots = plan.entries.map(({ slot, skip, message }): PlannedSlot => {
      return { slot, skip: skip ?? "missed", message: message ?? (skip === null ? CHANGED : null) };
    });
    const command = { type: "fireSchedule", id, revision, from: next.slot, slots, next: plan.next, by: CLOCK } as const;
    await queue.submit<"fireSchedule">(command).catch((error: unknown) => {
      // The clock or a person was there first: what is due is decided.
      if (!(error instanceof HiveError) || error.code !== "stale_schedule") throw error;
    });
    return stored(id);
  }

  return {
    find,

    async put(id, spec, { by, revision }) {
      const managedBy = by === "file" ? "file" : "api";
      const now = clock.wall();
      const compiled = compiledOrRefused(id, spec, managedBy, policy);
      const known = await stored(id);
      if (known?.managedBy === "file" && managedBy === "api") throw managedByFile(id);
      const changes = known !== null && known.specHash !== compiled.specHash;
      const before = changes && (revision ?? known.revision) === known.revision ? await passOver(known, now) : known;
      const next = nextSlot(compiled, now, before === null ? null : decidedSlot(before, now));
      if (managedBy === "api") {
        // The same again changes nothing, also when its only time is over by now.
        const same = before?.specHash === compiled.specHash;
        if (next === null && !same) throw refuse("", "no slot of it is in the future, so it would never run");
        if (next !== null) await tryJob(compiled, next.slot, now);
      }
      return queue.submit<"putSchedule">({
        type: "putSchedule",
        // Only JSON goes into the store: what was left out is not there.
        schedule: { id, managedBy, spec: { ...spec }, specHash: compiled.specHash, rules: compiled.rules },
        next,
        revision,
      });
    },

    async remove(id, { by, revision }) {
      return (await queue.submit<"removeSchedule">({ type: "removeSchedule", id, by, revision })).removed;
    },

    async pause(id, by, reason) {
      const pause = { type: "pauseSchedule", id, paused: true, by, reason, revision: null, next: null } as const;
      return (await queue.submit<"pauseSchedule">(pause)).schedule;
    },

    async resume(id, by) {
      const { schedule, compiled } = await find(id);
      const now = clock.wall();
      // One that still waits for its share of the spread comes after all, whatever a person asked for meanwhile.
      const first = nextSlot(compiled, now, null);
      const isDecided = first !== null && (await queue.documents.get([slotKey(id, first.slot)]))[0] !== null;
      const next = isDecided ? nextSlot(compiled, now, decidedSlot(schedule, now)) : first;
      const { revision } = schedule;
      const resume = { type: "pauseSchedule", id, paused: false, by, reason: "", revision, next } as const;
      return (await queue.submit<"pauseSchedule">(resume)).schedule;
    },

    async trigger(id, by, overlap) {
      const { schedule, compiled } = await find(id);
      const now = clock.wall();
      // One slot is one job for ever: two people in the same millisecond get two slots.
      const instant = (): number => (lastTrigger = isAhead(lastTrigger, now) ? now : Math.max(now, lastTrigger + 1));
      let slot = instant();
      while ((await queue.documents.get([slotKey(id, slot)]))[0] !== null) slot = instant();
      return fire(schedule, [{ slot, jobs: compiled.jobsOf(slot, now) }], `trigger:${by}`, overlap);
    },

    async backfill(id, by, { from, to, overlap }) {
      const { schedule, compiled } = await find(id);
      const now = clock.wall();
      if (to > now) throw refuse("to", "lies in the future; a backfill is for slots that are over");
      const slots: number[] = [];
      const { calendar } = compiled;
      for (let one = calendar.after(from - 1); one !== null && one.slot <= to; one = calendar.after(one.slot)) {
        if (one.skip !== null) continue;
        if (slots.length === BACKFILL_MAX) {
          throw refuse("from", `these are more than ${BACKFILL_MAX} slots; ask for them in parts`);
        }
        slots.push(one.slot);
      }
      const records: SlotRecord[] = [];
      let some: PlannedSlot[] = [];
      let bytes = 0;
      for (const slot of slots) {
        // Only now: a thousand large jobs at once would be more than there is room for.
        const jobs = compiled.jobsOf(slot, now);
        some.push({ slot, jobs });
        bytes += roughBytes(jobs);
        if (some.length < SLOTS_AT_ONCE && bytes < FIRING_BYTES && slot !== slots.at(-1)) continue;
        records.push(...(await fire(schedule, some, `backfill:${by}`, overlap)));
        some = [];
        bytes = 0;
      }
      return records;
    },

    preview(spec, count) {
      const compiled = compiledOrRefused("preview", spec, "api", policy);
      return comingSlots(compiled, clock.wall(), count);
    },
  };
}

/** The next slots of a schedule, for people. */
export function comingSlots(compiled: CompiledSchedule, now: number, count: number): SchedulePreview {
  const { calendar, lateMs, zone, spec } = compiled;
  const slots: SchedulePreview["slots"] = [];
  for (let one = calendar.after(now - lateMs); one !== null && slots.length < count; one = calendar.after(one.slot)) {
    const { slot } = one;
    const dueAt = placed(one, lateMs)?.dueAt ?? slot;
    slots.push({ slot, dueAt, local: localText(zone, slot), utc: new Date(slot).toISOString(), skip: one.skip });
  }
  return { words: describeSpec(spec), timezone: zone, slots };
}

/** What comes next comes after this slot; null: after any. */
function decidedSlot({ lastSlot, next }: Schedule, now: number): number | null {
  // A clock that was set to the future by mistake was there.
  if (lastSlot === null || lastSlot > now) return null;
  // One waits for its share of the spread, and what a person asked for meanwhile is newer.
  return next !== null && next.slot <= lastSlot ? next.slot - 1 : lastSlot;
}

/** Whether it was taken from a clock that was set to the future by mistake: nobody asks so often at once. */
function isAhead(lastTrigger: number, now: number): boolean {
  return lastTrigger > now + AHEAD_MS;
}

/** A document of the collection `schedules`: written by this program from this very type. */
export function asSchedule(doc: object): Schedule {
  return doc as Schedule;
}

/** @throws HiveError `not_supported` when this version cannot read its settings */
export function compileStored(schedule: Schedule, policy: JobPolicy): CompiledSchedule {
  const spec = storedSpec(schedule);
  if (spec === null) {
    throw new HiveError("not_supported", `The settings of schedule ${schedule.id} cannot be read; put them again`);
  }
  return compiledOrRefused(schedule.id, spec, schedule.managedBy, policy);
}

function compiledOrRefused(
  id: string,
  spec: ScheduleSpec,
  managedBy: Schedule["managedBy"],
  policy: JobPolicy,
): CompiledSchedule {
  const result = compileSchedule(id, spec, managedBy, { policy });
  if (result.ok) return result.schedule;
  const text = result.problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new HiveError("invalid_field", text, { fields: result.problems });
}

function refuse(path: string, message: string): HiveError {
  return new HiveError("invalid_field", path === "" ? message : `${path}: ${message}`, { fields: [{ path, message }] });
}

function managedByFile(id: string): HiveError {
  return new HiveError("managed_by_file", `Schedule ${id} stands in hive.yaml; change it there and start again`, {
    id,
  });
}

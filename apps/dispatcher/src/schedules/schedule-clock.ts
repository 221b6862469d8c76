/**
 * The clock: brings the slots that are due to the core, on the queen alone. It keeps nothing that matters. What comes next
 * stands in the store, the core refuses a slot that is not next, and everything else here is read again at each beginning
 * as the queen: so a crash between any two lines costs time and nothing else, and two clocks on one store make one job.
 *
 * It looks when a slot is due, when the core says that a schedule wants it, when a job of a schedule ended, and at least
 * every ten seconds: wall clocks jump, and machines sleep.
 */

import { CLOCK, type CommandOf, HiveError, type PlannedSlot, scheduleKey, type Schedule, slotKey } from "@hive/core";
import type { ScheduleSpec } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import type { JobPolicy } from "../queue/compile-job.ts";
import type { Queue } from "../queue/contract.ts";
import type { CompiledSchedule } from "./compile-schedule.ts";
import { type PlanEntry, planSlots } from "./plan-slots.ts";
import { asSchedule, compileStored, type Schedules } from "./schedules.ts";

/** The longest time between two looks, and the time after which what could not be done is tried again, in milliseconds. */
const LOOK_MS = 10_000;
const AGAIN_MS = 5_000;
/** The same once that was of no use and should not happen at all, in milliseconds. */
const AGAIN_BROKEN_MS = 60_000;
/** Schedules that are worked on at the same time: their commits are shared. */
const AT_ONCE = 32;
/** How often one look at a schedule may find that it was changed meanwhile. */
const CHANGES_MAX = 8;
/** Ids of jobs that the clock made begin with their schedule's id, which has no dot. */
const SLOT_JOB = /^([a-z0-9][a-z0-9-]{0,47})\.\d{8}T\d{6}(?:\d{3})?Z$/;

export interface ScheduleClockOptions {
  readonly queue: Pick<Queue, "submit" | "read" | "documents" | "onEffect" | "onReadiness" | "readiness">;
  readonly clock: Clock;
  readonly policy: JobPolicy;
  readonly schedules: Schedules;
  /** `schedules:` of hive.yaml: put at each beginning as the queen; those that are not there any more are removed. */
  readonly fromFile: Readonly<Record<string, ScheduleSpec>>;
  readonly onTrouble: (message: string, error: unknown) => void;
}

export interface ScheduleClock {
  start(): void;
  /** Waits for what is under way. Safe to call twice. */
  stop(): Promise<void>;
}

/** When a schedule wants to be looked at, in wall milliseconds; null: only when something happens. */
interface Known {
  readonly dueAt: number | null;
  /** Not before this instant of the monotonic clock. */
  readonly notBefore: number;
}

export function createScheduleClock(options: ScheduleClockOptions): ScheduleClock {
  const { queue, clock, policy, schedules, fromFile, onTrouble } = options;
  const known = new Map<string, Known>();
  /** Schedules to look at, in order; one that is being looked at may wait here again. */
  const waiting = new Set<string>();
  const busy = new Map<string, Promise<void>>();
  /** Schedules whose last look ended with what should not happen. */
  const broken = new Set<string>();
  let cancelTimer = (): void => {};
  /** Of a beginning that did not succeed: not the timer above, which is set anew whenever a schedule was looked at. */
  let cancelAgain = (): void => {};
  let isQueen = false;
  let stopped = false;
  let beginning: Promise<void> | null = null;

  function look(id: string): void {
    if (!isQueen || stopped) return;
    waiting.add(id);
    pump();
  }

  function pump(): void {
    for (const id of waiting) {
      if (busy.size >= AT_ONCE) return;
      if (busy.has(id)) continue;
      waiting.delete(id);
      busy.set(
        id,
        work(id)
          .then(() => void broken.delete(id))
          .catch((error: unknown) => failed(id, error))
          .finally(() => {
            busy.delete(id);
            pump();
            arm();
          }),
      );
    }
  }

  function failed(id: string, error: unknown): void {
    // A standby, a store that is away, a full queue: the next look goes on.
    const usual = error instanceof HiveError && ["not_ready", "store_failed", "queue_full"].includes(error.code);
    // What a store that does not answer throws is its own: the first time it may be that, and the slot is on time still.
    const wait = usual || !broken.has(id) ? AGAIN_MS : AGAIN_BROKEN_MS;
    if (!usual) {
      broken.add(id);
      onTrouble(`schedule ${id} could not be acted on; it is tried again in ${wait / 1_000} seconds`, error);
    }
    known.set(id, { dueAt: clock.wall(), notBefore: clock.mono() + wait });
  }

  function arm(): void {
    cancelTimer();
    if (!isQueen || stopped) return;
    const [wall, mono] = [clock.wall(), clock.mono()];
    let wait = LOOK_MS;
    for (const [id, { dueAt, notBefore }] of known) {
      if (dueAt === null || busy.has(id) || waiting.has(id)) continue;
      wait = Math.min(wait, Math.max(dueAt - wall, notBefore - mono, 0));
    }
    cancelTimer = clock.after(Math.ceil(wait), () => {
      const [now, passed] = [clock.wall(), clock.mono()];
      for (const [id, { dueAt, notBefore }] of known)
        if (dueAt !== null && dueAt <= now && notBefore <= passed) look(id);
      arm();
    });
  }

  /** Does all that this schedule wants now, and remembers when it wants something again. */
  async function work(id: string): Promise<void> {
    for (let changes = 0; changes < CHANGES_MAX; changes += 1) {
      const [doc = null] = await queue.documents.get([scheduleKey(id)]);
      if (doc === null) {
        known.delete(id);
        return;
      }
      const schedule = await settle(asSchedule(doc));
      if (schedule === null) continue;
      const compiled = compileStored(schedule, policy);
      const fired = (await fireDue(schedule, compiled)) || (await fireBuffered(schedule, compiled));
      if (fired) continue;
      known.set(id, { dueAt: schedule.next?.dueAt ?? null, notBefore: 0 });
      return;
    }
    // Somebody changes it all the time, or a hundred slots wait: others have their turn first.
    known.set(id, { dueAt: clock.wall(), notBefore: clock.mono() });
  }

  /** Tells the core which of its jobs are over. */
  async function settle(schedule: Schedule): Promise<Schedule | null> {
    if (schedule.open.length === 0) return schedule;
    const over = await queue.read((state) => schedule.open.filter((jobId) => !state.jobs.has(jobId)));
    let latest: Schedule | null = schedule;
    for (const jobId of over) {
      latest = (await queue.submit<"settleSlot">({ type: "settleSlot", id: schedule.id, jobId })).schedule;
    }
    return latest;
  }

  async function fireDue(schedule: Schedule, compiled: CompiledSchedule): Promise<boolean> {
    const { next } = schedule;
    const now = clock.wall();
    if (next === null || next.dueAt > now) return false;
    const plan = planSlots(compiled, next.slot, Math.max(now, next.slot + compiled.lateMs));
    if (plan === null) return false;
    await fire(schedule, { from: next.slot, next: plan.next }, compiled, plan.entries);
    return true;
  }

  async function fireBuffered(schedule: Schedule, compiled: CompiledSchedule): Promise<boolean> {
    const { lateMs, startWithinMs, rules } = compiled;
    const [slot] = schedule.buffered;
    const isFree = schedule.open.length === 0;
    if (slot === undefined || (!isFree && rules.overlap !== "allow")) return false;
    const [record = null] = await queue.documents.get([slotKey(schedule.id, slot)]);
    // What a person asked for waits in the way that was asked, and may be as old as it is.
    const isAsked = record?.["by"] !== CLOCK;
    if (isAsked && !isFree) return false;
    const isLate = !isAsked && startWithinMs !== null && clock.wall() - slot - lateMs > startWithinMs;
    await fire(schedule, { from: null, next: null }, compiled, [
      { slot, skip: isLate ? "too_late" : null, message: null },
    ]);
    return true;
  }

  async function fire(
    { id, revision }: Schedule,
    place: Pick<CommandOf<"fireSchedule">, "from" | "next">,
    compiled: CompiledSchedule,
    entries: readonly PlanEntry[],
  ): Promise<void> {
    const command = (slots: readonly PlannedSlot[]): CommandOf<"fireSchedule"> => ({
      ...{ type: "fireSchedule", id, revision, slots, by: CLOCK },
      ...place,
    });
    const now = clock.wall();
    try {
      await queue.submit<"fireSchedule">(command(entries.map((entry) => planned(entry, compiled, now))));
    } catch (error) {
      if (!(error instanceof HiveError) || error.code === "queue_full" || error.code === "not_ready") throw error;
      if (error.code === "store_failed" || error.code === "internal") throw error;
      // Changed meanwhile: it is read again and looked at anew.
      if (error.code === "stale_schedule" || error.code === "not_found") return;
      // The queue does not take such a job (it waits for one that does not exist, …): that is what became of the slots.
      const refused = entries.map((entry) =>
        entry.skip === null ? { ...entry, skip: "refused" as const, message: error.message } : entry,
      );
      await queue.submit<"fireSchedule">(command(refused.map((entry) => planned(entry, compiled, now))));
    }
  }

  async function begin(): Promise<void> {
    known.clear();
    waiting.clear();
    broken.clear();
    await readFile();
    type Page = Awaited<ReturnType<typeof queue.documents.list>>;
    for (let after: Page["next"] | undefined; after !== null; ) {
      const place = after === undefined ? {} : { after };
      const page: Page = await queue.documents.list({ collection: "schedules", limit: 1_000, ...place });
      for (const { id, doc } of page.items) {
        if (asSchedule(doc).managedBy === "file" && !Object.hasOwn(fromFile, id)) {
          await schedules.remove(id, { by: "file", revision: null });
          continue;
        }
        known.set(id, { dueAt: null, notBefore: 0 });
        look(id);
      }
      after = page.next;
    }
    arm();
  }

  /** Makes the schedules of hive.yaml what they are there. One that is refused harms no other. */
  async function readFile(): Promise<void> {
    for (const [id, spec] of Object.entries(fromFile)) {
      try {
        await schedules.put(id, spec, { by: "file", revision: null });
      } catch (error) {
        if (!(error instanceof HiveError) || error.code !== "invalid_field") throw error;
        onTrouble(`schedule ${id} of hive.yaml cannot be used: ${error.message}`, error);
      }
    }
  }

  function changed(ready: boolean): void {
    isQueen = ready;
    cancelTimer();
    cancelAgain();
    if (!ready || stopped) return;
    beginning = begin().catch((error: unknown) => {
      if (!isQueen || stopped) return;
      onTrouble("the schedules cannot be read; trying again in a moment", error);
      cancelAgain();
      cancelAgain = clock.after(AGAIN_MS, () => changed(queue.readiness().ready));
    });
  }

  const unlisten: (() => void)[] = [];
  return {
    start() {
      unlisten.push(
        queue.onReadiness(({ ready }) => changed(ready)),
        queue.onEffect((effect) => {
          if (effect.type === "schedule") {
            if (!known.has(effect.id)) known.set(effect.id, { dueAt: null, notBefore: 0 });
            look(effect.id);
          } else if (effect.type === "ended") {
            const id = SLOT_JOB.exec(effect.jobId)?.[1];
            if (id !== undefined && known.has(id)) look(id);
          }
        }),
      );
      changed(queue.readiness().ready);
    },
    async stop() {
      stopped = true;
      cancelTimer();
      cancelAgain();
      waiting.clear();
      for (const stop of unlisten.splice(0)) stop();
      await beginning;
      await Promise.all(busy.values());
    },
  };
}

/** A slot as the core takes it: with its jobs, or with the reason why there are none. */
function planned({ slot, skip, message }: PlanEntry, compiled: CompiledSchedule, now: number): PlannedSlot {
  if (skip !== null) return { slot, skip, message };
  try {
    return { slot, jobs: compiled.jobsOf(slot, now) };
  } catch (error) {
    if (!(error instanceof HiveError)) throw error;
    return { slot, skip: "refused", message: error.message };
  }
}

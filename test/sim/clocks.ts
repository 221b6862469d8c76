/**
 * Who keeps the clocks of schedules: two programs that know nothing of each other, look at the same schedules and bring
 * the same slots, again where they do not know what became of a request. And people who pause, change, remove and trigger
 * schedules at random moments. After the trouble nothing new comes, and what waits is let through.
 *
 * All slots of a schedule are `STEP_MS` apart; each change of its settings moves them by some milliseconds.
 */

import {
  CLOCK,
  type CommandOf,
  type NewJob,
  OVERLAPS,
  type Overlap,
  type PlannedSlot,
  type Schedule,
  scheduleKey,
  type Slot,
} from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { ApiError, type ScheduleSpec, UnreachableError } from "@hive/protocol";
import { dice, type Dice } from "./dice.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { fileSchedules } from "./file-schedules.ts";
import { LATEST_MS } from "./network.ts";
import { Program } from "./program.ts";
import { STEP_MS } from "./rules.ts";
import type { World } from "./world.ts";

const CLOCKS = 2;
/** Slots that are made up for; older ones were missed. */
const MADE_UP = 2;
/** Slots of one firing. */
const AT_ONCE = 20;

type Fire = CommandOf<"fireSchedule">;

export class Clocks {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #people: Program;
  readonly #asked = new Set<string>();
  /** The schedules of the dispatchers' file. */
  readonly fromFile: Readonly<Record<string, ScheduleSpec>>;
  /** Schedules that may still want something, by their name. */
  readonly #restless = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "clocks");
    this.fromFile = fileSchedules(world);
    this.#people = new Program("people of schedules", world.time, dice(world.seed, "people of schedules"));
  }

  /** Schedules that are not at rest yet. */
  get waiting(): number {
    return this.#restless.size;
  }

  start(): void {
    const { scenario, time, seed } = this.#world;
    for (let n = 0; n < (scenario.schedules ?? 0); n += 1) {
      const id = `${OVERLAPS[n % OVERLAPS.length]?.replace("_", "-") ?? ""}-${n}`;
      this.#restless.add(id);
      for (let clock = 0; clock < CLOCKS; clock += 1) {
        void this.#keep(id, new Program(`clock-${clock}`, time, dice(seed, `clock-${clock} of ${id}`)));
      }
      void this.#put(id);
      this.#meddle(id);
    }
    for (const id of Object.keys(this.fromFile)) void this.#watch(id);
  }

  /** Whether the dispatchers' own clock still has something to do for this schedule. */
  async #watch(id: string): Promise<void> {
    this.#restless.add(id);
    while (this.#restless.has(id)) {
      await this.#people.sleep(2 * STEP_MS);
      const isQuiet = this.#isQuiet();
      const schedule = await this.#find(id).catch(() => undefined);
      this.#rested(id, isQuiet && (schedule === null || (schedule !== undefined && isIdle(schedule))));
    }
  }

  #isQuiet(): boolean {
    return this.#world.time.now > this.#world.scenario.troubleMs + LATEST_MS;
  }

  /** One program looks after one schedule, until it is at rest. */
  async #keep(id: string, program: Program): Promise<void> {
    while (this.#restless.has(id)) {
      await program.sleep(this.#dice.int(50, STEP_MS));
      try {
        await this.#look(id, program);
      } catch (error) {
        const isUsual = error instanceof ApiError || error instanceof UnreachableError;
        if (!isUsual) this.#world.trouble("a clock broke", error);
      }
    }
  }

  async #look(id: string, program: Program): Promise<void> {
    const isQuiet = this.#isQuiet();
    const seen = await this.#ask(program, async (queue) => {
      const [doc = null] = await queue.documents.get([scheduleKey(id)]);
      const stored: unknown = doc;
      const schedule = stored as Schedule | null;
      return { schedule, over: await queue.read(({ jobs }) => (schedule?.open ?? []).filter((job) => !jobs.has(job))) };
    });
    const { schedule, over } = seen;
    if (schedule === null) return this.#rested(id, isQuiet);
    for (const jobId of over) {
      await this.#ask(program, (queue) => queue.submit<"settleSlot">({ type: "settleSlot", id, jobId }));
    }
    const fire = this.#due(schedule) ?? waits(schedule);
    if (fire !== null) await this.#fire(program, fire);
    this.#rested(id, isQuiet && isIdle(schedule));
  }

  #rested(id: string, itIs: boolean): void {
    if (itIs) this.#restless.delete(id);
  }

  /** The firing of all slots that are due; null: none is. */
  #due({ id, revision, next }: Schedule): Fire | null {
    const now = this.#world.time.wall();
    if (next === null || next.dueAt > now) return null;
    const due: number[] = [];
    for (let slot = next.slot; slot <= now && due.length < AT_ONCE; slot += STEP_MS) due.push(slot);
    const slots = due.map((slot, place): PlannedSlot => {
      if (place < due.length - MADE_UP) return { slot, skip: "missed", message: null };
      return { slot, jobs: [scheduledJob(id, slot)] };
    });
    const after = next.slot + due.length * STEP_MS;
    return {
      ...{ type: "fireSchedule", id, revision, from: next.slot, slots, by: CLOCK },
      next: this.#world.inTrouble ? { slot: after, dueAt: after } : null,
    };
  }

  /** Sends a firing, and now and then once more without a look at what became of it. */
  async #fire(program: Program, fire: Fire): Promise<void> {
    const { history, time, counters } = this.#world;
    for (const planned of fire.slots) if ("jobs" in planned) this.note(planned.jobs[0]);
    for (;;) {
      const sentAt = time.now;
      try {
        const reply = await this.#ask(program, (queue) => queue.submit<"fireSchedule">(fire));
        const slots = reply.records.map(({ slot, outcome, jobId }) => ({ slot, outcome, jobId }));
        history.add({ kind: "fired", at: time.now, sentAt, schedule: fire.id, by: fire.by, slots });
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code === "stale_schedule") counters.count("slot fired twice");
        if (error instanceof ApiError && !error.retry) return;
        if (!this.#world.inTrouble || this.#dice.chance(0.3)) return;
        counters.count("slot fired again after an unknown outcome");
      }
      await program.sleep(this.#dice.int(50, STEP_MS));
    }
  }

  /** The job may be made from here on, by whoever's request. */
  note({ id, bodyHash, key, callback, maxAttempts, dependsOn }: NewJob): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    const { clients, history, time } = this.#world;
    clients.ids.push(id);
    history.add({
      ...{ kind: "enqueue", at: time.now, sentAt: time.now, id, bodyHash, outcome: "unknown", existing: false },
      brief: { key, callback, maxAttempts, dependsOn },
      status: null,
    });
  }

  #meddle(id: string): void {
    const { scenario, time } = this.#world;
    const mean = scenario.every.person;
    if (mean === null) return;
    time.after(this.#dice.int(1, 6 * mean), () => {
      if (!this.#world.inTrouble) return;
      this.#act(id).catch(() => undefined);
      this.#meddle(id);
    });
  }

  /** A person does something to a schedule, and may not learn what became of it. */
  async #act(id: string): Promise<void> {
    const chance = this.#dice;
    const by = "a person";
    const wall = this.#world.time.wall();
    const what = chance.pick(["pause", "resume", "resume", "put", "put", "remove", "trigger", "backfill", "backfill"]);
    switch (what) {
      case "put":
        return this.#put(id);
      case "remove":
        if (chance.chance(0.7)) return undefined;
        await this.#ask(this.#people, (queue) => queue.submit<"removeSchedule">({ type: "removeSchedule", id, by }));
        return this.#put(id);
      case "pause":
      case "resume": {
        const schedule = await this.#find(id);
        if (schedule === null) return undefined;
        const paused = what === "pause";
        const next = paused ? null : upcoming(wall, phaseOf(schedule));
        const pause = { type: "pauseSchedule", id, paused, by, reason: "", revision: schedule.revision, next } as const;
        await this.#ask(this.#people, (queue) => queue.submit<"pauseSchedule">(pause));
        return undefined;
      }
      default:
        return this.#wish(id, what === "trigger");
    }
  }

  /** A job at once, or the slots of the last while once more. */
  async #wish(id: string, now: boolean): Promise<void> {
    const schedule = await this.#find(id);
    if (schedule === null) return;
    const wall = Math.floor(this.#world.time.wall());
    const last = upcoming(wall, phaseOf(schedule)).slot - STEP_MS;
    const slots = now
      ? [wall]
      : Array.from({ length: this.#dice.int(1, 5) }, (_, n) => last - n * STEP_MS).toReversed();
    const overlap: Overlap = this.#dice.pick(["allow", "buffer_all", "skip"] as const);
    await this.#fire(this.#people, {
      ...{ type: "fireSchedule", id, revision: schedule.revision, from: null, next: null, overlap },
      slots: slots.map((slot): PlannedSlot => ({ slot, jobs: [scheduledJob(id, slot)] })),
      by: now ? "trigger:a person" : "backfill:a person",
    });
  }

  async #find(id: string): Promise<Schedule | null> {
    return this.#ask(this.#people, async ({ documents }) => {
      const [doc = null] = await documents.get([scheduleKey(id)]);
      const stored: unknown = doc;
      return stored as Schedule | null;
    });
  }

  /** New settings, until the outcome is known. */
  async #put(id: string): Promise<void> {
    const phase = this.#dice.int(0, STEP_MS - 1);
    const [name = ""] = id.split(/-\d+$/);
    const overlap = OVERLAPS.find((one) => one.replace("_", "-") === name) ?? "skip";
    const rules = { overlap, pauseAfterFailures: this.#dice.chance(0.4) ? 2 : null, maxRuns: null };
    const spec = { phase };
    const schedule = { id, managedBy: "api", spec, specHash: `${phase}`, rules } as const;
    while (this.#world.inTrouble) {
      try {
        const next = upcoming(this.#world.time.wall(), phase);
        const put = { type: "putSchedule", schedule, next, revision: null } as const;
        await this.#ask(this.#people, (queue) => queue.submit<"putSchedule">(put));
        return;
      } catch {
        await this.#people.sleep(this.#dice.int(200, 1_000));
      }
    }
  }

  #ask<T>(program: Program, ask: (queue: Dispatcher["queue"]) => Promise<T>): Promise<T> {
    const { replicas, scenario } = this.#world;
    const first = this.#dice.int(0, scenario.dispatchers - 1);
    return replicas.ask(program, ({ queue }) => ask(queue), { timeoutMs: 4_000, first });
  }
}

function isIdle({ next, open, buffered }: Schedule): boolean {
  return next === null && open.length === 0 && buffered.length === 0;
}

/** The first slot from now on of settings that begin so many milliseconds into a step. */
function upcoming(wall: number, phase: number): Slot {
  const slot = Math.ceil((wall - phase) / STEP_MS + 0.001) * STEP_MS + phase;
  return { slot, dueAt: slot };
}

function phaseOf({ spec }: Schedule): number {
  return Number(spec["phase"]);
}

/** The firing of the slot that has waited longest; null: none waits, or its place is not free. */
function waits({ id, revision, buffered, open }: Schedule): Fire | null {
  const [slot] = buffered;
  if (slot === undefined || open.length > 0) return null;
  const slots = [{ slot, jobs: [scheduledJob(id, slot)] }] as const;
  return { type: "fireSchedule", id, revision, from: null, slots, next: null, by: CLOCK };
}

function scheduledJob(id: string, slot: number): ReturnType<typeof newJob> {
  return newJob(`${id}.${slot}`, { timeoutMs: 15_000, origin: `schedule:${id}` });
}

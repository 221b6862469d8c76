/** A schedule and its firings, for the tests: slots are whole minutes, and every slot asks for one job. */

import type { NewJob } from "./command.ts";
import { newJob } from "./new-job.fixture.ts";
import { SUCCESS, type World } from "./queue.fixture.ts";
import {
  CLOCK,
  type Overlap,
  type PlannedSlot,
  type Schedule,
  type ScheduleRules,
  type SlotRecord,
} from "./schedule.ts";

export const MINUTE_MS = 60_000;

/** The instant of the n-th slot. */
export function slotAt(n: number): number {
  return 1_700_000_040_000 + n * MINUTE_MS;
}

/** The id of the n-th slot's job. */
export function slotJob(n: number, id = "nightly"): string {
  return `${id}.${n}`;
}

/** The n-th slot as the edge plans it. */
export function planned(n: number, what: Partial<NewJob> = {}, id = "nightly"): PlannedSlot {
  return { slot: slotAt(n), jobs: [newJob(slotJob(n, id), what)] };
}

export class Clockwork {
  readonly world: World;
  readonly id: string;

  constructor(world: World, rules: Partial<ScheduleRules> = {}, id = "nightly") {
    this.world = world;
    this.id = id;
    world.register("bee");
    this.put("1", rules);
  }

  put(specHash: string, rules: Partial<ScheduleRules> = {}, first = 0, revision: number | null = null) {
    const all: ScheduleRules = { overlap: "skip", pauseAfterFailures: null, maxRuns: null, ...rules };
    const schedule = { id: this.id, managedBy: "api", spec: { hash: specHash }, specHash, rules: all } as const;
    return this.world.do({ type: "putSchedule", schedule, next: at(first), revision });
  }

  /** The clock comes to the n-th slot; what comes next is the one after it. */
  tick(n: number, what: Partial<NewJob> = {}): SlotRecord {
    return one(this.fire([planned(n, what, this.id)], { from: slotAt(n), next: at(n + 1) }));
  }

  /** A firing that leaves the clock alone. */
  ask(by: string, slots: readonly PlannedSlot[], overlap?: Overlap): readonly SlotRecord[] {
    return this.fire(slots, { from: null, next: null }, by, overlap);
  }

  fire(
    slots: readonly PlannedSlot[],
    place: { readonly from: number | null; readonly next: Schedule["next"] },
    by: string = CLOCK,
    overlap?: Overlap,
  ): readonly SlotRecord[] {
    const { revision } = this.schedule;
    const more = overlap === undefined ? {} : { overlap };
    return this.world.do({ type: "fireSchedule", id: this.id, revision, slots, by, ...place, ...more }).records;
  }

  /** Ends the oldest job that waits in the queue, and settles it. */
  work(outcome: Parameters<World["finish"]>[1] = SUCCESS): string {
    const lease = this.world.start("bee");
    this.world.finish(lease, outcome);
    this.settle(lease.jobId);
    return lease.jobId;
  }

  settle(jobId: string): Schedule | null {
    return this.world.do({ type: "settleSlot", id: this.id, jobId }).schedule;
  }

  pause(paused: boolean, next: Schedule["next"] = null, revision: number | null = null): Schedule {
    const { id } = this;
    return this.world.do({ type: "pauseSchedule", id, paused, by: "ann", reason: "holidays", revision, next }).schedule;
  }

  get schedule(): Schedule {
    const stored: unknown = this.world.store.get(`schedules/${this.id}`);
    if (stored === undefined) throw new Error(`there is no schedule ${this.id}`);
    return stored as Schedule;
  }

  /** What became of the slots, oldest first: `n: job`, or why not. */
  get story(): readonly string[] {
    return this.records.map(({ slot, outcome, reason }) => `${(slot - slotAt(0)) / MINUTE_MS}: ${reason ?? outcome}`);
  }

  get records(): readonly SlotRecord[] {
    return [...this.world.store]
      .filter(([key]) => key.startsWith(`slots/${this.id}/`))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, doc]): SlotRecord => {
        const record: unknown = doc;
        return record as SlotRecord;
      });
  }
}

/** The n-th slot, acted on at once. */
export function at(n: number): Schedule["next"] {
  return { slot: slotAt(n), dueAt: slotAt(n) };
}

function one(records: readonly SlotRecord[]): SlotRecord {
  const [record] = records;
  if (record === undefined) throw new Error("nothing became of the slot");
  return record;
}

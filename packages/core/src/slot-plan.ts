/**
 * What becomes of the slots of a firing, before anything is changed: so that a firing that cannot be carried out (there is
 * no room in the queue) leaves everything as it was. Slots are looked at in their order; a job made for one of them stands
 * in the way of the next as any other job of the schedule does.
 */

import { storedHash } from "./accept-jobs.ts";
import type { CommandOf, NewJob } from "./command.ts";
import { waitsOf } from "./commands/wait.ts";
import { HiveError } from "./errors.ts";
import {
  BUFFERED_MAX,
  CLOCK,
  type Overlap,
  type PlannedSlot,
  type Schedule,
  type SkipReason,
  type SlotRecord,
} from "./schedule.ts";
import { readSlot } from "./schedule-record.ts";
import type { Step } from "./step.ts";

/** What is to be done about one slot. */
export type Verdict =
  /** It has its record already, or goes on waiting. */
  | { readonly do: "leave"; readonly slot: number }
  | { readonly do: "skip"; readonly slot: number; readonly reason: SkipReason; readonly message: string | null }
  | { readonly do: "wait"; readonly slot: number }
  /** There is a job of this id already: it is the slot's. */
  | { readonly do: "name"; readonly slot: number; readonly jobId: string }
  | {
      readonly do: "make";
      readonly slot: number;
      readonly jobs: readonly [NewJob, ...NewJob[]];
      /** Jobs of earlier slots that are to end for it. */
      readonly instead: boolean;
    };

/** Looks at the slots of one firing, one after the other. */
export class SlotPlan {
  readonly #step: Step;
  readonly #schedule: Schedule;
  readonly #overlap: Overlap;
  readonly #by: string;
  readonly #made = new Set<string>();
  readonly #judged = new Set<number>();
  /** A job of the schedule is not over. */
  #busy: boolean;
  #runs: number;
  #buffered: readonly number[];

  constructor(step: Step, schedule: Schedule, { overlap, by }: Pick<CommandOf<"fireSchedule">, "overlap" | "by">) {
    this.#step = step;
    this.#schedule = schedule;
    this.#overlap = overlap ?? schedule.rules.overlap;
    this.#by = by;
    this.#busy = schedule.open.some((id) => step.state.jobs.has(id));
    this.#runs = schedule.runs;
    this.#buffered = schedule.buffered;
  }

  /** What becomes of this slot; that its job cannot be taken in is a verdict, too. */
  judge(planned: PlannedSlot): Verdict {
    const { slot } = planned;
    if (this.#judged.has(slot)) return { do: "leave", slot };
    this.#judged.add(slot);
    const known = readSlot(this.#step, this.#schedule.id, slot);
    if (known !== null && !this.#isOpen(known)) return { do: "leave", slot };
    const verdict = "skip" in planned ? skip(slot, planned.skip, planned.message) : this.#judgeJobs(planned, known);
    if (verdict.do !== "leave" && verdict.do !== "wait") {
      this.#buffered = this.#buffered.filter((waiting) => waiting !== slot);
    }
    return verdict;
  }

  /** May something still be decided about a slot that has this record? */
  #isOpen({ outcome }: SlotRecord): boolean {
    return outcome === "buffered" || (outcome === "skipped" && this.#by !== CLOCK);
  }

  #judgeJobs({ slot, jobs }: Extract<PlannedSlot, { jobs: unknown }>, known: SlotRecord | null): Verdict {
    const [{ id }] = jobs;
    const by = askedBy(this.#by, known);
    if (this.#made.has(id) || storedHash(this.#step, jobs[0]) !== null) {
      if (this.#step.state.jobs.has(id)) this.#busy = true;
      return { do: "name", slot, jobId: id };
    }
    const { maxRuns } = this.#schedule.rules;
    if (by === CLOCK && maxRuns !== null && this.#runs >= maxRuns) {
      return skip(slot, "limit", `the schedule made the ${maxRuns} jobs it may make`);
    }
    const inTheWay = this.#inTheWay(slot);
    if (inTheWay !== null) return inTheWay;
    const live = this.#isAccepted(jobs);
    if (typeof live === "string") return skip(slot, "refused", live);
    if (by === CLOCK) this.#runs += 1;
    for (const job of jobs) this.#made.add(job.id);
    const instead = this.#overlap === "cancel_other" && this.#busy;
    if (live) this.#busy = true;
    return { do: "make", slot, jobs, instead };
  }

  /** What an earlier slot's job, or an earlier slot that waits, means for this one; null: it may have its job now. */
  #inTheWay(slot: number): Verdict | null {
    const waiting = this.#buffered;
    const place = waiting.indexOf(slot);
    switch (this.#overlap) {
      case "allow":
      case "cancel_other":
        return null;
      case "skip":
        // It waits because it was asked for in another way, and goes on waiting.
        if (place >= 0) return this.#busy || place > 0 ? { do: "leave", slot } : null;
        return this.#busy || waiting.length > 0 ? skip(slot, "overlap", null) : null;
      case "buffer_one":
        return this.#queueUp(slot, 1);
      case "buffer_all":
        return this.#queueUp(slot, BUFFERED_MAX);
    }
  }

  #queueUp(slot: number, most: number): Verdict | null {
    const waiting = this.#buffered;
    const place = waiting.indexOf(slot);
    if (place >= 0) return this.#busy || place > 0 ? { do: "leave", slot } : null;
    if (!this.#busy && waiting.length === 0) return null;
    // Where no job is in the way any more, the first that waits is as good as begun.
    if (waiting.length - (this.#busy ? 0 : 1) >= most) {
      return skip(
        slot,
        "buffer_full",
        `${waiting.length} ${waiting.length === 1 ? "slot waits" : "slots wait"} already`,
      );
    }
    this.#buffered = [...waiting, slot];
    return { do: "wait", slot };
  }

  /** Whether the job would live, or why it cannot be taken in at all. */
  #isAccepted(jobs: readonly [NewJob, ...NewJob[]]): boolean | string {
    const taken = jobs.find(
      (job) => this.#made.has(job.id) || (storedHash(this.#step, job) ?? job.bodyHash) !== job.bodyHash,
    );
    if (taken !== undefined) return `the id ${taken.id} is taken by another job`;
    try {
      const fresh = new Map(jobs.map((job) => [job.id, job]));
      return (waitsOf(this.#step, fresh).get(jobs[0].id)?.vain ?? null) === null;
    } catch (error) {
      if (error instanceof HiveError) return error.message;
      throw error;
    }
  }
}

function skip(slot: number, reason: SkipReason, message: string | null): Verdict {
  return { do: "skip", slot, reason, message };
}

/** Whose wish a slot's job is: where the clock comes to one that waited, still that of whoever asked for it. */
export function askedBy(by: string, known: SlotRecord | null): string {
  return by === CLOCK && known?.outcome === "buffered" ? known.by : by;
}

/**
 * Slots of a schedule are due: makes their jobs, or records why there are none. The jobs, the records and the next slot
 * are one commit, and it is taken only from whoever names the slot that is next: so however many servers keep the clock,
 * and however often one of them sends the same again, a slot makes one job.
 */

import { acceptJobs, acceptNeeds, checkRoom } from "../accept-jobs.ts";
import { cancelCandidates, cancelJob } from "../cancel-job.ts";
import type { CommandOf, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { CLOCK, type Schedule, SLOTS_AT_ONCE, type SlotRecord, slotKey } from "../schedule.ts";
import {
  findSchedule,
  isSpent,
  keepSchedule,
  keepSlot,
  readSlot,
  scheduleNeeds,
  stale,
  tellSkipped,
} from "../schedule-record.ts";
import { askedBy, SlotPlan, type Verdict } from "../slot-plan.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** Jobs of a schedule that are waited for; of more than these, the oldest are not. */
const OPEN_MAX = 1_000;

export function needs(state: State, { id, slots }: CommandOf<"fireSchedule">, docs: Docs): Key[] {
  // Each slot's by themselves: they are taken in one after the other, and any of them may be left out.
  const jobs = slots.flatMap((planned) => ("jobs" in planned ? acceptNeeds(state, planned.jobs, docs) : []));
  return [...scheduleNeeds(id, docs), ...slots.map(({ slot }) => slotKey(id, slot)), ...jobs];
}

/**
 * @throws HiveError not_found; stale_schedule when its settings or its next slot are others; queue_full when there is no
 * room for the jobs, and then nothing happened to any of the slots
 */
export function fireSchedule(step: Step, command: CommandOf<"fireSchedule">): Replies["fireSchedule"] {
  const { id, revision, from, slots, next } = command;
  const known = findSchedule(step, id, revision);
  if (from !== null && known.next?.slot !== from) throw stale(known, `does not come to ${from} next`);
  if (from !== null && next !== null && next.slot <= from)
    throw new Error(`${id} cannot go from ${from} to ${next.slot}`);
  if (slots.length > SLOTS_AT_ONCE) throw new Error(`${slots.length} slots of ${id} are too many for one firing`);
  const plan = new SlotPlan(step, known, command);
  const verdicts = slots.map((planned) => plan.judge(planned));
  checkRoom(
    step.state,
    verdicts.reduce((jobs, verdict) => jobs + (verdict.do === "make" ? verdict.jobs.length : 0), 0),
  );
  const firing = new Firing(step, known, command.by);
  for (const verdict of verdicts) firing.carryOut(verdict);
  return firing.done(from === null ? known.next : next);
}

/** The firing as far as it came. */
class Firing {
  readonly #step: Step;
  readonly #known: Schedule;
  readonly #by: string;
  readonly #records: SlotRecord[] = [];
  readonly #skipped: SlotRecord[] = [];
  readonly #written = new Map<number, SlotRecord>();
  /** Jobs that newer ones take the place of. */
  readonly #replaced = new Set<string>();
  #open: readonly string[];
  #buffered: readonly number[];
  #runs: number;

  constructor(step: Step, known: Schedule, by: string) {
    this.#step = step;
    this.#known = known;
    this.#by = by;
    this.#open = known.open;
    this.#buffered = known.buffered;
    this.#runs = known.runs;
  }

  carryOut(verdict: Verdict): void {
    const { slot } = verdict;
    switch (verdict.do) {
      case "leave": {
        const record = this.#written.get(slot) ?? readSlot(this.#step, this.#known.id, slot);
        if (record !== null) this.#records.push(record);
        return;
      }
      case "wait":
        this.#buffered = [...this.#buffered, slot];
        this.#record({ slot, outcome: "buffered", reason: null, message: null, jobId: null });
        return;
      case "skip": {
        const { reason, message } = verdict;
        this.#skipped.push(this.#record({ slot, outcome: "skipped", reason, message, jobId: null }));
        return;
      }
      case "name":
        this.#record({ slot, outcome: "job", reason: null, message: null, jobId: verdict.jobId });
        if (this.#step.state.jobs.has(verdict.jobId)) this.#opened(verdict.jobId);
        return;
      case "make":
        return this.#make(verdict);
    }
  }

  /** Stores the schedule where anything changed, and gives the reply. */
  done(next: Schedule["next"]): Replies["fireSchedule"] {
    const known = this.#known;
    // Last, for new jobs are judged by what was there before any was canceled.
    this.#endReplaced();
    tellSkipped(this.#step, known.id, this.#skipped);
    if (this.#written.size === 0 && next === known.next) return { schedule: known, records: this.#records };
    const lastSlot = Math.max(known.lastSlot ?? 0, ...this.#written.keys());
    const runs = this.#runs;
    const schedule: Schedule = {
      ...known,
      next: isSpent({ rules: known.rules, runs }) ? null : next,
      runs,
      open: this.#open,
      buffered: this.#buffered,
      lastSlot,
    };
    keepSchedule(this.#step, schedule);
    return { schedule, records: this.#records };
  }

  #make({ slot, jobs, instead }: Extract<Verdict, { do: "make" }>): void {
    if (instead) for (const older of this.#open) this.#replaced.add(older);
    const [{ id: jobId }] = jobs;
    const by = this.#record({ slot, outcome: "job", reason: null, message: null, jobId }).by;
    acceptJobs(this.#step, jobs);
    this.#opened(jobId);
    if (by === CLOCK) this.#runs += 1;
    this.#step.event("schedule.fired", null, { schedule: this.#known.id, slot, by }, jobId);
  }

  #endReplaced(): void {
    const wish = { by: `schedule:${this.#known.id}`, reason: "its schedule made a newer job, which takes its place" };
    for (const id of this.#replaced) {
      const job = this.#step.state.jobs.get(id);
      if (job === undefined) continue;
      cancelJob(this.#step, job, wish);
      cancelCandidates(this.#step, job, wish);
    }
  }

  /** Also a job that is over at once is noted: its end is settled as every other. */
  #opened(jobId: string): void {
    if (!this.#open.includes(jobId)) this.#open = [...this.#open, jobId].slice(-OPEN_MAX);
  }

  #record(what: Pick<SlotRecord, "slot" | "outcome" | "reason" | "message" | "jobId">): SlotRecord {
    const { id } = this.#known;
    const by = askedBy(this.#by, readSlot(this.#step, id, what.slot));
    const record: SlotRecord = { schedule: id, ...what, at: this.#step.now.wall, by };
    if (what.outcome !== "buffered") this.#buffered = this.#buffered.filter((slot) => slot !== what.slot);
    keepSlot(this.#step, record);
    this.#written.set(what.slot, record);
    this.#records.push(record);
    return record;
  }
}

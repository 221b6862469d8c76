/**
 * I7: a slot of a schedule makes one job at most, ever, and every slot has its record: the job, or why there is none. A
 * schedule that is paused or gone makes nothing by itself, and one that lets nothing overlap has one job at a time.
 */

import type { HiveEvent, SlotRecord } from "@hive/core";
import { STEP_MS } from "../rules.ts";
import { all, type Checker, isEnd } from "./checker.ts";

export const oneJobPerSlot: Checker = (seen) => [
  ...madeOnce(seen),
  ...recorded(seen),
  ...toldStays(seen),
  ...noGaps(seen),
  ...pausedIsStill(seen),
  ...oneAtATime(seen),
];

/** Jobs of schedules, by their ids: the schedule, which is named after its overlap, and the slot. */
const SLOT_JOB = /^((?:skip|buffer-one|buffer-all|allow|cancel-other)-\d+)\.[\dTZ]+$/;

interface Fired {
  readonly n: number;
  readonly schedule: string;
  readonly slot: number;
  readonly jobId: string;
  readonly by: string;
}

function firedIn(events: readonly HiveEvent[]): readonly Fired[] {
  return events
    .filter(({ type }) => type === "schedule.fired")
    .map(({ id, jobId, data }) => {
      const [schedule, slot, by] = [String(data["schedule"]), Number(data["slot"]), String(data["by"])];
      return { n: id, schedule, slot, jobId: jobId ?? "", by };
    });
}

/** No slot and no job twice, and no job of a schedule without a slot. */
const madeOnce: Checker = ({ events }) => {
  const broken: string[] = [];
  const known = new Set<string>();
  for (const { n, schedule, slot, jobId } of firedIn(events)) {
    for (const name of [`the slot ${slot} of ${schedule}`, `the job ${jobId}`]) {
      if (known.has(name)) broken.push(`I7: ${name} was made again in event ${n}`);
      known.add(name);
    }
  }
  for (const jobId of new Set(events.flatMap((event) => event.jobId ?? []))) {
    if (SLOT_JOB.test(jobId) && !known.has(`the job ${jobId}`)) broken.push(`I7: ${jobId} is of no slot`);
  }
  return broken;
};

/** What the stream tells of a slot is what its record says, and nothing waits for ever. */
const recorded: Checker = ({ events, slots }) => {
  const broken: string[] = [];
  const records = new Map(slots.map((record) => [nameOf(record), record]));
  const fired = new Map(firedIn(events).map((one) => [nameOf(one), one]));
  for (const [name, { n, jobId }] of fired) {
    const record = records.get(name);
    if (record?.jobId !== jobId)
      broken.push(`I7: slot ${name} made ${jobId} in event ${n}, its record says ${said(record)}`);
  }
  for (const [name, record] of records) {
    if (record.outcome === "job" && !fired.has(name))
      broken.push(`I7: slot ${name} has the job ${record.jobId}, which nobody made`);
    if (record.outcome === "buffered") broken.push(`I7: slot ${name} waits for ever`);
  }
  return broken;
};

/** What somebody was told of a slot stays: a job for ever, and anything else becomes a job or stays what it was. */
const toldStays: Checker = (seen) => {
  const broken: string[] = [];
  const records = new Map(seen.slots.map((record) => [nameOf(record), record]));
  for (const { at, schedule, slots } of all(seen, "fired")) {
    for (const { slot, outcome, jobId } of slots) {
      const record = records.get(nameOf({ schedule, slot }));
      const stays = record !== undefined && (outcome !== "job" || record.jobId === jobId);
      if (!stays)
        broken.push(
          `I7: slot ${slot} of ${schedule} was told at ${at} to be ${outcome} ${jobId ?? ""}, it is ${said(record)}`,
        );
    }
  }
  return broken;
};

/** From each beginning of a schedule's clock to the last slot it made a job of, no slot is without a record. */
const noGaps: Checker = ({ events, slots }) => {
  const broken: string[] = [];
  const records = new Set(slots.map(nameOf));
  const begins = new Map<string, number>();
  for (const { type, data } of events) {
    const [schedule, next, slot] = [String(data["schedule"]), data["next"], Number(data["slot"])];
    if (type === "schedule.changed" && typeof next === "number") begins.set(schedule, next);
    if (type !== "schedule.fired" || data["by"] !== "clock") continue;
    const begin = begins.get(schedule) ?? Number.POSITIVE_INFINITY;
    // One that waited is of an earlier beginning, and was on record before.
    if (slot < begin || (slot - begin) % STEP_MS !== 0) continue;
    for (let before = begin; before < slot; before += STEP_MS) {
      if (records.has(nameOf({ schedule, slot: before }))) continue;
      broken.push(`I7: slot ${before} of ${schedule} has no record, and ${slot} after it made a job`);
    }
    begins.set(schedule, slot);
  }
  return broken;
};

/** While it is paused or gone, only what a person asks for is made. */
const pausedIsStill: Checker = ({ events }) => {
  const broken: string[] = [];
  const still = new Set<string>();
  for (const { id, type, data } of events) {
    const schedule = String(data["schedule"]);
    if (type === "schedule.paused") still.add(schedule);
    if (type === "schedule.changed" && data["change"] === "removed") still.add(schedule);
    if (type === "schedule.changed" && data["next"] !== null) still.delete(schedule);
    if (type === "schedule.fired" && data["by"] === "clock" && still.has(schedule)) {
      broken.push(`I7: event ${id} fired ${schedule}, which is paused or gone`);
    }
  }
  return broken;
};

/** Where nothing is to overlap, the clock makes a job only when all before it are over. */
const oneAtATime: Checker = ({ events }) => {
  const broken: string[] = [];
  const live = new Map<string, Set<string>>();
  for (const { id, type, jobId, data } of events) {
    const schedule = String(data["schedule"]);
    if (type === "schedule.changed" && data["change"] === "removed") live.delete(schedule);
    if (jobId === null) continue;
    if (isEnd(type)) live.get(SLOT_JOB.exec(jobId)?.[1] ?? "")?.delete(jobId);
    if (type !== "schedule.fired") continue;
    const jobs = live.get(schedule) ?? new Set();
    live.set(schedule, jobs);
    const mayOverlap = /^(?:allow|cancel-other)-/.test(schedule);
    if (!mayOverlap && data["by"] === "clock" && jobs.size > 0) {
      broken.push(`I7: event ${id} made ${jobId} while ${[...jobs].join(", ")} was not over`);
    }
    jobs.add(jobId);
  }
  return broken;
};

function nameOf({ schedule, slot }: Pick<SlotRecord, "schedule" | "slot">): string {
  return `${schedule}/${slot}`;
}

function said(record: SlotRecord | undefined): string {
  return record === undefined ? "nothing" : `${record.outcome} ${record.jobId ?? record.reason ?? ""}`;
}

/**
 * I14: whatever a source told is counted once, however often it was sent and looked at. A group has one job at a time,
 * jobs of a source stay under its limits, and of what waits nothing is lost: in the end nothing is due, and nothing is
 * held for a place that is free.
 */

import type { Group, Tally } from "@hive/core";
import { FLOOD } from "../rules.ts";
import { all, type Checker, type Seen } from "./checker.ts";

export const groupsAreRight: Checker = (seen) => [...counted(seen), ...limited(seen), ...nothingWaits(seen)];

const HOUR_MS = 3_600_000;

/** What was told, by source and group: each delivery and each line once. */
function told(seen: Seen): Map<string, Map<string, number>> {
  const known = new Set<string>();
  const sums = new Map<string, Map<string, number>>();
  for (const { source, id, counts } of all(seen, "told")) {
    if (known.has(`${source}/${id}`)) continue;
    known.add(`${source}/${id}`);
    const groups = sums.get(source) ?? new Map<string, number>();
    sums.set(source, groups);
    for (const { fingerprint, count } of counts) groups.set(fingerprint, (groups.get(fingerprint) ?? 0) + count);
  }
  return sums;
}

const counted: Checker = (seen) => {
  const broken: string[] = [];
  const { groups, tallies } = seen.sources ?? NONE;
  const sums = told(seen);
  for (const [source, byGroup] of sums) {
    const found = new Map(groups.filter((one) => one.source === source).map((one) => [one.fingerprint, one.count]));
    for (const fingerprint of new Set([...byGroup.keys(), ...found.keys()])) {
      const [was, is] = [byGroup.get(fingerprint) ?? 0, found.get(fingerprint) ?? 0];
      if (was !== is) broken.push(`I14: ${source}/${fingerprint} was told ${was} times, and counts ${is}`);
    }
    const sum = [...byGroup.values()].reduce((a, b) => a + b, 0);
    const tally = tallies.find((one) => one.source === source);
    if (tally?.grouped !== sum) broken.push(`I14: ${source} was told ${sum} in all, its tally says ${tally?.grouped}`);
  }
  return broken;
};

/** As the stream tells: who has a job, how many are open, how many were made. */
const limited: Checker = ({ events }) => {
  const broken: string[] = [];
  const live = new Set<string>();
  const ended = new Set<string>();
  const made = new Map<string, number[]>();
  const jobs = new Map<string, string[]>();
  for (const { id, type, at, jobId, data } of events) {
    if (jobId !== null && type.startsWith("job.") && /^(?:hook|log)-/.test(jobId)) {
      const over = ["succeeded", "failed", "canceled"].includes(String(data["status"]));
      if (over) ended.add(jobId);
      if (over) live.delete(jobId);
      else live.add(jobId);
    }
    if (type !== "group.opened" || jobId === null) continue;
    const [source, fingerprint] = [String(data["source"]), String(data["fingerprint"])];
    const before = jobs.get(`${source}/${fingerprint}`) ?? [];
    jobs.set(`${source}/${fingerprint}`, [...before, jobId]);
    if (before.includes(jobId)) broken.push(`I14: ${jobId} was made again in event ${id}`);
    const other = before.find((one) => live.has(one));
    if (other !== undefined) broken.push(`I14: event ${id} made ${jobId} while ${other} was not over`);
    const times = made.get(source) ?? [];
    made.set(source, [...times, at]);
    if (data["released"] === true || data["severity"] === FLOOD.bypass) continue;
    // One that a person retried after its end is not the source's doing.
    const open = [...live].filter((one) => one.startsWith(`${source}.`) && !ended.has(one)).length;
    if (open > (FLOOD.maxOpen ?? 0)) broken.push(`I14: event ${id} made ${jobId}, the ${open}th that is open`);
    const hour = times.filter((time) => time > at - HOUR_MS).length + 1;
    if (hour > (FLOOD.perHour ?? 0)) broken.push(`I14: event ${id} made ${jobId}, the ${hour}th within an hour`);
  }
  return broken;
};

const nothingWaits: Checker = ({ sources, events }) => {
  const broken: string[] = [];
  const { groups, tallies, deliveries } = sources ?? NONE;
  const opened = events.filter(({ type }) => type === "group.opened");
  for (const { source, id, state } of deliveries) {
    if (state === "received") broken.push(`I14: the delivery ${source}/${id} was never looked at`);
  }
  for (const { source, fingerprint, stage, hold, job } of groups) {
    const name = `${source}/${fingerprint}`;
    if (stage === "due" || stage === "pending") broken.push(`I14: ${name} is ${stage} in the end`);
    if (hold?.reason === "cooldown") broken.push(`I14: ${name} is held for a cooldown that is over`);
    if (stage === "open") broken.push(`I14: ${name} waits for ${job?.id} in the end`);
    const made = opened.filter(({ data }) => data["source"] === source).length;
    if (hold?.reason === "max_open" && made < (FLOOD.perHour ?? 0))
      broken.push(`I14: ${name} is held for a place that is free`);
  }
  for (const { source, jobs, held } of tallies) {
    const own = opened.filter(({ data }) => data["source"] === source).length;
    if (jobs !== own) broken.push(`I14: ${source} made ${own} jobs, its tally says ${jobs}`);
    const holds = groups.filter((one) => one.source === source && one.stage === "held").length;
    if (held !== holds) broken.push(`I14: ${source} holds ${holds} groups, its tally says ${held}`);
  }
  return broken;
};

const NONE: { readonly groups: readonly Group[]; readonly tallies: readonly Tally[]; readonly deliveries: [] } = {
  groups: [],
  tallies: [],
  deliveries: [],
};

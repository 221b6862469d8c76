/**
 * What is decided about a group, as a function of the group, its source's tally, the policy and the instant. Nothing is
 * changed here: `GroupBook` writes what came out.
 */

import type { FloodPolicy, Group, HoldReason, Tally } from "./group.ts";
import { type Severity, gravity } from "./signal.ts";

/** The span of `FloodPolicy.perHour`. */
export const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Above any wall time of the next thousand years. */
const AGES = 100_000_000_000_000;

/** Instants of jobs that are kept of a source. */
export const OPENED_MAX = 1_000;

/** What is decided about. */
export interface Matter {
  readonly group: Group;
  readonly tally: Tally;
  readonly policy: FloodPolicy;
  readonly now: number;
}

/** How many more jobs of a source may be made now, and when time alone gives more; null: it does not. */
export interface Places {
  readonly free: number;
  readonly nextAt: number | null;
}

/** What the limits of a source leave, groups that are due already taken off. `free` is `Infinity` where nothing limits it. */
export function placesOf(tally: Tally, policy: FloodPolicy, now: number): Places {
  const { perHour } = policy;
  const recent = openedLately(tally, now);
  const full = perHour !== null && perHour > 0 && recent.length >= perHour;
  const next = full ? recent[recent.length - perHour] : undefined;
  const least = Math.min(openLeft(tally, policy), hourLeft(tally, policy, now));
  return { free: Math.max(0, least - tally.due), nextAt: next === undefined ? null : next + HOUR_MS };
}

/** What stands in the way of one more job of this source, where others have their place already; null: nothing. */
export function limitInTheWay(
  tally: Tally,
  policy: FloodPolicy,
  now: number,
  others = 0,
): "max_open" | "per_hour" | null {
  if (openLeft(tally, policy) <= others) return "max_open";
  return hourLeft(tally, policy, now) <= others ? "per_hour" : null;
}

/** Where a group stands in line: worse before less bad, then by when it came; a number that only sorts. */
export function linePlace(severity: Severity, since: number): number {
  return (gravity("critical") - gravity(severity)) * AGES + since;
}

/** When a group came into the line. */
function inLineSince(line: number): number {
  return line % AGES;
}

/** Has this group a job that is not known to be over? */
export function hasOpenJob({ job }: Group): boolean {
  return job !== null && job.endedAt === null;
}

/** Is this group past the limits of its source, for how bad it is? */
export function bypasses(group: Group, { bypass }: FloodPolicy): boolean {
  return bypass !== null && gravity(group.severity) >= gravity(bypass);
}

/**
 * Where a group without an open job stands: quiet, pending, due, held or resolved. A hold for `refused` stays until a
 * person or `wakeGroups` takes it away, one for the day's budget until the day is over.
 */
export function decide(matter: Matter): Group {
  const { group, policy, now } = matter;
  if (!isTroubled(matter)) return calm(group);
  const { firing, job, hold } = group;
  if (group.released) return due(matter);
  if (firing !== null && now < firing.since + policy.forMs) {
    return { ...out(group), stage: "pending", wakeAt: firing.since + policy.forMs };
  }
  const regressed = job !== null && job.endedAt !== null && now < job.endedAt + policy.reopenWithinMs;
  const back = { ...matter, group: { ...group, regressed } };
  const cooled = cooledAt(group, policy, now);
  if (now < cooled) return onHold(back, "cooldown", "its last job ended a short while ago", cooled);
  if (hold?.reason === "refused") return group;
  if (hold?.reason === "budget" && group.wakeAt !== null && now < group.wakeAt) return group;
  if (bypasses(group, policy)) return due(back);
  const others = matter.tally.due - (group.stage === "due" ? 1 : 0);
  const limit = limitInTheWay(matter.tally, policy, now, others);
  return limit === null ? due(back) : inLine(back, limit);
}

/** A group that may not have its job yet because of a limit of its source. */
export function inLine(matter: Matter, reason: "max_open" | "per_hour"): Group {
  const { group, policy, now } = matter;
  const message =
    reason === "max_open"
      ? `${policy.maxOpen} jobs of this source may be open at once`
      : `${policy.perHour} jobs of this source may be made in an hour`;
  const line = linePlace(group.severity, group.line === null ? now : inLineSince(group.line));
  return { ...onHold(matter, reason, message, null), line };
}

/** A group whose job cannot be made. `until`: when it is tried again by itself. */
export function onHold({ group, now }: Matter, reason: HoldReason, message: string, until: number | null): Group {
  const since = group.hold?.since ?? now;
  return { ...group, stage: "held", hold: { reason, since, message }, line: null, wakeAt: until, released: false };
}

/** When the day's budgets begin anew. */
export function nextDay(now: number): number {
  return Math.floor(now / DAY_MS + 1) * DAY_MS;
}

/** When the cooldown after a group's last job is over; 0: there is none. */
export function cooledAt({ job }: Group, { cooldownMs }: FloodPolicy, now: number): number {
  return job === null || job.endedAt === null || isAhead(job.endedAt, now) ? 0 : job.endedAt + cooldownMs;
}

/** An instant that was noted while the clock was far ahead says nothing: nobody waits years for it to come. */
export function isAhead(at: number, now: number): boolean {
  return at > now + HOUR_MS;
}

function openedLately({ opened }: Tally, now: number): readonly number[] {
  return opened.filter((at) => at > now - HOUR_MS && !isAhead(at, now));
}

/** A group that waits for nothing. */
export function out(group: Group): Group {
  return { ...group, hold: null, line: null, wakeAt: null };
}

/** Adds an occurrence to those that the threshold looks at. */
export function withOccurrence(
  recent: Group["recent"],
  at: number,
  count: number,
  { withinMs }: FloodPolicy,
): Group["recent"] {
  const span = Math.max(1, Math.floor(withinMs / 100));
  const same = (one: { readonly at: number }): boolean => Math.floor(one.at / span) === Math.floor(at / span);
  const index = recent.findIndex(same);
  const found = recent[index];
  const all =
    found === undefined
      ? [...recent, { at, count }].sort((a, b) => a.at - b.at)
      : recent.with(index, { at: Math.max(found.at, at), count: found.count + count });
  return all.slice(-101);
}

/** Are there enough occurrences, and was no job made for what lasts? */
function isTroubled({ group: { firing, recent, job }, policy, now }: Matter): boolean {
  if (firing !== null && firing.state !== "firing") return false;
  if (firing !== null && job !== null && job.openedAt >= firing.since && !isAhead(job.openedAt, now)) return false;
  const newest = recent.at(-1);
  if (newest === undefined) return false;
  let count = 0;
  for (const one of recent) if (one.at >= newest.at - policy.withinMs) count += one.count;
  return count >= policy.count;
}

function calm(group: Group): Group {
  const over =
    group.firing === null ? group.job !== null && group.recent.length === 0 : group.firing.state === "resolved";
  const stage = over || (group.firing !== null && group.job !== null) ? "resolved" : "quiet";
  return { ...out(group), stage, regressed: false, released: false };
}

function due({ group, now }: Matter): Group {
  const line = linePlace(group.severity, group.line === null ? now : inLineSince(group.line));
  return { ...out(group), stage: "due", line };
}

function openLeft({ open }: Tally, { maxOpen }: FloodPolicy): number {
  return maxOpen === null ? Number.POSITIVE_INFINITY : maxOpen - Object.keys(open).length;
}

function hourLeft(tally: Tally, { perHour }: FloodPolicy, now: number): number {
  return perHour === null || perHour > OPENED_MAX
    ? Number.POSITIVE_INFINITY
    : perHour - openedLately(tally, now).length;
}

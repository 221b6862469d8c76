/**
 * For scenarios in which no worker fails and the network is good: nobody loses a lease that began, with one excuse. A
 * worker whose heartbeats all met a dispatcher that was away gives its attempt up itself, as it must; and even then the
 * lease is taken from it only after a dispatcher was there for a full term.
 */

import { INTERVALS, RULES } from "../rules.ts";
import { all, type Checker, type LeaseStory, leaseStories, type Seen } from "./checker.ts";

/** Milliseconds between what happens and when it is noted. */
const SLACK_MS = 50;
/** A worker that is asked for nothing beats this often at least. */
const BEAT_MS = INTERVALS.heartbeatMs * 1.1 + SLACK_MS;

/** From `from` up to `to` no dispatcher answered as the queen. */
interface Absence {
  readonly from: number;
  readonly to: number;
}

export const noLosses: Checker = (seen) => {
  const absences = absencesOf(seen);
  return leaseStories(seen.events)
    .filter(
      ({ started, ended }) =>
        started !== null && (ended?.data["error"] as { code?: string } | undefined)?.code === "worker_lost",
    )
    .flatMap((story) => {
      const why = tooSoon(seen, story) ?? noExcuse(seen, story, absences);
      return why === null ? [] : [`quiet: ${story.jobId}/${story.fence} was lost in event ${story.ended?.id}, ${why}`];
    });
};

/** Whoever leads, and when she was away. One who does not lead is missed by those alone who asked her just then. */
function absencesOf(seen: Seen): readonly Absence[] {
  const absences: Absence[] = [];
  let queen: string | null = null;
  let since: number | null = 0;
  for (const { at, dispatcher, what } of all(seen, "duty")) {
    if (what === "away" && dispatcher !== queen) absences.push({ from: at, to: at });
    else if (what === "away") since ??= at;
    else if (what === "leads" || dispatcher === queen) {
      if (since !== null) absences.push({ from: since, to: at });
      since = null;
    }
    if (what === "leads") queen = dispatcher;
  }
  return since === null ? absences : [...absences, { from: since, to: Infinity }];
}

/** Workers that gave up, or were not heard of, have a full term from when somebody leads who can hear them. */
function tooSoon(seen: Seen, { ended }: LeaseStory): string | null {
  const lostAt = ended?.at ?? 0;
  const came = all(seen, "duty").filter(({ what, wall }) => what !== "away" && wall <= lostAt);
  const ms = lostAt - Math.max(-Infinity, ...came.map(({ wall }) => wall));
  return ms < RULES.leaseMs - SLACK_MS ? `${ms.toFixed(0)} ms after a dispatcher was there again` : null;
}

/** Why the worker's own giving up does not explain the loss; null: it does. */
function noExcuse(seen: Seen, { jobId, fence }: LeaseStory, absences: readonly Absence[]): string | null {
  const ofLease = (one: { readonly jobId: string; readonly fence: number }): boolean =>
    one.jobId === jobId && one.fence === fence;
  const gaveUp = all(seen, "gave-up").find((one) => ofLease(one) && one.why === "unreachable");
  if (gaveUp === undefined) return "and no worker had failed";
  const beats = all(seen, "write").filter((one) => ofLease(one) && one.what === "heartbeat");
  const taken = beats.filter(({ outcome, at }) => outcome === "ok" && at <= gaveUp.at);
  const began = all(seen, "granted").find(ofLease)?.at ?? 0;
  const since = Math.max(began, ...taken.map(({ sentAt }) => sentAt));
  const patience = taken.length === 0 ? RULES.firstBeatMs : (INTERVALS.leaseMs * 2) / 3;
  const waited = gaveUp.at - since;
  if (waited < patience - SLACK_MS) return `and its worker gave up after only ${waited.toFixed(0)} ms`;

  const asked = beats
    .filter((one) => one.sentAt >= since && one.sentAt <= gaveUp.at && !taken.includes(one))
    .toSorted((one, other) => one.sentAt - other.sentAt);
  const met = asked.find(
    ({ sentAt, at }) => !absences.some(({ from, to }) => from <= Math.min(at, gaveUp.at) && sentAt <= to),
  );
  if (met !== undefined) return `and the dispatcher was there when its worker asked at ${met.sentAt.toFixed(1)}`;
  let heardAt = Math.max(began, ...taken.map(({ at }) => at));
  for (const { sentAt, at } of [...asked, { sentAt: gaveUp.at, at: gaveUp.at }]) {
    if (sentAt - heardAt > BEAT_MS) return `and its worker did not ask from ${heardAt.toFixed(1)} on`;
    heardAt = Math.max(heardAt, at);
  }
  return asked.length === 0 ? "and its worker never asked" : null;
}

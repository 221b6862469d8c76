/** I6: every event is called back at least once, in order per job, with the same id and bytes on every try. */

import { CALLBACK_TYPES, type HiveEvent } from "@hive/core";
import { all, briefs, type Checker, type Seen } from "./checker.ts";

const TYPES: ReadonlySet<string> = new Set(CALLBACK_TYPES);

export const everybodyIsCalledBack: Checker = (seen) => [
  ...delivered(seen),
  ...inOrder(seen),
  ...sameBytes(seen),
  ...triedInTime(seen),
];

/** The events that owe a callback. */
function owed(seen: Seen): readonly HiveEvent[] {
  const wanted = briefs(seen);
  return seen.events.filter(
    ({ type, jobId }) => jobId !== null && TYPES.has(type) && wanted.get(jobId)?.callback === true,
  );
}

function givenUp(seen: Seen): ReadonlySet<unknown> {
  return new Set(seen.events.filter(({ type }) => type === "callback.dead").map(({ data }) => data["n"]));
}

const delivered: Checker = (seen) => {
  const got = new Set(
    all(seen, "called")
      .filter(({ status }) => status === 200)
      .map(({ n }) => n),
  );
  const dead = givenUp(seen);
  return owed(seen)
    .filter(({ id }) => !got.has(id) && !dead.has(id))
    .map(({ id, type, jobId }) => `I6: nobody was called back about event ${id} (${type} of ${jobId})`);
};

const inOrder: Checker = (seen) => {
  const broken: string[] = [];
  const first = new Set<string>();
  const last = new Map<string, number>();
  for (const { messageId, jobId, n, at } of all(seen, "called")) {
    if (first.has(messageId)) continue;
    first.add(messageId);
    const before = last.get(jobId) ?? 0;
    if (n < before) broken.push(`I6: event ${n} of ${jobId} came at ${at} for the first time, after event ${before}`);
    else last.set(jobId, n);
  }
  return broken;
};

const sameBytes: Checker = (seen) => {
  const broken: string[] = [];
  const bodies = new Map<number, { readonly messageId: string; readonly body: string }>();
  const events = new Map(seen.events.map((event) => [event.id, event]));
  for (const { n, messageId, body, jobId, at } of all(seen, "called")) {
    const known = bodies.get(n);
    if (known !== undefined && (known.messageId !== messageId || known.body !== body)) {
      broken.push(`I6: callback ${n} of ${jobId} came with another id or other bytes at ${at}`);
    }
    bodies.set(n, { messageId, body });
    const event = events.get(n);
    const told = JSON.parse(body) as { readonly type: string; readonly data: Record<string, unknown> };
    if (event === undefined || event.jobId !== jobId || event.type !== told.type) {
      broken.push(`I6: ${jobId} was called back about event ${n} (${told.type}), which never happened`);
    }
  }
  return broken;
};

/**
 * The dispatcher goes on by itself: once it knows that a job's callback was taken, it sends the next before the world
 * has come to rest, and not only after a restart. (One that waits for its next try holds up those behind it.)
 */
const triedInTime: Checker = (seen) => {
  const broken: string[] = [];
  const rest = seen.entries.findIndex((entry) => entry.kind === "world" && entry.what === "at rest");
  const sent = new Set<number>();
  const done = new Set<unknown>(givenUp(seen));
  for (const entry of rest === -1 ? seen.entries : seen.entries.slice(0, rest)) {
    if (entry.kind === "sent") {
      sent.add(entry.n);
      // Sent again although it was taken: a crash came before the outcome was written, and this try may fail.
      done.delete(entry.n);
    }
    // Also by a dispatcher that was deposed meanwhile: the failure of the other's try is what was written down.
    if (entry.kind === "heard" && entry.status !== 200) done.delete(entry.n);
    if (entry.kind === "heard" && entry.status === 200) done.add(entry.n);
  }
  const waiting = new Set<string>();
  for (const { id, jobId } of owed(seen)) {
    if (jobId === null || done.has(id) || waiting.has(jobId)) continue;
    waiting.add(jobId);
    if (!sent.has(id)) broken.push(`I6: the callback of event ${id} of ${jobId} was not even tried until a restart`);
  }
  return broken;
};

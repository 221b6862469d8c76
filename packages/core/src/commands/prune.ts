/**
 * Removes documents that are of no use any more: what is left of forgotten jobs, old answers and accounts, ids that were
 * remembered long enough. Whoever asks looked them up; here is only what must hold whatever was asked. It may be asked
 * again, and a crash between two of these loses nothing: what is left is found again.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { numberId } from "../document.ts";
import { type EventsMark, MARKS, eventsMark } from "../marks.ts";
import { remembered, rememberedKey } from "../remembered-ids.ts";
import type { SlotRecord } from "../schedule.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** What may be removed by its key alone; jobs and what the rules live by are not among it. */
const PRUNABLE: ReadonlySet<string> = new Set([
  "accounts",
  "answers",
  "attempts",
  "callbacks",
  "comments",
  "cursors",
  "events",
  "ids",
  "memories",
  "slots",
]);

/** The remembered ids that are to be cleared, the mark of the events, and the slots. */
export function needs(_state: State, { keys, cleared }: CommandOf<"prune">): Key[] {
  const events = keys.some(({ collection }) => collection === "events");
  const slots = keys.filter(({ collection }) => collection === "slots");
  return [...cleared.map(rememberedKey), ...(events ? [MARKS.events] : []), ...slots];
}

/**
 * The newest event stays, whose number the next one follows; a job is not clear while it is one of its own; the record of
 * a slot stays while the slot waits or its job lives.
 */
export function prune(step: Step, { keys, cleared, logsUpTo }: CommandOf<"prune">): Replies["prune"] {
  const newest = numberId(step.state.nextEvent - 1);
  let pruned = 0;
  let upTo = 0;
  for (const { collection, id } of keys) {
    if (!PRUNABLE.has(collection)) throw new Error(`${collection}/${id} is nothing that is pruned`);
    if (collection === "events") {
      if (id === newest) continue;
      upTo = Math.max(upTo, Number(id));
    }
    if (collection === "slots" && isAlive(step, id)) continue;
    step.put(collection, id, null);
    pruned += 1;
  }
  if (upTo > 0) {
    const known = eventsMark(step.doc(MARKS.events));
    const mark: EventsMark = { upTo: Math.max(known.upTo, upTo) };
    step.put(MARKS.events.collection, MARKS.events.id, mark);
  }
  for (const jobId of cleared) {
    const record = remembered(step, jobId);
    if (record !== null) step.put("ids", jobId, { ...record, state: "clear" });
  }
  if (logsUpTo !== undefined) step.put(MARKS.logs.collection, MARKS.logs.id, logsUpTo);
  return { pruned };
}

function isAlive(step: Step, id: string): boolean {
  const stored: unknown = step.doc({ collection: "slots", id });
  const record = stored as SlotRecord | null;
  if (record === null) return false;
  return record.outcome === "buffered" || (record.jobId !== null && step.state.jobs.has(record.jobId));
}

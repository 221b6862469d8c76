/** Overviews that read many documents: what was found a moment ago is given again, and nobody reads it twice at once. */

import type { HistoryRange } from "@hive/protocol";
import type { Clock } from "../../clock.ts";
import { digestSince, type KnownPullRequests } from "../digest.ts";
import type { Handlers } from "../handler.ts";
import { historyOf } from "../history.ts";
import type { Parts } from "../parts.ts";

/** Milliseconds for which an answer is good enough for the same question; a digest only while nothing happens. */
const REMEMBERED_MS = 10_000;
/** Questions whose answers are remembered. */
const REMEMBERED = 16;

export function overviewHandlers({
  queue,
  clock,
}: Pick<Parts, "queue" | "clock">): Pick<Handlers, "digest" | "statsHistory"> {
  const pullRequests: KnownPullRequests = new Map();
  const digest = remembering(clock, (since: number) => digestSince({ queue, clock }, since, pullRequests));
  const history = remembering(clock, (range: HistoryRange) => historyOf({ queue, clock }, range));
  return {
    digest: ({ query }) => digest(query.since, queue.lastEvent()),
    statsHistory: ({ query }) => history(query.range, 0),
  };
}

/** An answer counts for its `moment` only, and a failed one is not remembered. */
function remembering<K, R>(clock: Clock, find: (key: K) => Promise<R>): (key: K, moment: number) => Promise<R> {
  const found = new Map<K, { readonly at: number; readonly moment: number; readonly answer: Promise<R> }>();
  return (key, moment) => {
    const known = found.get(key);
    if (known?.moment === moment && clock.mono() - known.at < REMEMBERED_MS) return known.answer;
    const mine = { at: clock.mono(), moment, answer: find(key) };
    found.delete(key);
    found.set(key, mine);
    for (const old of found.keys()) {
      if (found.size <= REMEMBERED) break;
      found.delete(old);
    }
    mine.answer.catch(() => {
      if (found.get(key) === mine) found.delete(key);
    });
    return mine.answer;
  };
}

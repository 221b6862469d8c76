/** Overviews that read many documents: what was found a moment ago is given again, and nobody reads it twice at once. */

import type { Clock } from "../../clock.ts";
import { digestSince } from "../digest.ts";
import type { Handlers } from "../handler.ts";
import { historyOf } from "../history.ts";
import type { Parts } from "../parts.ts";

/** Milliseconds for which an answer is good enough for the same question. */
const DIGEST_MS = 1_500;
const HISTORY_MS = 10_000;
/** Questions whose answers are remembered. */
const REMEMBERED = 16;

export function overviewHandlers({
  queue,
  clock,
}: Pick<Parts, "queue" | "clock">): Pick<Handlers, "digest" | "statsHistory"> {
  const digest = remembering(clock, DIGEST_MS, (since: number) => digestSince({ queue, clock }, since));
  const history = remembering(clock, HISTORY_MS, (range: Parameters<typeof historyOf>[1]) =>
    historyOf({ queue, clock }, range),
  );
  return {
    digest: ({ query }) => digest(query.since),
    statsHistory: ({ query }) => history(query.range),
  };
}

/** A failed answer is not remembered. */
function remembering<K, R>(clock: Clock, ms: number, find: (key: K) => Promise<R>): (key: K) => Promise<R> {
  const found = new Map<K, { readonly at: number; readonly answer: Promise<R> }>();
  return (key) => {
    const known = found.get(key);
    if (known !== undefined && clock.mono() - known.at < ms) return known.answer;
    const mine = { at: clock.mono(), answer: find(key) };
    found.delete(key);
    found.set(key, mine);
    for (const [old] of found) {
      if (found.size <= REMEMBERED) break;
      found.delete(old);
    }
    mine.answer.catch(() => {
      if (found.get(key) === mine) found.delete(key);
    });
    return mine.answer;
  };
}

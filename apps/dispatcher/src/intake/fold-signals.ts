/** Many lines of one kind are one signal that stands for all of them: a log says the same a thousand times a second. */

import { SIGNALS_MAX, type FloodPolicy, type Signal } from "@hive/core";

/**
 * The same signals in as few as say the same to this policy: where a threshold looks at when something happened, what
 * happened at other times stays apart, as long as that is not more than may be told at once.
 */
export function foldSignals(
  signals: readonly Signal[],
  { count, withinMs }: Pick<FloodPolicy, "count" | "withinMs">,
): Signal[] {
  if (count === 1) return fold(signals, () => 0);
  // As groups count them: see `Group.recent`.
  const span = Math.max(1, Math.floor(withinMs / 100));
  const apart = fold(signals, ({ at }) => Math.floor(at / span));
  return apart.length <= SIGNALS_MAX ? apart : fold(signals, () => 0);
}

/**
 * An event joins the one before it of the same group and time, a repetition of a state the one it repeats. Changes of
 * state stay in their order; counts are never lost. The newest sample is kept.
 */
function fold(signals: readonly Signal[], timeOf: (signal: Signal) => number): Signal[] {
  const folded: Signal[] = [];
  const latest = new Map<string, number>();
  for (const signal of signals) {
    const place = latest.get(signal.fingerprint);
    const before = place === undefined ? undefined : folded[place];
    if (place !== undefined && before !== undefined && isSame(before, signal) && timeOf(before) === timeOf(signal)) {
      folded[place] = { ...signal, count: before.count + signal.count };
    } else {
      latest.set(signal.fingerprint, folded.length);
      folded.push(signal);
    }
  }
  return folded;
}

function isSame(a: Signal, b: Signal): boolean {
  return a.state === b.state && a.episode === b.episode && a.severity === b.severity && a.note === b.note;
}

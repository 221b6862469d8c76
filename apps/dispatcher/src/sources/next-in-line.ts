/**
 * Held groups for which there is a place: the worst, and of those the oldest, and no more than there are places. To be
 * asked when a source is said to have changed, at a start, and at `againAt`; what is found is woken (`wakeGroups`), and
 * the rules decide. Groups that wait for something else (a cooldown, a day, a person) stand in no line.
 */

import { type FloodPolicy, type Tally, placesOf, tallyKey } from "@hive/core";
import type { Store } from "../store/contract.ts";

/** Groups woken at once. */
const AT_ONCE = 100;

export interface NextInLine {
  readonly fingerprints: readonly string[];
  /** When time alone makes a place free for one that is held; null: it does not. */
  readonly againAt: number | null;
}

export async function nextInLine(
  documents: Pick<Store, "get" | "list">,
  source: string,
  policy: FloodPolicy,
  now: number,
): Promise<NextInLine> {
  const [stored]: readonly unknown[] = await documents.get([tallyKey(source)]);
  if (stored == null) return { fingerprints: [], againAt: null };
  const tally = stored as Tally;
  if (tally.held === 0) return { fingerprints: [], againAt: null };
  const { free, nextAt } = placesOf(tally, policy, now);
  if (free === 0) return { fingerprints: [], againAt: nextAt };
  const limit = Math.min(AT_ONCE, free);
  const page = await documents.list({ collection: "groups", index: "line", equals: { source, stage: "held" }, limit });
  return { fingerprints: page.items.map(({ doc }) => String(doc["fingerprint"])), againAt: nextAt };
}

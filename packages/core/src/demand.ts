/**
 * How much work there is for workers that are not there yet: what a fleet goes by. Exact where it matters (concurrency
 * keys, roles, labels, agents; each job counts once) and cheap whatever waits: it costs as much as the room it is given.
 */

import type { Offer } from "./ready.ts";
import type { State } from "./state.ts";

/**
 * For each offer, in their order, how many of the jobs that could run this moment are for it. A job that fits several
 * counts for the first of them that still has room.
 */
export function demand(state: State, offers: readonly Offer[]): readonly number[] {
  return state.ready.deal(offers, (key) => {
    const limit = state.rules.limitOf(key);
    return limit === null ? Number.POSITIVE_INFINITY : limit - (state.running.get(key) ?? 0);
  });
}

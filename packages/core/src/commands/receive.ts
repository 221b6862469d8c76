/**
 * Keeps what a sender delivered, before the sender is answered: what comes of it is decided afterwards, and after a crash
 * it is still there. The same delivery again is the same one.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import { type Delivery, WAITING_MAX, deliveryKey, tallyKey } from "../group.ts";
import { storedTally } from "../group-book.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { source, id }: CommandOf<"receive">): Key[] {
  return [deliveryKey(source, id), tallyKey(source)];
}

/**
 * @throws HiveError source_busy when too many deliveries of the source are not looked at yet
 */
export function receive(step: Step, { source, id, bytes, sealed }: CommandOf<"receive">): Replies["receive"] {
  const key = deliveryKey(source, id);
  const stored: unknown = step.doc(key);
  if (stored !== null) {
    const known = stored as Delivery;
    step.put(key.collection, key.id, { ...known, times: known.times + 1 });
    return { existing: true, state: known.state };
  }
  const tally = storedTally(step, source);
  if (tally.waiting >= WAITING_MAX) {
    const message = `${tally.waiting} deliveries of ${source} wait to be looked at; send this again later`;
    throw new HiveError("source_busy", message, { source, waiting: tally.waiting });
  }
  const delivery: Delivery = {
    source,
    id,
    receivedAt: step.now.wall,
    state: "received",
    message: null,
    bytes,
    sealed,
    seen: null,
    times: 1,
    replays: 0,
  };
  step.put(key.collection, key.id, delivery);
  step.put("tallies", source, {
    ...tally,
    deliveries: tally.deliveries + 1,
    waiting: tally.waiting + 1,
  });
  step.effect({ type: "source", source });
  return { existing: false, state: "received" };
}

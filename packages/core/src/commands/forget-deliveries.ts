/** Retention: what senders delivered, and was looked at long ago, is not kept any more. */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { type Delivery, deliveryKey, tallyKey } from "../group.ts";
import { storedTally } from "../group-book.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { source, ids }: CommandOf<"forgetDeliveries">): Key[] {
  return [tallyKey(source), ...ids.map((id) => deliveryKey(source, id))];
}

/** One that waits to be looked at stays, however old it is. */
export function forgetDeliveries(step: Step, command: CommandOf<"forgetDeliveries">): Replies["forgetDeliveries"] {
  const { source, ids } = command;
  const old = [...new Set(ids)].filter((id) => {
    const stored: unknown = step.doc(deliveryKey(source, id));
    return stored !== null && (stored as Delivery).state !== "received";
  });
  if (old.length === 0) return { forgotten: 0 };
  for (const id of old) step.put("deliveries", deliveryKey(source, id).id, null);
  const tally = storedTally(step, source);
  step.put("tallies", source, { ...tally, deliveries: tally.deliveries - old.length });
  return { forgotten: old.length };
}

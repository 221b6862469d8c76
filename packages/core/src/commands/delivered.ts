/**
 * Records one attempt to deliver a callback. One that was given up for good is an event, so that somebody can see it.
 */

import type { CallbackRecord, CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { numberId } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** Attempts kept in a callback's record. */
const ATTEMPTS_KEPT = 20;

export function needs(_state: State, command: CommandOf<"delivered">): Key[] {
  return [callbackKey(command.n)];
}

/**
 * What comes after a delivery that succeeded changes nothing.
 * @throws HiveError not_found
 */
export function delivered(step: Step, command: CommandOf<"delivered">): Replies["delivered"] {
  const known = callback(step, command.n);
  if (known.state === "delivered") return { state: known.state };
  const record: CallbackRecord = {
    ...known,
    state: command.state,
    nextAt: command.state === "pending" ? command.nextAt : null,
    tries: known.tries + 1,
    attempts: [...known.attempts, command.attempt].slice(-ATTEMPTS_KEPT),
  };
  step.put("callbacks", numberId(command.n), record);
  if (command.state === "dead") {
    const { n, type, tries } = record;
    step.event("callback.dead", null, { n, type, tries, last: command.attempt }, record.jobId);
  }
  return { state: record.state };
}

/** The record of a callback. @throws HiveError not_found */
export function callback(step: Step, n: number): CallbackRecord {
  const stored: unknown = step.doc(callbackKey(n));
  if (stored !== null) return stored as CallbackRecord;
  throw new HiveError("not_found", `there is no callback ${n}`, { n });
}

/** Where the record of a callback is. */
export function callbackKey(n: number): Key {
  return { collection: "callbacks", id: numberId(n) };
}

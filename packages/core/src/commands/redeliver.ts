/**
 * A person asks that a callback be sent again, delivered or not. Its retries begin anew.
 */

import type { CallbackRecord, CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { numberId } from "../document.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { callback, callbackKey } from "./delivered.ts";

export function needs(_state: State, command: CommandOf<"redeliver">): Key[] {
  return [callbackKey(command.n)];
}

/**
 * @throws HiveError not_found
 */
export function redeliver(step: Step, command: CommandOf<"redeliver">): Replies["redeliver"] {
  const known = callback(step, command.n);
  const record: CallbackRecord = { ...known, state: "pending", nextAt: step.now.wall, tries: 0 };
  step.put("callbacks", numberId(command.n), record);
  step.effect({ type: "callback", n: record.n, jobId: record.jobId });
  return { state: record.state };
}

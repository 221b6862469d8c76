/**
 * The server's settings changed: jobs held for a setting that is there now go on. At most a thousand in one step, so
 * that one commit stays small; the caller asks again until nothing was released.
 */

import type { Replies } from "../command.ts";
import type { CommandOf } from "../apply.ts";
import type { Job } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { release } from "./release.ts";

/** Jobs released by one command. */
export const RELEASED_AT_ONCE = 1_000;

export function needs(_state: State, _command: CommandOf<"reconsider">): [] {
  return [];
}

export function reconsider(step: Step, command: CommandOf<"reconsider">): Replies["reconsider"] {
  const fitting: Job[] = [];
  for (const id of step.state.heldForSettings) {
    const job = step.state.jobs.get(id);
    if (job !== undefined && command.satisfied.some((setting) => lifts(setting, job))) fitting.push(job);
    if (fitting.length === RELEASED_AT_ONCE) break;
  }
  for (const job of fitting) if (job.hold !== null) release(step, job, job.hold, "settings");
  return { released: fitting.length };
}

/** `agent: null` is any agent; `untrusted: false` leaves jobs whose text came from outside where they are. */
function lifts(setting: CommandOf<"reconsider">["satisfied"][number], job: Job): boolean {
  if (setting.reason !== job.hold) return false;
  if (setting.agent !== null && setting.agent !== job.agent) return false;
  return setting.untrusted || job.trust === "trusted";
}

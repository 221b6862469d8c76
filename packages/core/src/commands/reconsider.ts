/**
 * The server's settings changed: jobs held for a setting that is there now go on. At most a thousand in one step, so
 * that one commit stays small; the caller asks again until nothing was released.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Job } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { trustOf } from "../trust.ts";
import { release } from "./release.ts";

/** Jobs released by one command. */
const RELEASED_AT_ONCE = 1_000;

export function needs(_state: State, _command: CommandOf<"reconsider">): [] {
  return [];
}

export function reconsider(step: Step, command: CommandOf<"reconsider">): Replies["reconsider"] {
  const fitting: { readonly job: Job; readonly setting: Setting }[] = [];
  for (const id of step.state.heldForSettings) {
    const job = step.state.jobs.get(id);
    const setting = job === undefined ? undefined : command.satisfied.find((one) => lifts(one, job));
    if (job !== undefined && setting !== undefined) fitting.push({ job, setting });
    if (fitting.length === RELEASED_AT_ONCE) break;
  }
  for (const { job, setting } of fitting) release(step, job, setting.reason, "settings", setting);
  return { released: fitting.length };
}

type Setting = CommandOf<"reconsider">["satisfied"][number];

/** `agent: null` is any agent; `untrusted: false` leaves jobs whose text came from outside where they are. */
function lifts(setting: Setting, job: Job): boolean {
  if (setting.reason !== job.hold) return false;
  if (setting.agent !== null && job.agent !== null && setting.agent !== job.agent) return false;
  return setting.untrusted || trustOf(job) === "trusted";
}

/**
 * The provider of a job's model takes no more calls for a while, and says until when. The attempt is told to stop; its
 * end, however it comes, makes the job wait for that time with nothing counted against it, and then it goes on by itself.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { requestStop } from "../stop.ts";
import { amend } from "../transitions.ts";
import { mustHaveBegun } from "./holder.ts";

/** Milliseconds a job is parked at least: a reset time in the past must not make it spin. */
const SHORTEST_MS = 10_000;
/** Milliseconds a job is parked at most, whatever a provider says: then it asks again. */
const LONGEST_MS = 8 * 86_400_000;

export function needs(_state: State, _command: CommandOf<"park">): [] {
  return [];
}

/**
 * Told again, the later time counts. A job that is to be canceled, or stops for want of money, is not parked.
 * @throws HiveError lease_lost, not_begun
 */
export function park(step: Step, { lease, until: wanted, message }: CommandOf<"park">): Replies["park"] {
  const held = mustHaveBegun(step.state, lease);
  const { job, run } = held;
  const { wall } = step.now;
  const until = Math.min(Math.max(wanted, wall + SHORTEST_MS), wall + LONGEST_MS);
  if (run.cancel !== null) return { parked: false, until: null };
  const { stop } = run;
  if (!stop) {
    requestStop(step, held, { code: "quota", message, until });
    return { parked: true, until };
  }
  if (stop.code !== "quota") return { parked: false, until: null };
  const latest = Math.max(until, stop.until ?? until);
  if (latest !== stop.until) amend(step, job, { run: { ...run, stop: { ...stop, until: latest } } });
  return { parked: true, until: latest };
}

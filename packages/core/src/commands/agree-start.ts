/**
 * The candidates of a job are compared with each other, so they must begin at the same commit, and the base branch may
 * move between one clone and the next. The first candidate that is prepared says where it would start, durably, in its
 * parent's record; all others are told that.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { amend } from "../transitions.ts";
import { mustHaveBegun } from "./holder.ts";

export function needs(_state: State, _command: CommandOf<"agreeStart">): [] {
  return [];
}

/** A job that is nobody's candidate starts where it says. @throws HiveError lease_lost, not_begun */
export function agreeStart(step: Step, { lease, start }: CommandOf<"agreeStart">): Replies["agreeStart"] {
  const { job } = mustHaveBegun(step.state, lease);
  const parent = job.parent == null ? undefined : step.state.jobs.get(job.parent);
  const candidates = parent?.candidates;
  // The parent may have been canceled a moment ago; this candidate will hear of its own cancel soon.
  if (parent === undefined || candidates == null) return { start };
  if (candidates.start !== null) return { start: candidates.start };
  amend(step, parent, { candidates: { ...candidates, start } });
  return { start };
}

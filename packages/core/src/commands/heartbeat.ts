/**
 * A worker says that it is alive and how far it is. The first heartbeat begins the attempt and is durable before the
 * worker hears of it; later ones move deadlines in memory only, unless there is progress to tell.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Held } from "../ending.ts";
import type { Job } from "../job.ts";
import type { LiveLease } from "../lease.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { amend } from "../transitions.ts";
import { mustHold } from "./holder.ts";

export function needs(_state: State, _command: CommandOf<"heartbeat">): [] {
  return [];
}

/**
 * @throws HiveError lease_lost
 */
export function heartbeat(step: Step, command: CommandOf<"heartbeat">): Replies["heartbeat"] {
  const found = mustHold(step.state, command.lease);
  const { state, now } = step;
  const { run, live } = found;
  const begins = found.lease.begunAt === null;
  const limit = state.timeoutOf(found.job, live.workerId);
  const timeoutAt = begins ? now.mono + limit + state.rules.timeoutGraceMs : live.timeoutAt;
  state.leases.extend(live, now.mono + state.rules.leaseMs, timeoutAt);
  if (begins) begin(step, found, command);
  else progress(step, found, command);
  return {
    cancel: run.cancel === null ? null : { reason: run.cancel.reason },
    stop: run.stop ? { code: run.stop.code, message: run.stop.message } : null,
    drain: state.workers.get(live.workerId)?.record.draining ?? false,
    begun: true,
  };
}

type Beat = CommandOf<"heartbeat">;

function begin(step: Step, { job, run, lease, live }: Held & { readonly live: LiveLease }, beat: Beat): void {
  const begun = { ...lease, begunAt: step.now.wall, phase: beat.phase };
  const next = amend(step, job, { run: { ...run, attempts: run.attempts + 1, lease: begun } });
  step.event("job.started", next, { fence: lease.fence, workerId: lease.workerId, phase: beat.phase });
  live.toldAt = step.now.mono;
  live.told = said(beat, beat.phase);
}

/** Tells progress: at every change of phase, and else when something new was said and the last telling is old enough. */
function progress(step: Step, { job, run, lease, live }: Held & { readonly live: LiveLease }, beat: Beat): void {
  const phase = beat.phase ?? lease.phase;
  const told = said(beat, phase);
  const changed = phase !== lease.phase;
  const silent = told === live.told || (beat.message === null && beat.percent === null);
  const due = !silent && step.now.mono - live.toldAt >= step.state.rules.progressMs;
  if (!changed && !due) return;
  const next: Job = changed ? amend(step, job, { run: { ...run, lease: { ...lease, phase } } }) : job;
  step.event("job.progress", next, { fence: lease.fence, phase, message: beat.message, percent: beat.percent });
  live.toldAt = step.now.mono;
  live.told = told;
}

function said(beat: Beat, phase: string | null): string {
  return JSON.stringify([phase, beat.message, beat.percent]);
}

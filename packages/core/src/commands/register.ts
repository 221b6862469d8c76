/**
 * Takes a worker in. The same registration again gets the same answer. A new registration under a known id is a new
 * process of that worker: the old one is dead, so the lease it had ends now rather than when it runs out.
 *
 * A request may be on its way for longer than its worker lives, through a dispatcher that was stopped for a while, say.
 * What comes after the next life's registration would end the lease of the living, so it is refused; what tells them
 * apart is stored, for the dispatcher that took the next life in may not be the one that is asked.
 */

import type { CommandOf, Replies, WorkerPlacement, WorkerRecord } from "../command.ts";
import { HiveError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { endWorkersLease } from "./worker-gone.ts";

export function needs(_state: State, _command: CommandOf<"register">): [] {
  return [];
}

/** Twice what clocks may differ: no proof from before a registration is good for longer after it. In milliseconds. */
const LATE_MS = 10 * 60_000;

const BY_ITSELF: WorkerPlacement = { pool: null, egress: null, timeoutMs: null };

export function register(step: Step, command: CommandOf<"register">): Replies["register"] {
  const { state, now } = step;
  const known = state.workers.get(command.workerId);
  if (known?.record.registrationId === command.registrationId) return { worker: known.record };
  if (known !== undefined && isLate(known.record, command.provenAt, now.wall)) {
    throw new HiveError(
      "registration_refused",
      "The worker may not register: a later one under its name was taken; rename one if two workers have that name, wait some minutes if its clock was set back",
    );
  }
  if (known !== undefined) endWorkersLease(step, known, true, "the worker started again");
  const { name, version, roles, labels, provider, isolation, agents } = command.profile;
  const { pool, egress, timeoutMs } = command.placement ?? BY_ITSELF;
  const worker: WorkerRecord = {
    id: command.workerId,
    registrationId: command.registrationId,
    registeredAt: now.wall,
    ...(command.provenAt === undefined ? {} : { provenAt: command.provenAt }),
    draining: false,
    name,
    version,
    roles,
    labels,
    provider,
    isolation,
    agents,
    pool,
    egress,
    timeoutMs,
  };
  state.workers.set(worker.id, { record: worker, jobId: null });
  step.put("workers", worker.id, worker);
  step.event("worker.registered", null, {
    workerId: worker.id,
    name,
    version,
    roles,
    labels,
    provider,
    isolation,
    agents,
    pool,
  });
  return { worker };
}

/** Was it sent before the one that was taken in last? A clock that was set back is not held against a worker for ever. */
function isLate(known: WorkerRecord, provenAt: number | undefined, wall: number): boolean {
  if (provenAt === undefined || known.provenAt === undefined) return false;
  return provenAt < known.provenAt && wall < known.registeredAt + LATE_MS;
}

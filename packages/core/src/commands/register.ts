/**
 * Takes a worker in. The same registration again gets the same answer. A new registration under a known id is a new
 * process of that worker: the old one is dead, so the lease it had ends now rather than when it runs out.
 */

import type { CommandOf, Replies, WorkerPlacement, WorkerRecord } from "../command.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { endWorkersLease } from "./worker-gone.ts";

export function needs(_state: State, _command: CommandOf<"register">): [] {
  return [];
}

const BY_ITSELF: WorkerPlacement = { pool: null, egress: null, timeoutMs: null };

export function register(step: Step, command: CommandOf<"register">): Replies["register"] {
  const { state, now } = step;
  const known = state.workers.get(command.workerId);
  if (known?.record.registrationId === command.registrationId) return { worker: known.record };
  if (known !== undefined) endWorkersLease(step, known, true, "the worker started again");
  const { name, version, roles, labels, provider, isolation, agents } = command.profile;
  const { pool, egress, timeoutMs } = command.placement ?? BY_ITSELF;
  const worker: WorkerRecord = {
    id: command.workerId,
    registrationId: command.registrationId,
    registeredAt: now.wall,
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

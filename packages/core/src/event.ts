/**
 * What happened, in the order it happened. Events are written in the same commit as the change they tell of; the
 * event stream, the callbacks and the history of a job all read them.
 */

/** The events an owner's backend can be called back about. */
export const CALLBACK_TYPES = [
  "job.queued",
  "job.held",
  "job.started",
  "job.progress",
  "job.retrying",
  "job.succeeded",
  "job.failed",
  "job.canceled",
] as const;
export type CallbackType = (typeof CALLBACK_TYPES)[number];

/** Every event type; those beyond the callback types are for the stream and the history only. */
export type EventType =
  | CallbackType
  | "job.blocked"
  | "job.scheduled"
  | "job.leased"
  | "job.cancel_requested"
  | "job.stop_requested"
  | "job.budget"
  | "job.publishing"
  | "job.agent"
  | "job.approved"
  | "job.chosen"
  | "job.commented"
  | "job.egress_blocked"
  | "schedule.changed"
  | "schedule.fired"
  | "schedule.skipped"
  | "schedule.paused"
  | "job.signal"
  | "group.opened"
  | "group.held"
  | "group.resolved"
  | "group.muted"
  | "group.regressed"
  | "source.groups_full"
  | "worker.registered"
  | "worker.gone"
  | "callback.dead";

/**
 * One event. `id` is the place in the server's one stream and only rises, so the events of one job are in its order too.
 * Stored as this and `n`, the same number, for the indexes.
 */
export interface HiveEvent {
  readonly id: number;
  readonly type: EventType;
  readonly at: number;
  readonly jobId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

const callbackTypes: ReadonlySet<string> = new Set(CALLBACK_TYPES);

/** True for the events an owner's backend is told of. */
export function isCallbackType(type: EventType): type is CallbackType {
  return callbackTypes.has(type);
}

/** The attempts at a job as rows of a timeline: those that ended, and the one under way. */
import type { JobDetail } from "@hive/protocol";
import type { JobEvent } from "../job-event-pages.ts";

export interface Phase {
  readonly name: string;
  /** Null: it goes on. */
  readonly ms: number | null;
  /** Null where only its length is known. */
  readonly since: number | null;
}

export interface Attempt {
  readonly fence: number;
  readonly generation: number;
  /** Null for the one under way where it is not known. */
  readonly attempt: number | null;
  readonly workerId: string;
  /** Null: not known any more. */
  readonly since: number | null;
  readonly begunAt: number | null;
  readonly endedAt: number | null;
  /** Such as `succeeded` or `lost`; null: under way. */
  readonly end: string | null;
  readonly error: JobDetail["error"];
  readonly phases: readonly Phase[];
  readonly logBytes: number | null;
}

/** Newest first. `events`: of the job, oldest first; they say what the one under way did so far. */
export function attemptsOf(job: JobDetail, events: readonly JobEvent[]): readonly Attempt[] {
  const ended = job.history.map(
    (each): Attempt => ({
      fence: each.fence,
      generation: each.generation,
      attempt: each.attempt,
      workerId: each.workerId,
      since: each.grantedAt,
      begunAt: each.begunAt,
      endedAt: each.endedAt,
      end: each.end,
      error: each.error,
      phases: (each.result?.phases ?? []).map(({ name, ms }) => ({ name, ms, since: null })),
      logBytes: each.log?.bytes ?? null,
    }),
  );
  const running = underWay(job, events);
  return (running === null ? ended : [...ended, running]).toReversed();
}

function underWay(job: JobDetail, events: readonly JobEvent[]): Attempt | null {
  const { status, fence, workerId, phase } = job;
  if (status !== "running" || workerId === null || job.history.some((each) => each.fence === fence)) return null;
  const own = events.filter(({ data }) => data["fence"] === fence);
  const leasedAt = own.find(({ type }) => type === "job.leased")?.at ?? null;
  const begunAt = own.find(({ type }) => type === "job.started")?.at ?? null;
  return {
    fence,
    generation: job.generation,
    attempt: null,
    workerId,
    since: leasedAt ?? begunAt ?? job.startedAt,
    begunAt,
    endedAt: null,
    end: null,
    error: null,
    phases: phasesOf(own, phase),
    logBytes: null,
  };
}

/** The phases that events of one attempt tell of; the last goes on. */
function phasesOf(own: readonly JobEvent[], now: string | null): readonly Phase[] {
  const begun: { readonly name: string; readonly since: number }[] = [];
  for (const { type, at, data } of own) {
    const name = data["phase"];
    if ((type === "job.started" || type === "job.progress") && typeof name === "string" && begun.at(-1)?.name !== name)
      begun.push({ name, since: at });
  }
  if (begun.length === 0) return now === null ? [] : [{ name: now, ms: null, since: null }];
  return begun.map(({ name, since }, at) => {
    const next = begun[at + 1];
    return { name, since, ms: next === undefined ? null : next.since - since };
  });
}

/** What the running attempt said last of how far it is. */
export function progressOf(
  job: JobDetail,
  events: readonly JobEvent[],
): { readonly message: string | null; readonly percent: number | null } | null {
  if (job.status !== "running") return null;
  const last = events.findLast(({ type, data }) => type === "job.progress" && data["fence"] === job.fence);
  if (last === undefined) return null;
  const { message, percent } = last.data;
  return {
    message: typeof message === "string" && message !== "" ? message : null,
    percent: typeof percent === "number" ? percent : null,
  };
}

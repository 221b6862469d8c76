/** Counts what really happened in a run, so that a green batch means that every bad path was taken and survived. */

/** Everything that must happen at least once in 500 seeds. */
export const MUST_HAPPEN = [
  "answer lost",
  "request lost",
  "request came twice",
  "message late",
  "network cut",
  "dispatcher crashed",
  "crashed before a commit",
  "crashed after a commit",
  "dispatcher slept",
  "commit failed without a trace",
  "commit landed after its error",
  "commit landed and then failed",
  "commit was slow",
  "read failed",
  "worker crashed",
  "worker slept past its term",
  "lease lost",
  "lease never begun",
  "attempt stopped by its own clock",
  "zombie heartbeat refused",
  "zombie log refused",
  "zombie event refused",
  "zombie publish refused",
  "zombie finish refused",
  "claim answer lost and repeated",
  "finish repeated",
  "unsent result replayed",
  "registered again",
  "enqueue repeated after an unknown outcome",
  "id conflict",
  "cancel reached a worker",
  "canceled while waiting",
  "retried by hand",
  "comment on a job that runs",
  "comment on a job that waits",
  "comment on a job that is over",
  "comment repeated after an unknown outcome",
  "comments given again after an attempt that failed",
  "approved",
  "rejected",
  "publish approved",
  "dependency met",
  "dependency failed",
  "scheduled job ran",
  "key at its limit",
  "job retried by itself",
  "out of attempts",
  "poison",
  "timed out",
  "worker drained",
  "callback retried",
  "callback retried after a crash",
  "callback given up",
  "read by a client",
  "told of a used-up quota",
  "parked for a quota",
  "parked job ran again",
  "model call refused by a budget",
  "model call asked for again",
  "bill of a call came twice",
  "gateway died with calls under way",
  "stopped by a budget",
] as const;

/** What must happen, beyond that, where several dispatchers share a store. */
export const MUST_HAPPEN_TO_QUEENS = [
  "took over after a kill",
  "took over after a hand-over",
  "took over from a queen that lives",
  "took over while jobs ran",
  "took over while requests waited",
  "answered through a standby",
  "asked a queen who was deposed",
  "commit of a deposed queen refused",
  "dispatcher cut off from the store for more than a term",
  "answer of the store lost",
  "renewal lost",
  "renewal was late",
  "election whose answer was lost",
] as const;
/** What must happen where jobs are kept for a short time only. */
export const MUST_HAPPEN_TO_THE_OLD = [
  "job swept away",
  "logs swept away",
  "sweep broken off",
  "read of a forgotten job",
  "forgotten job put in again",
  "forgotten job put in with another body",
  "depends on a forgotten job",
  "asked to act on a forgotten job",
] as const;

/** What must happen where schedules make jobs. */
export const MUST_HAPPEN_TO_SCHEDULES = [
  "slot fired twice",
  "slot fired again after an unknown outcome",
  "slot waited for an earlier one",
  "slot left out: overlap",
  "slot left out: missed",
  "slot left out: buffer_full",
  "slot left out: paused",
  "slot left out: removed",
  "slot made up for by a person",
  "schedule paused by its failures",
] as const;

/** What must happen where sources find trouble. */
export const MUST_HAPPEN_TO_SOURCES = [
  "delivery sent again",
  "log read twice",
  "group opened twice",
  "signals brought again after an unknown outcome",
  "group held: max_open",
  "group held: per_hour",
  "group held: cooldown",
  "group held: refused",
  "group muted by hive",
  "group regressed",
  "group released",
  "job canceled as its trouble resolved",
  "job told of its trouble",
] as const;

export type Happening =
  | (typeof MUST_HAPPEN)[number]
  | (typeof MUST_HAPPEN_TO_QUEENS)[number]
  | (typeof MUST_HAPPEN_TO_THE_OLD)[number]
  | (typeof MUST_HAPPEN_TO_SCHEDULES)[number]
  | (typeof MUST_HAPPEN_TO_SOURCES)[number];

export class Counters {
  readonly counts = new Map<string, number>();

  count(what: Happening, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  add(other: Counters): void {
    for (const [what, times] of other.counts) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  /** What of these has not happened. */
  missing(must: readonly Happening[] = MUST_HAPPEN): readonly Happening[] {
    return must.filter((what) => !this.counts.has(what));
  }
}

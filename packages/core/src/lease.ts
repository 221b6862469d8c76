/**
 * The live leases and when each runs out. Deadlines are of the monotonic clock and live in memory only: after a start or
 * a noticed pause nobody knows how long the worker was unheard, so every lease gets one full term again.
 */

import { Heap } from "./heap.ts";

/** One lease as long as it lives. All times are monotonic milliseconds. */
export interface LiveLease {
  readonly jobId: string;
  readonly fence: number;
  readonly workerId: string;
  /** Without a heartbeat until here the lease is over. */
  runsOutAt: number;
  /** The attempt itself may not take longer; null until the first heartbeat. */
  timeoutAt: number | null;
  /** When progress was last told, and what was said. */
  toldAt: number;
  told: string;
  place: number;
}

export class Leases {
  readonly #byJob = new Map<string, LiveLease>();
  readonly #byDeadline = new Heap<LiveLease>(
    (a, b) => deadlineOf(a) < deadlineOf(b),
    (lease, place) => {
      lease.place = place;
    },
  );

  get size(): number {
    return this.#byJob.size;
  }

  of(jobId: string): LiveLease | undefined {
    return this.#byJob.get(jobId);
  }

  values(): IterableIterator<LiveLease> {
    return this.#byJob.values();
  }

  grant(jobId: string, fence: number, workerId: string, runsOutAt: number): void {
    const lease: LiveLease = {
      jobId,
      fence,
      workerId,
      runsOutAt,
      timeoutAt: null,
      toldAt: Number.NEGATIVE_INFINITY,
      told: "",
      place: -1,
    };
    this.#byJob.set(jobId, lease);
    this.#byDeadline.push(lease);
  }

  /** Moves the deadlines of a live lease. */
  extend(lease: LiveLease, runsOutAt: number, timeoutAt: number | null): void {
    lease.runsOutAt = runsOutAt;
    lease.timeoutAt = timeoutAt;
    this.#byDeadline.fix(lease.place);
  }

  end(jobId: string): void {
    const lease = this.#byJob.get(jobId);
    if (lease === undefined) return;
    this.#byJob.delete(jobId);
    this.#byDeadline.removeAt(lease.place);
  }

  /** The lease whose deadline comes first. */
  first(): LiveLease | undefined {
    return this.#byDeadline.peek();
  }
}

/** When something must be done about this lease. */
export function deadlineOf(lease: LiveLease): number {
  return lease.timeoutAt === null ? lease.runsOutAt : Math.min(lease.runsOutAt, lease.timeoutAt);
}

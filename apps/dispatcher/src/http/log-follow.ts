/**
 * A job's log as it grows, until the job is over. Without a fence it goes from attempt to attempt: who follows a job
 * sees its retries too, and who names an attempt that is yet to come waits for it. The store follows one attempt; only the queue knows when an attempt that was never sealed is
 * over, so this watches both.
 */

import { HiveError, isTerminal } from "@hive/core";
import type { LogStore } from "../logs/contract.ts";
import type { Queue } from "../queue/contract.ts";
import { findJob } from "./job-view.ts";

export interface FollowOptions {
  readonly queue: Queue;
  readonly logs: LogStore;
  readonly jobId: string;
  /** Only this attempt; null: the last one and those that follow. */
  readonly fence: number | null;
  /** Where a reader goes on in one attempt: it has every byte of it before this one. Null: from the first on. */
  readonly from: { readonly fence: number; readonly byte: number } | null;
  /** Ends it: the reader is gone, or the server stops. */
  readonly signal: AbortSignal;
}

export async function* followLog(options: FollowOptions): AsyncGenerator<Uint8Array> {
  const { queue, jobId, signal } = options;
  const bell = createBell(signal);
  const unlisten = [
    queue.onEffect((effect) => {
      // After a store that failed, what landed in spite of it was told to nobody.
      if (effect.type === "reloaded" || (effect.type === "event" && effect.event.jobId === jobId)) bell.ring();
    }),
    queue.onReadiness(bell.ring),
  ];
  let fence = options.fence;
  try {
    while (!signal.aborted) {
      const heard = bell.heard();
      const now = await placeOf(options, bell, signal);
      if (now === null) return;
      fence ??= now.fence > 0 ? now.fence : null;
      if (fence !== null && fence <= now.fence) {
        yield* followAttempt(options, fence, bell);
        if (options.fence !== null) return;
        fence += 1;
        continue;
      }
      // Before the first attempt, between two, or before the one asked for: wait for it, or the end.
      if (now.over) return;
      await bell.next(heard);
    }
  } finally {
    for (const each of unlisten) each();
  }
}

/** All bytes of one attempt: as they come while it runs, and what is left once it is over. */
async function* followAttempt(options: FollowOptions, fence: number, bell: Bell): AsyncGenerator<Uint8Array> {
  const { logs, jobId, signal } = options;
  const from = options.from?.fence === fence ? options.from.byte : 0;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    try {
      for (;;) {
        const heard = bell.heard();
        const now = await placeOf(options, bell, AbortSignal.any([signal, over.signal]));
        if (now === null || now.fence > fence || !now.runs) return;
        await bell.next(heard);
      }
    } finally {
      over.abort();
    }
  };
  const watching = watch();
  // Whoever reads must hear of it: an end without an error would look like the end of the log.
  watching.catch(() => {});
  try {
    yield* logs.follow({ jobId, fence, from, signal, over: over.signal });
  } finally {
    over.abort();
    bell.ring();
    await watching;
  }
}

interface Place {
  readonly fence: number;
  readonly over: boolean;
  readonly runs: boolean;
}

/** Where the job is; waits for a store that is away. Null: there is no such job, or `stop` was aborted. */
async function placeOf({ queue, jobId }: FollowOptions, bell: Bell, stop: AbortSignal): Promise<Place | null> {
  while (!stop.aborted) {
    const heard = bell.heard();
    try {
      const job = await findJob(queue, jobId);
      if (job === null) return null;
      return { fence: job.run?.fence ?? 0, over: isTerminal(job.status), runs: job.status === "running" };
    } catch (error) {
      const isAway = error instanceof HiveError && (error.code === "not_ready" || error.code === "store_failed");
      if (!isAway) throw error;
      // Ready again meanwhile, or about to be told otherwise: a turn later it is clear.
      await (queue.readiness().ready ? new Promise(setImmediate) : bell.next(heard));
    }
  }
  return null;
}

interface Bell {
  readonly ring: () => void;
  /** How often it rang. */
  readonly heard: () => number;
  /** Waits only if it did not ring since. */
  readonly next: (since: number) => Promise<void>;
}

/** Rings that come while nobody listens count. */
function createBell(signal: AbortSignal): Bell {
  let rings = 0;
  const waiting = new Set<() => void>();
  const ring = (): void => {
    rings += 1;
    for (const wake of waiting) wake();
    waiting.clear();
  };
  signal.addEventListener("abort", ring, { once: true });
  return {
    ring,
    heard: () => rings,
    next: (since) =>
      new Promise((resolve) => {
        if (rings !== since) resolve();
        else waiting.add(resolve);
      }),
  };
}

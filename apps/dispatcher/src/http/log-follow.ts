/**
 * A job's log as it grows, until the job is over. Without a fence it goes from attempt to attempt: who follows a job
 * sees its retries too. The store follows one attempt; only the queue knows when an attempt that was never sealed is
 * over, so this watches both.
 */

import { isTerminal } from "@hive/core";
import type { LogStore } from "../logs/contract.ts";
import type { Queue } from "../queue/contract.ts";
import { findJob } from "./job-view.ts";

export interface FollowOptions {
  readonly queue: Queue;
  readonly logs: LogStore;
  readonly jobId: string;
  /** Only this attempt; null: the last one and those that follow. */
  readonly fence: number | null;
  /** Ends it: the reader is gone, or the server stops. */
  readonly signal: AbortSignal;
}

export async function* followLog(options: FollowOptions): AsyncGenerator<Uint8Array> {
  const { queue, jobId, signal } = options;
  const bell = createBell(signal);
  const unlisten = queue.onEffect((effect) => {
    if (effect.type === "event" && effect.event.jobId === jobId) bell.ring();
  });
  let fence = options.fence;
  try {
    while (!signal.aborted) {
      const heard = bell.heard();
      const now = await placeOf(queue, jobId);
      if (now === null) return;
      fence ??= now.fence > 0 ? now.fence : null;
      if (fence !== null && fence <= now.fence) {
        yield* followAttempt(options, fence, bell);
        if (options.fence !== null) return;
        fence += 1;
        continue;
      }
      // Before the first attempt, or between two: wait for the next, or the end.
      if (now.over || options.fence !== null) return;
      await bell.next(heard);
    }
  } finally {
    unlisten();
  }
}

/** All bytes of one attempt: as they come while it runs, and what is left once it is over. */
async function* followAttempt(
  { queue, logs, jobId, signal }: FollowOptions,
  fence: number,
  bell: Bell,
): AsyncGenerator<Uint8Array> {
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    for (;;) {
      const heard = bell.heard();
      const now = signal.aborted ? null : await placeOf(queue, jobId).catch(() => null);
      if (now === null || over.signal.aborted || now.fence > fence || !now.runs) return over.abort();
      await bell.next(heard);
    }
  };
  const watching = watch();
  try {
    yield* logs.follow({ jobId, fence, signal, over: over.signal });
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

async function placeOf(queue: Queue, jobId: string): Promise<Place | null> {
  const job = await findJob(queue, jobId);
  if (job === null) return null;
  return { fence: job.run?.fence ?? 0, over: isTerminal(job.status), runs: job.status === "running" };
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

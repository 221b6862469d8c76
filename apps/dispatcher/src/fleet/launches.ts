/** The workers this fleet has started or found, from the decision to start one until nothing of it is left. */

import type { LiveWorker } from "@hive/core";
import type { PoolCounts } from "./desired.ts";
import type { Pool } from "./pool-settings.ts";
import type { Launch, Provider, Running } from "./provider.ts";

/** What one worker is good for now; see {@link PoolCounts}. */
export type Phase = keyof PoolCounts;

/** One launch. All times are monotonic milliseconds. */
export interface Launched extends Running {
  readonly provider: Provider;
  /** When it was last asked to start, or found. */
  startedAt: number;
  /** What was asked of the provider; null for one that was found. */
  readonly launch: Launch | null;
  readonly token: string | null;
  /** When its token was used. */
  registeredAt: number | null;
  /** The queue has it, or had it. */
  known: boolean;
  /** It was given a job. */
  served: boolean;
  /** Somebody asked it to leave, or stopped it: its end is no failure. */
  asked: boolean;
  /** It is being asked right now. */
  asking: boolean;
  /** It takes no more jobs whatever the queue says: it was stopped, or its server is gone. */
  leaving: boolean;
  /** Its start was counted as a failure. */
  failed: boolean;
  /** How many boots of its pool had failed in a row when it registered. */
  failuresBefore: number;
  /** Nobody knows whether it runs: asked again from this moment on. */
  askAgainAt: number | null;
  /** Since when it does nothing but leave. */
  leavingSince: number | null;
  /** Its end was told; the queue is being told. */
  ended: boolean;
}

/** What the launch's worker is good for, as the queue has it. */
export function phaseOf(one: Launched, worker: LiveWorker | undefined): Phase {
  if (one.ended) return "draining";
  if (!one.known) return one.launch === null ? "draining" : "starting";
  if (worker === undefined) return "draining";
  if (worker.jobId !== null) return "busy";
  if (worker.record.draining || one.leaving) return "draining";
  // Its only job is over; it says goodbye in a moment.
  return one.provider.oneShot && one.served ? "draining" : "idle";
}

/** The lowest number from 0 that is not taken. */
export function lowestFree(taken: Iterable<number>): number {
  const all = new Set(taken);
  for (let number = 0; ; number += 1) if (!all.has(number)) return number;
}

/**
 * A name for a new worker of this pool that no other has: `hive-worker-1` … in the pool `default`, else `hive-POOL-1` …;
 * with several dispatchers, which know nothing of each other's workers, `hive-worker-DISPATCHER-1` …
 */
export function freeName(pool: Pick<Pool, "name">, dispatcher: string | null, taken: ReadonlySet<string>): string {
  const base = pool.name === "default" ? "hive-worker" : `hive-${pool.name}`;
  const prefix = dispatcher === null ? base : `${base}-${dispatcher}`;
  for (let number = 1; ; number += 1) if (!taken.has(`${prefix}-${number}`)) return `${prefix}-${number}`;
}

/** Whether a worker of this name was started by this dispatcher, or by its earlier life. */
export function isNameOf(dispatcher: string | null, name: string): boolean {
  return dispatcher === null || name.replace(/-\d+$/, "").endsWith(`-${dispatcher}`);
}

/** A launch that was just decided on. */
export function newLaunch(launch: Launch, provider: Provider, token: string, now: number): Launched {
  const { launchId, name, slot, pool } = launch;
  return { ...blank({ launchId, name, slot, pool: pool.name }, provider, now), launch, token };
}

/** A worker of an earlier life of this server; `known` when the queue has it. */
export function foundLaunch(running: Running, provider: Provider, known: boolean, now: number): Launched {
  return { ...blank(running, provider, now), registeredAt: now, known, leaving: !provider.outlivesServer };
}

function blank({ launchId, name, slot, pool }: Running, provider: Provider, now: number): Launched {
  return {
    launchId,
    name,
    slot,
    pool,
    provider,
    startedAt: now,
    launch: null,
    token: null,
    registeredAt: null,
    known: false,
    served: false,
    asked: false,
    asking: false,
    leaving: false,
    failed: false,
    failuresBefore: 0,
    askAgainAt: null,
    leavingSince: null,
    ended: false,
  };
}

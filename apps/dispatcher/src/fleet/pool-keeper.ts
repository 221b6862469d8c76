/** What the fleet remembers of one pool: its back-off, what keeps it from starting workers, what its workers can run. */

import type { Skills } from "@hive/core";
import { afterFailure, type BackOff, NO_BACK_OFF } from "./back-off.ts";
import type { PoolCounts, PoolSize } from "./desired.ts";
import { isOpen } from "./hours.ts";
import type { Pool } from "./pool-settings.ts";
import type { PoolNeeds, Provider, Readiness } from "./provider.ts";

export const POOL_STATES = [
  "ok",
  "starting_up",
  "backing_off",
  "image_missing",
  "building_image",
  "engine_unreachable",
  "paused",
  "outside_hours",
  "removed",
] as const;
/** What a pool does, or why it starts nothing now. */
export type PoolState = (typeof POOL_STATES)[number];

export interface PoolCondition {
  readonly state: PoolState;
  /** The same in words, with the reason. */
  readonly message: string;
}

/** One kind of worker and what is known of it. All times are monotonic milliseconds, but `lastError.at`. */
export interface PoolKeeper {
  readonly pool: Pool;
  readonly provider: Provider;
  readonly needs: PoolNeeds;
  readonly size: PoolSize;
  /** False for workers that were found of a pool the settings know no more. */
  readonly inSettings: boolean;
  /** The provider has told which workers there are. */
  listed: boolean;
  /** Why that cannot be known, while it cannot. */
  listError: string | null;
  /** When that is asked again. */
  listAgainAt: number;
  backOff: BackOff;
  readiness: Readiness | null;
  /** When a pool that was not ready is looked at again. */
  askReadyAt: number;
  /** Agents its workers offer; null before the first one registered: then it may be any. */
  agents: readonly string[] | null;
  lastError: { readonly at: number; readonly message: string } | null;
  /** Since when there are more idle workers than wanted. */
  surplusSince: number | null;
  /** As of the last look. */
  counts: PoolCounts;
  desired: number;
  runnable: number;
}

export const NONE: PoolCounts = { starting: 0, idle: 0, busy: 0, draining: 0 };

export function createPoolKeeper(pool: Pool, provider: Provider, inSettings = true): PoolKeeper {
  const { name, image, cpus, memoryBytes, diskBytes, pids } = pool;
  return {
    pool,
    provider,
    needs: { name, image, cpus, memoryBytes, diskBytes, pids },
    size: { min: pool.min, max: pool.max, warm: pool.warm },
    inSettings,
    listed: false,
    listError: null,
    listAgainAt: Number.NEGATIVE_INFINITY,
    backOff: NO_BACK_OFF,
    readiness: null,
    askReadyAt: Number.NEGATIVE_INFINITY,
    agents: null,
    lastError: null,
    surplusSince: null,
    counts: NONE,
    desired: 0,
    runnable: 0,
  };
}

/** A pool of workers that were found although no settings speak of it: they finish what they have. */
export function strayPool(name: string, provider: "docker" | "process"): Pool {
  const nothing = { image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null, timeoutMs: null };
  const size = { min: 0, max: 0, warm: 0 };
  return {
    name,
    provider,
    roles: [],
    labels: [],
    spans: [],
    hours: [],
    paused: true,
    egress: null,
    ...nothing,
    ...size,
  };
}

/** What a worker of the pool can take; `everyAgent` stands for agents nobody has told of yet. */
export function skillsOf(keeper: PoolKeeper, everyAgent: readonly string[]): Skills {
  const { roles, labels } = keeper.pool;
  return { roles, labels, agents: keeper.agents ?? everyAgent };
}

/** Paused or outside its hours: its workers take no more jobs. Null: open. */
export function closedBecause({ pool, inSettings }: PoolKeeper, wall: number): PoolCondition | null {
  if (!inSettings)
    return { state: "removed", message: "no pool of the settings; its workers finish their jobs and leave" };
  if (pool.paused) return { state: "paused", message: "paused" };
  if (isOpen(pool.spans, wall)) return null;
  return { state: "outside_hours", message: `outside hours (${pool.hours.join("; ")})` };
}

/** Why nothing can be started although it should be; null: nothing is in the way. */
export function blockedBecause(keeper: PoolKeeper, now: { mono: number; wall: number }): PoolCondition | null {
  const { provider, readiness, backOff } = keeper;
  const status = provider.status();
  const away = status.state === "unreachable" ? status.reason : keeper.listError;
  if (away !== null) return { state: "engine_unreachable", message: `engine unreachable: ${away}` };
  if (!keeper.listed) return { state: "starting_up", message: "looking which workers there are" };
  if (readiness !== null && !readiness.ready) {
    switch (readiness.why) {
      case "missing":
        return { state: "image_missing", message: `image missing: ${readiness.message}` };
      case "building":
        return { state: "building_image", message: `building image: ${readiness.message}` };
      case "unreachable":
        return { state: "engine_unreachable", message: `engine unreachable: ${readiness.message}` };
    }
  }
  if (backOff.failures > 0 && now.mono < backOff.until) {
    const until = new Date(now.wall + backOff.until - now.mono).toISOString();
    const last = keeper.lastError === null ? "" : `: ${keeper.lastError.message}`;
    return {
      state: "backing_off",
      message: `backing off until ${until} after ${backOff.failures} failed boots${last}`,
    };
  }
  return null;
}

/** Counts a boot that failed. */
export function bootFailed(
  keeper: PoolKeeper,
  begunAt: number,
  now: { mono: number; wall: number },
  message: string,
): void {
  keeper.backOff = afterFailure(keeper.backOff, begunAt, now.mono);
  keeper.lastError = { at: now.wall, message };
}

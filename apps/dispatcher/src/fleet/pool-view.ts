/** A pool as people see it: `GET /v1/pools`, `hive pools`, the metrics, and why a job waits. */

import type { Pool } from "@hive/protocol";
import { blockedBecause, closedBecause, type PoolCondition, type PoolKeeper } from "./pool-keeper.ts";

/** As `GET /v1/pools` shows it. */
export type PoolView = Pool;

/** What the pool does, and why it starts nothing when it starts nothing. */
function conditionOf(keeper: PoolKeeper, now: { mono: number; wall: number }): PoolCondition {
  return closedBecause(keeper, now.wall) ?? blockedBecause(keeper, now) ?? { state: "ok", message: "ok" };
}

export function viewPool(keeper: PoolKeeper, now: { mono: number; wall: number }): PoolView {
  const { pool, provider, readiness, backOff, counts, lastError } = keeper;
  const image = readiness?.ready === true ? readiness.image : null;
  const waiting = backOff.failures > 0 && backOff.until > now.mono;
  return {
    name: pool.name,
    provider: provider.name,
    isolation: provider.isolation,
    image: image?.name ?? pool.image,
    imageDigest: image?.digest ?? null,
    roles: [...pool.roles],
    labels: [...pool.labels],
    agents: keeper.agents === null ? null : [...keeper.agents],
    min: pool.min,
    max: pool.max,
    warm: pool.warm,
    cpus: pool.cpus,
    memoryBytes: pool.memoryBytes,
    diskBytes: pool.diskBytes,
    pids: pool.pids,
    timeoutMs: pool.timeoutMs,
    hours: [...pool.hours],
    paused: pool.paused,
    egress: pool.egress === null ? null : [...pool.egress],
    ...conditionOf(keeper, now),
    runnable: keeper.runnable,
    desired: keeper.desired,
    workers: { ...counts },
    failures: backOff.failures,
    lastError: lastError === null ? null : { ...lastError },
    nextTryAt: waiting ? Math.round(now.wall + backOff.until - now.mono) : null,
  };
}

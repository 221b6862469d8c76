/** Chooses where jobs, logs and artifacts are kept: files beside SQLite, all in Redis, or nowhere for long. */

import { join } from "node:path";
import type { Logger } from "pino";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Leadership } from "./leader/leadership.ts";
import { type ArtifactStore, DEFAULT_LOG_LIMITS, type LogStore } from "./logs/contract.ts";
import { openFileLogs } from "./logs/files/file-logs.ts";
import { openRedisLogs } from "./logs/redis/redis-logs.ts";
import type { Store, StorePosition } from "./store/contract.ts";
import { MemoryContent } from "./store/memory/memory-content.ts";
import { MemoryStore } from "./store/memory/memory-store.ts";
import { openRedis } from "./store/redis/open-redis.ts";
import { SqliteStore } from "./store/sqlite/sqlite-store.ts";
import { isRedisUrl } from "./store/store-options.ts";

export interface Storage {
  /** Makes a handle on the store; called again for each new election. */
  readonly openStore: (leadership: Leadership) => Store;
  readonly openLogs: (position: () => StorePosition) => { readonly logs: LogStore; readonly artifacts: ArtifactStore };
  /** Bytes of one attempt's log, and of one file of it. */
  readonly limits: { readonly logBytes: number; readonly artifactBytes: number };
  /** What may be lost although it was acknowledged, a sentence each; empty: nothing. */
  readonly warnings: () => readonly string[];
  /** Ends the connections, once everything that uses them has stopped. */
  readonly close: () => void;
}

/** What the settings say. Nothing is opened or connected yet. */
export function chooseStorage(
  config: Pick<Config, "store" | "data" | "durability" | "redisPrefix" | "redisLogBytes" | "redisArtifactBytes">,
  log: Logger,
): Storage {
  if (isRedisUrl(config.store)) return inRedis(config, log);
  const folder = join(config.data, "logs");
  const content = new MemoryContent();
  const path = join(config.data, "hive.db");
  return {
    openStore: () => (config.store === "memory" ? new MemoryStore({ content }) : new SqliteStore(path)),
    openLogs: () => openFileLogs({ folder, limits: DEFAULT_LOG_LIMITS }),
    limits: DEFAULT_LOG_LIMITS,
    warnings: () =>
      config.store === "memory" ? ["HIVE_STORE is memory: every job is lost when this server ends"] : [],
    close() {},
  };
}

function inRedis(
  config: Pick<Config, "store" | "durability" | "redisPrefix" | "redisLogBytes" | "redisArtifactBytes">,
  log: Logger,
): Storage {
  const { store: url, redisPrefix: prefix, durability } = config;
  const { mono } = systemClock;
  const redis = openRedis({ url, prefix, durability, mono, onWarning: (message) => log.warn(message) });
  const limits = { ...DEFAULT_LOG_LIMITS, artifactBytes: config.redisArtifactBytes };
  return {
    openStore: redis.openStore,
    openLogs: (position) =>
      openRedisLogs({
        connection: redis.connect("hive-logs"),
        keys: redis.keys,
        position,
        limits,
        keptBytes: config.redisLogBytes,
      }),
    limits,
    warnings: redis.warnings,
    close: redis.close,
  };
}

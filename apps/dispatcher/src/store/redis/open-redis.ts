/** A Redis as `main.ts` uses it: its connections, and handles on the store in it. */

import type { Leadership } from "../../leader/leadership.ts";
import { RedisConnection } from "./connection.ts";
import { type Durability, readDurability, refuseUnlessDurable } from "./durability.ts";
import { redisKeys, type RedisKeys } from "./keys.ts";
import { RedisStore } from "./redis-store.ts";

export interface OpenedRedis {
  readonly keys: RedisKeys;
  /** A handle for one election. */
  readonly openStore: (leadership: Leadership) => RedisStore;
  /** A connection beside the store's, such as the logs': whoever asked for it closes it. */
  readonly connect: (name: string) => RedisConnection;
  /** What of the acknowledged may be lost, as known at the last election; empty: nothing. */
  readonly warnings: () => readonly string[];
  /** Ends the store's connections. Safe to call twice. */
  readonly close: () => void;
}

export interface OpenRedisOptions {
  /** `HIVE_STORE` */
  readonly url: string;
  /** `HIVE_REDIS_PREFIX` */
  readonly prefix: string;
  /** `HIVE_DURABILITY` */
  readonly durability: "strict" | "relaxed";
  readonly mono: () => number;
  /** For the log: something may be lost. Called once for each change of what. */
  readonly onWarning: (message: string) => void;
}

/** Connects nowhere yet: the first command does. */
export function openRedis({ url, prefix, durability, mono, onWarning }: OpenRedisOptions): OpenedRedis {
  const writing = new RedisConnection({ url, name: "hive-store", mono });
  const reading = new RedisConnection({ url, name: "hive-reads", mono });
  let known: Durability | null = null;

  const look = async (): Promise<void> => {
    const found = await readDurability(writing);
    const isNews = found.warnings.join() !== known?.warnings.join();
    known = found;
    if (durability === "strict") refuseUnlessDurable(found);
    else if (isNews) for (const warning of found.warnings) onWarning(warning);
  };
  return {
    keys: redisKeys(prefix),
    openStore: (leadership) =>
      new RedisStore({
        writing,
        reading,
        prefix,
        leadership,
        mono,
        // A standby looks once as well: it should not find out on the night it is needed.
        beforeLook: async () => {
          if (known === null) await look();
        },
        beforeElection: look,
      }),
    connect: (name) => new RedisConnection({ url, name, mono }),
    warnings: () => known?.warnings ?? [],
    close() {
      writing.close();
      reading.close();
    },
  };
}

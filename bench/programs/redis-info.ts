/** Asks a Redis how much memory its data takes. */
import { Redis } from "ioredis";

/** A connection for that one question. */
export interface RedisInfo {
  /** Bytes, as `INFO memory` says. */
  usedMemory(): Promise<number>;
  close(): void;
}

/** Connects to a Redis of this machine. */
export function createClient(port: number): RedisInfo {
  const redis = new Redis({ host: "127.0.0.1", port });
  return {
    async usedMemory() {
      const used = /^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1];
      if (used === undefined) throw new Error("Redis does not say how much memory it uses");
      return Number(used);
    },
    close: () => redis.disconnect(),
  };
}

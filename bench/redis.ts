/** A Redis of the bench's own: a new folder and a free port, its append-only file synced as a row asks. */
import { startRedis as startServer } from "../test/peers/redis/redis-server.ts";
import { RedisConnection } from "../apps/dispatcher/src/store/redis/connection.ts";
import type { Stage } from "./stage.ts";

/** When Redis syncs: before every reply, or every second, as BullMQ's guide asks for. */
export type Fsync = "always" | "everysec";

export interface BenchRedis {
  readonly port: number;
  readonly url: string;
  /** Settings of a dispatcher that keeps its jobs there. */
  readonly settings: Readonly<Record<string, string>>;
  /** Bytes it uses now, all of its data included. */
  usedBytes(): Promise<number>;
  /** Forgets everything: the next one begins as the first did. */
  empty(): Promise<void>;
}

/** Starts it and waits until it takes connections. It ends when the stage is cleared. */
export async function startRedis(stage: Stage, fsync: Fsync): Promise<BenchRedis> {
  const server = await startServer({ appendfsync: fsync, folder: stage.folder("redis") });
  const connection = new RedisConnection({ url: server.url, name: "bench", commandMs: 60_000 });
  stage.onClear(async () => {
    connection.close();
    await server.dispose();
  });
  return {
    port: server.port,
    url: server.url,
    settings: { HIVE_STORE: server.url, HIVE_DURABILITY: fsync === "always" ? "strict" : "relaxed" },
    async usedBytes() {
      const bytes = /^used_memory:(\d+)/m.exec(String(await connection.command(["INFO", "memory"])))?.[1];
      if (bytes === undefined) throw new Error("Redis does not say how much memory it uses");
      return Number(bytes);
    },
    async empty() {
      await connection.command(["FLUSHALL"]);
    },
  };
}

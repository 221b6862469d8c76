/** Logs and artifacts on a real Redis: the shared suite, and what only Redis does. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { type RedisServer, startRedis } from "../../../../../test/peers/redis/redis-server.ts";
import { RedisConnection } from "../../store/redis/connection.ts";
import { redisKeys } from "../../store/redis/keys.ts";
import { logSuite } from "../contract.suite.ts";
import { openRedisLogs } from "./redis-logs.ts";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.dispose());

logSuite("redis", async () => {
  const keys = redisKeys(randomUUID());
  return {
    flushesAlways: true,
    open: (limits = {}) => openRedisLogs({ connection: connect(), keys, election: () => null, limits }),
    async crash() {
      await redis.crash();
      await redis.start();
    },
    dispose: async () => {},
  };
});

function connect(): RedisConnection {
  return new RedisConnection({ url: redis.url });
}

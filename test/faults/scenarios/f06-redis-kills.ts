/** F6: Redis is killed with SIGKILL under load, loses every script it knew, and comes back with what it had flushed. */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { runRedisHarm } from "../redis-harm.ts";
import type { Scenario } from "../scenario.ts";

export const redisKills: Scenario = {
  id: "F6",
  title: "Redis is killed under load, and nothing it had acknowledged is lost or done twice",
  stores: ["redis"],
  run: (options) =>
    runRedisHarm({
      ...options,
      id: "F6",
      what: "kills",
      times: { quick: 4, full: 24 },
      jobs: { quick: 80, full: 1_000 },
      mustBeUnready: false,
      once: async (redis, { signal }, chance) => {
        await redis.crash();
        // As long as it takes to be started again, and sometimes longer.
        await pause(machineClock, chance.chance(0.3) ? chance.int(1_000, 3_000) : 0, signal);
        await redis.start();
      },
    }),
};

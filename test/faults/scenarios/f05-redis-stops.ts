/** F5: Redis stands still for seconds, takes connections and answers nobody. */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { runRedisHarm } from "../redis-harm.ts";
import type { Scenario } from "../scenario.ts";

const STOP_MS = 5_000;

export const redisStops: Scenario = {
  id: "F5",
  title: "a Redis that stands still costs time: no lease is taken away, and nothing is lost or done twice",
  stores: ["redis"],
  run: (options) =>
    runRedisHarm({
      ...options,
      id: "F5",
      what: "stops",
      times: { quick: 2, full: 20 },
      jobs: { quick: 60, full: 300 },
      mustBeUnready: true,
      once: async (redis, { signal }) => {
        redis.stopNow();
        try {
          await pause(machineClock, STOP_MS, signal);
        } finally {
          redis.goOn();
        }
      },
    }),
};

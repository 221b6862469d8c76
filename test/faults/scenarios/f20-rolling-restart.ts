/**
 * F20: under load one dispatcher after the other is told to stop (SIGTERM) and starts again, as in an upgrade. Each stops
 * in time and hands over; no job is lost, and none is begun twice because of it.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { monotonicMs } from "../history.ts";
import { runUnderLoad } from "../load-run.ts";
import { type Scenario, sized, tellTimes } from "../scenario.ts";

export const rollingRestart: Scenario = {
  id: "F20",
  title: "dispatchers that are restarted one after the other under load lose no job and begin none twice",
  stores: ["sqlite", "redis"],
  run: (options) => {
    const { size, store } = options;
    const rounds = sized(size, { quick: 1, full: 8 });
    return runUnderLoad({
      ...options,
      id: "F20",
      jobs: sized(size, { quick: 12, full: 500 }),
      // Leases as operators have them: on a busy machine a hand-over may outlast a short one.
      world: { callbacks: false, leaseMs: 30_000, count: store === "redis" ? 2 : 1, workers: 4 },
      harm: async ({ world, history, harmed, signal }) => {
        const stopMs: number[] = [];
        const awayMs: number[] = [];
        const broken: string[] = [];
        for (let round = 0; round < rounds && !signal.aborted; round += 1) {
          for (const [n, one] of world.servers.entries()) {
            harmed((round + n / world.servers.length) / rounds);
            await pause(machineClock, 1_500, signal);
            const begun = monotonicMs();
            history.mark(`dispatcher ${n + 1} is told to stop`);
            const stopped = one.stop().then(({ code }) => {
              stopMs.push(monotonicMs() - begun);
              if (code !== 0) broken.push(`a dispatcher that was told to stop ended with ${code}`);
            });
            // Alone it has nobody to hand over to.
            if (world.servers.length > 1) {
              const isOther = async (): Promise<boolean> => ![null, one].includes(await world.queen());
              await until("another queen", async () => signal.aborted || (await isOther()));
              awayMs.push(monotonicMs() - begun);
            }
            await stopped;
            await one.start();
            history.mark(`dispatcher ${n + 1} is back`);
          }
        }
        broken.push(...stopMs.filter((ms) => ms > STOP_LIMIT_MS).map((ms) => `a stop took ${Math.round(ms)} ms`));
        return {
          figures: { restarts: stopMs.length, stops: tellTimes(stopMs), "without a queen": tellTimes(awayMs) },
          least: [["restarts", stopMs.length, rounds * world.servers.length]],
          broken,
        };
      },
      also: (_, { details }) =>
        [...details.values()]
          .filter(({ history }) => history.length !== 1)
          .map(({ jobId, history }) => `${jobId} was begun ${history.length} times`),
    });
  },
};

/** From SIGTERM to the end of the process. */
const STOP_LIMIT_MS = 10_000;

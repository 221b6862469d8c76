/** F1: dispatchers are killed with SIGKILL again and again, workers too, and the owner's backend is not well. */
import { runUnderLoad } from "../load-run.ts";
import { torment } from "../nemesis.ts";
import { type Scenario, sized, tellTimes } from "../scenario.ts";

/** Far more than the 6 s that are promised: this machine may be busy. */
const TAKEOVER_LIMIT_MS = 15_000;

export const dispatcherKills: Scenario = {
  id: "F1",
  title: "dispatchers are killed in the middle of everything, and no job is lost or done twice",
  stores: ["sqlite", "redis"],
  run: (options) => {
    const { size, store } = options;
    const kills = sized(size, { quick: 6, full: 42 });
    const workerKills = sized(size, { quick: 1, full: 8 });
    return runUnderLoad({
      ...options,
      id: "F1",
      jobs: sized(size, { quick: 60, full: 1_000 }),
      world: { count: store === "redis" ? 2 : 1, workers: 4 },
      zombies: { count: sized(size, { quick: 1, full: 2 }), leases: sized(size, { quick: 2, full: 4 }) },
      harm: async (run) => {
        const troubles = await torment(run, {
          kills,
          workerKills,
          pauseMs: sized(size, { quick: 1_500, full: 2_500 }),
        });
        const slow = troubles.takeoverMs.filter((ms) => ms > TAKEOVER_LIMIT_MS);
        return {
          figures: {
            kills: troubles.kills,
            "while starting": troubles.early,
            "kills of workers": troubles.workerKills,
            starts: tellTimes(troubles.restartMs),
            takeovers: tellTimes(troubles.takeoverMs),
          },
          least: [
            ["kills", troubles.kills, kills],
            ["kills of workers", troubles.workerKills, workerKills],
            ["requests without an answer", run.client.counts.unknown, sized(size, { quick: 1, full: 30 })],
          ],
          broken: slow.map((ms) => `a takeover took ${Math.round(ms)} ms`),
        };
      },
    });
  },
};

/** F7: the power of the machine with Redis goes while jobs come in and are worked on. */
import { losePower } from "../power-loss.ts";
import { type Scenario, type ScenarioOptions, sized } from "../scenario.ts";

/** `appendfsync always` holds; `everysec`, which a dispatcher only takes when told to be relaxed, must not. */
export const redisPower: Scenario = {
  id: "F7",
  title: "a power loss takes nothing that a Redis with appendfsync always acknowledged, and everysec loses some",
  stores: ["redis"],
  run: async ({ size, seed, store }: ScenarioOptions) => {
    const { figures, broken } = await losePower({
      store,
      seed,
      rounds: sized(size, { quick: 2, full: 12 }),
      jobs: sized(size, { quick: 40, full: 120 }),
    });
    const relaxed = await losePower({ store, seed, rounds: 1, jobs: 60, weak: true });
    const blind = relaxed.lost > 0 ? [] : ["the run cannot see a loss: a Redis with everysec lost nothing"];
    return { figures: { ...figures, "lost with everysec": relaxed.lost }, broken: [...broken, ...blind] };
  },
};

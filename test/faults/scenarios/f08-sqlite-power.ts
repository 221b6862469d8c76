/** F8: the power of a server with SQLite goes while jobs come in and are worked on. */
import { losePower } from "../power-loss.ts";
import { type Scenario, type ScenarioOptions, sized } from "../scenario.ts";

/** `synchronous = FULL` is what this holds to: `mutations.ts` has it go red with NORMAL. */
export const sqlitePower: Scenario = {
  id: "F8",
  title: "a power loss takes nothing that SQLite acknowledged, whatever sectors the disk kept of the rest",
  stores: ["sqlite"],
  run: async ({ size, seed, store }: ScenarioOptions) => {
    const { figures, broken } = await losePower({
      store,
      seed,
      rounds: sized(size, { quick: 2, full: 12 }),
      jobs: sized(size, { quick: 40, full: 120 }),
    });
    // Small runs leave that to the mutation and to the tests of the disk.
    if (size === "quick") return { figures, broken };
    const lying = await losePower({ store, seed, rounds: 1, jobs: 60, weak: true });
    const blind = lying.lost > 0 ? [] : ["the run cannot see a loss: a disk that lies about its syncs lost nothing"];
    return { figures: { ...figures, "lost on a disk that lies": lying.lost }, broken: [...broken, ...blind] };
  },
};

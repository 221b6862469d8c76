/** One seed of one scenario, from beginning to verdict. */

import { check } from "./checkers/all.ts";
import type { Seen } from "./checkers/checker.ts";
import { noLosses } from "./checkers/quiet.ts";
import { countEvents } from "./count-events.ts";
import type { Counters } from "./counters.ts";
import type { Entry } from "./history.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

export interface Verdict {
  /** Broken promises and errors, in words; empty for a good run. */
  readonly broken: readonly string[];
  /** Calls, events and acts that were seen. */
  readonly operations: number;
  readonly counters: Counters;
  readonly digest: string;
  readonly entries: readonly Entry[];
}

/** Runs one seed and checks what was seen. Never throws: whatever goes wrong is in `broken`. */
export async function runSeed(scenario: Scenario, seed: number): Promise<Verdict> {
  const world = new World(scenario, seed);
  const broken: string[] = [];
  try {
    const look = await world.run();
    const seen: Seen = {
      ...look,
      entries: world.history.entries,
      written: world.history.written,
      finishes: world.history.finishes,
    };
    broken.push(...check(seen));
    countEvents(seen, world.counters);
    if (scenario.noLossesExpected === true) broken.push(...noLosses(seen));
  } catch (error) {
    broken.push(`the run broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  broken.push(...world.bugs.map((bug) => `a part broke: ${bug}`));
  const { history, counters } = world;
  return { broken, counters, operations: history.entries.length, digest: history.digest(), entries: history.entries };
}

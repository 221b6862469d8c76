/** Every scenario of the fault suite, in the order they run. A new one is a module in `scenarios/` and a line here. */
import type { Scenario, StoreKind } from "./scenario.ts";
import { dispatcherKills } from "./scenarios/f01-dispatcher-kills.ts";
import { workerKills } from "./scenarios/f02-worker-kills.ts";
import { zombies } from "./scenarios/f03-zombies.ts";
import { redisPower } from "./scenarios/f07-redis-power.ts";
import { sqlitePower } from "./scenarios/f08-sqlite-power.ts";
import { damage } from "./scenarios/f09-damage.ts";
import { diskFull } from "./scenarios/f10-disk-full.ts";
import { memoryFull } from "./scenarios/f11-memory-full.ts";
import { clockJumps } from "./scenarios/f15-clock-jumps.ts";

export const SCENARIOS: readonly Scenario[] = [
  dispatcherKills,
  workerKills,
  zombies,
  redisPower,
  sqlitePower,
  damage,
  diskFull,
  memoryFull,
  clockJumps,
];

/** One scenario on one store. */
export interface Planned {
  readonly scenario: Scenario;
  readonly store: StoreKind;
}

/** The scenarios with these ids (none: all) on these stores (none: each on all of its own). @throws RangeError for an id that is not there */
export function plan(only: readonly string[], stores: readonly StoreKind[]): readonly Planned[] {
  const unknown = only.filter((id) => !SCENARIOS.some((scenario) => scenario.id === id));
  if (unknown.length > 0) {
    const known = SCENARIOS.map(({ id }) => id).join(", ");
    throw new RangeError(`there is no scenario ${unknown.join(", ")}; there are ${known}`);
  }
  return SCENARIOS.filter(({ id }) => only.length === 0 || only.includes(id)).flatMap((scenario) =>
    scenario.stores
      .filter((store) => stores.length === 0 || stores.includes(store))
      .map((store) => ({ scenario, store })),
  );
}

/** Every scenario of the fault suite, in the order they run. A new one is a module in `scenarios/` and a line here. */
import type { Scenario, StoreKind } from "./scenario.ts";
import { bulkKills } from "./scenarios/f01-bulk-kills.ts";
import { dispatcherKills } from "./scenarios/f01-dispatcher-kills.ts";
import { workerKills } from "./scenarios/f02-worker-kills.ts";
import { zombies } from "./scenarios/f03-zombies.ts";
import { commitsTooLate } from "./scenarios/f04-commits-too-late.ts";
import { dispatcherStops } from "./scenarios/f04-dispatcher-stops.ts";
import { redisStops } from "./scenarios/f05-redis-stops.ts";
import { redisKills } from "./scenarios/f06-redis-kills.ts";
import { redisPower } from "./scenarios/f07-redis-power.ts";
import { sqlitePower } from "./scenarios/f08-sqlite-power.ts";
import { damage } from "./scenarios/f09-damage.ts";
import { diskFull } from "./scenarios/f10-disk-full.ts";
import { memoryFull } from "./scenarios/f11-memory-full.ts";
import { workersCutOff } from "./scenarios/f12-workers-cut-off.ts";
import { storeCutOff } from "./scenarios/f13-store-cut-off.ts";
import { redisFailover } from "./scenarios/f14-redis-failover.ts";
import { clockJumps } from "./scenarios/f15-clock-jumps.ts";
import { slots } from "./scenarios/f16-slots.ts";
import { timers } from "./scenarios/f16-timers.ts";
import { hostileReceivers } from "./scenarios/f17-hostile-receivers.ts";
import { postRaces } from "./scenarios/f18-post-races.ts";
import { poorNetwork } from "./scenarios/f19-poor-network.ts";
import { oldData } from "./scenarios/f20-old-data.ts";
import { rollingRestart } from "./scenarios/f20-rolling-restart.ts";
import { soak } from "./scenarios/f21-soak.ts";
import { eventReaders } from "./scenarios/f22-event-readers.ts";

export const SCENARIOS: readonly Scenario[] = [
  dispatcherKills,
  bulkKills,
  workerKills,
  zombies,
  dispatcherStops,
  commitsTooLate,
  redisStops,
  redisKills,
  redisPower,
  sqlitePower,
  damage,
  diskFull,
  memoryFull,
  workersCutOff,
  storeCutOff,
  redisFailover,
  clockJumps,
  timers,
  slots,
  hostileReceivers,
  postRaces,
  poorNetwork,
  rollingRestart,
  oldData,
  soak,
  eventReaders,
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

/** How long an idle system takes from "here is a job" to a worker that has it. */
import { type Figure, percentile, type Row, type RowContext } from "../row.ts";
import { BULL_NAMES, type Place, PLACE_NAMES, REDIS_PLACES, takeTurns } from "../turns.ts";

interface Samples {
  readonly samples: readonly number[];
}

export const pickupRow: Row = {
  name: "pickup",
  about: "milliseconds from sending a job to a waiting worker's lease, idle, over HTTP",
  run: (context) => measurePickup(context, "sqlite"),
};

export const pickupRedisRow: Row = {
  name: "pickup-redis",
  about: "the same with the jobs in Redis, beside BullMQ on the same Redis",
  run: async (context) => {
    const figures: Figure[] = [];
    for (const place of REDIS_PLACES) figures.push(...(await measurePickup(context, place)));
    return figures;
  },
};

async function measurePickup({ stage, pick, say }: RowContext, place: Place): Promise<Figure[]> {
  const count = String(pick({ quick: 50, usual: 500, full: 500 }));
  say(PLACE_NAMES[place]);
  const { hive, bull } = await takeTurns(stage, place, {
    hive: async ({ port }) => (await stage.measure("pickup.ts", [String(port), count])) as Samples,
    bull: async (port) => (await stage.measure("bullmq.ts", ["pickup", String(port), count])) as Samples,
  });
  const figure = (p: number, name: string, bound: number): Figure => ({
    name: `pickup by a waiting worker, ${PLACE_NAMES[place]}, ${name}`,
    value: percentile(hive.samples, p),
    unit: "ms",
    anchor: { name: `BullMQ add to processor, ${BULL_NAMES[place]}, ${name}`, value: percentile(bull.samples, p) },
    goal: { of: "value", at: "most", bound },
  });
  return [figure(0.5, "p50", 1), figure(0.99, "p99", 5)];
}

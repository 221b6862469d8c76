/** How long an idle system takes from "here is a job" to a worker that has it. */
import { startDispatcher } from "../dispatcher.ts";
import { startRedis } from "../redis.ts";
import { percentile, type Row, type RowContext } from "../row.ts";

interface Samples {
  readonly samples: readonly number[];
}

export const pickupRow: Row = {
  name: "pickup",
  about: "milliseconds from sending a job to a waiting worker's lease, idle, over HTTP",
  run: measurePickup,
};

async function measurePickup({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const count = String(pick({ quick: 50, usual: 500, full: 500 }));
  say("Hive");
  const { port } = await startDispatcher(stage);
  const hive = (await stage.measure("pickup.ts", [String(port), count])) as Samples;
  await stage.clear();
  say("BullMQ");
  const redis = await startRedis(stage);
  const bull = (await stage.measure("bullmq.ts", ["pickup", String(redis), count])) as Samples;
  await stage.clear();
  return [figure(0.5, "p50", 1, hive.samples, bull.samples), figure(0.99, "p99", 5, hive.samples, bull.samples)];
}

function figure(p: number, name: string, bound: number, hive: readonly number[], bull: readonly number[]) {
  return {
    name: `pickup by a waiting worker, ${name}`,
    value: percentile(hive, p),
    unit: "ms",
    anchor: { name: `BullMQ add to processor, ${name}`, value: percentile(bull, p) },
    goal: { of: "value", at: "most", bound },
  } as const;
}

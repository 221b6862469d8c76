/** How many whole lives a second: put in, claimed, begun, finished, every step over HTTP and synced. */
import { startDispatcher } from "../dispatcher.ts";
import { startRedis } from "../redis.ts";
import { median, type Row, type RowContext } from "../row.ts";

const WORKERS = 100;

interface Seconds {
  readonly addSeconds: number;
  readonly drainSeconds: number;
}

export const lifeRow: Row = {
  name: "life",
  about: "enqueue, claim, heartbeat and finish over HTTP by 100 workers",
  run: measureLife,
};

async function measureLife({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const jobs = pick({ quick: 500, usual: 20_000, full: 50_000 });
  const rounds = pick({ quick: 1, usual: 3, full: 3 });
  const whole: number[] = [];
  const drain: number[] = [];
  const bullWhole: number[] = [];
  const bullDrain: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}: Hive`);
    const { port } = await startDispatcher(stage);
    const hive = (await stage.measure("life.ts", [String(port), String(jobs), String(WORKERS)])) as Seconds;
    whole.push(jobs / (hive.addSeconds + hive.drainSeconds));
    drain.push(jobs / hive.drainSeconds);
    await stage.clear();

    say(`round ${round} of ${rounds}: BullMQ`);
    const redis = await startRedis(stage);
    const bull = (await stage.measure("bullmq.ts", ["life", String(redis), String(jobs)])) as Seconds;
    bullWhole.push(jobs / (bull.addSeconds + bull.drainSeconds));
    bullDrain.push(jobs / bull.drainSeconds);
    await stage.clear();
  }
  return [
    {
      name: "whole life over HTTP, 100 workers, synced",
      value: median(whole),
      unit: "jobs/s",
      anchor: { name: "BullMQ drain in process (without its add)", value: median(bullDrain) },
      goal: { of: "ratio", at: "least", bound: 1 },
      note: "Hive: four requests a job, the load program on the same cores; BullMQ: no HTTP",
    },
    {
      name: "the same, like for like: both with their add",
      value: median(whole),
      unit: "jobs/s",
      anchor: { name: "BullMQ add and drain in process", value: median(bullWhole) },
    },
    {
      name: "claim, heartbeat and finish alone",
      value: median(drain),
      unit: "jobs/s",
      anchor: { name: "BullMQ drain in process", value: median(bullDrain) },
    },
  ];
}

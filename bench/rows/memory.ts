/** What a waiting job takes of memory. */
import { startRedis } from "../redis.ts";
import type { Row, RowContext } from "../row.ts";

interface PerJob {
  readonly bytesPerJob: number;
}

export const memoryRow: Row = {
  name: "memory",
  about: "bytes of memory per waiting job",
  run: measureMemory,
};

async function measureMemory({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const jobs = pick({ quick: 10_000, usual: 100_000, full: 1_000_000 });
  say(`Hive, ${jobs.toLocaleString("en-US")} jobs`);
  const hive = (await stage.measure(
    "memory.ts",
    [String(jobs)],
    ["--expose-gc", "--max-old-space-size=8000"],
  )) as PerJob;
  say("BullMQ");
  const redis = await startRedis(stage);
  const bull = (await stage.measure("bullmq.ts", ["memory", String(redis), String(jobs)])) as PerJob;
  return [
    {
      name: `heap per waiting job, ${jobs.toLocaleString("en-US")} jobs`,
      value: hive.bytesPerJob,
      unit: "B",
      anchor: { name: "BullMQ in Redis", value: bull.bytesPerJob },
      goal: { of: "value", at: "most", bound: 500 },
      note: "the heap of Hive's index (bodies stay on disk); Redis holds the bodies too",
    },
  ];
}

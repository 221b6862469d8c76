/** What a waiting job takes of memory: of the dispatcher's, and of a Redis that keeps the jobs. */
import { startDispatcher } from "../dispatcher.ts";
import { startRedis } from "../redis.ts";
import type { Row, RowContext } from "../row.ts";
import { putJobsIn } from "./put-jobs-in.ts";

interface PerJob {
  readonly bytesPerJob: number;
}

export const memoryRow: Row = {
  name: "memory",
  about: "bytes of memory per waiting job",
  run: measureMemory,
};

export const memoryRedisRow: Row = {
  name: "memory-redis",
  about: "bytes of Redis per waiting job, beside BullMQ's in the same Redis",
  run: measureRedisMemory,
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
  const redis = await startRedis(stage, "everysec");
  const bull = (await stage.measure("bullmq.ts", ["memory", String(redis.port), String(jobs)])) as PerJob;
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

async function measureRedisMemory({ stage, pick, say }: RowContext): ReturnType<Row["run"]> {
  const jobs = pick({ quick: 5_000, usual: 50_000, full: 1_000_000 });
  say(`Hive, ${jobs.toLocaleString("en-US")} jobs`);
  const redis = await startRedis(stage, "always");
  const dispatcher = await startDispatcher(stage, redis.settings);
  const before = await redis.usedBytes();
  await putJobsIn(dispatcher.port, jobs);
  const hive = ((await redis.usedBytes()) - before) / jobs;
  await dispatcher.stop();
  await redis.empty();
  say("BullMQ");
  const bull = (await stage.measure("bullmq.ts", ["memory", String(redis.port), String(jobs)])) as PerJob;
  return [
    {
      name: `Redis per waiting job, ${jobs.toLocaleString("en-US")} jobs`,
      value: hive,
      unit: "B",
      anchor: { name: "BullMQ in the same Redis", value: bull.bytesPerJob },
      goal: { of: "ratio", at: "most", bound: 1 },
      note: "the same body; Hive's also has its event, and can be listed by age, status and repository",
    },
  ];
}

/**
 * BullMQ on Redis, doing what Hive is asked to do, as its users would: in their own process, no HTTP between.
 * `node bullmq.ts <add|life|pickup|memory> <redis port> <count>` prints one line of JSON.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { JOB_BODY } from "../job-body.ts";

const [mode, portText, countText] = process.argv.slice(2);
const connection = { host: "127.0.0.1", port: Number(portText) };
const count = Number(countText);
const CONCURRENCY = 100;
/** Jobs that go through before, unmeasured. */
const warmUp = Math.ceil(count / 10);
const queue = new Queue("bench", { connection });
await queue.waitUntilReady();

/** Adds this many jobs, 100 at a time under way; the seconds it took. */
async function addAll(jobs: number): Promise<number> {
  let left = jobs;
  const begun = performance.now();
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await queue.add("job", JOB_BODY);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return (performance.now() - begun) / 1000;
}

/** Works this many jobs off, 100 at a time; the seconds it took. */
async function drain(jobs: number): Promise<number> {
  let done = 0;
  const worker = new Worker("bench", () => Promise.resolve(null), {
    connection,
    concurrency: CONCURRENCY,
    autorun: false,
  });
  await worker.waitUntilReady();
  const begun = performance.now();
  await new Promise<void>((resolve, reject) => {
    worker.on("completed", () => {
      done += 1;
      if (done === jobs) resolve();
    });
    worker.on("error", reject);
    worker.run().catch(reject);
  });
  const seconds = (performance.now() - begun) / 1000;
  await worker.close();
  return seconds;
}

/** Milliseconds from the call of `add` to the start of the processor, one job at a time. */
async function pickUp(): Promise<number[]> {
  let started: (at: number) => void = () => {};
  const worker = new Worker(
    "bench",
    () => {
      started(performance.now());
      return Promise.resolve(null);
    },
    { connection, concurrency: 1 },
  );
  await worker.waitUntilReady();
  const samples: number[] = [];
  for (let n = -20; n < count; n += 1) {
    // The worker is to be waiting again, as an idle one is.
    await new Promise((resolve) => {
      setTimeout(resolve, 8);
    });
    const start = new Promise<number>((resolve) => {
      started = resolve;
    });
    const begun = performance.now();
    await queue.add("job", JOB_BODY);
    const ms = (await start) - begun;
    if (n >= 0) samples.push(ms);
  }
  await worker.close();
  return samples;
}

/** Bytes of Redis per waiting job. */
async function memory(): Promise<number> {
  const redis = new Redis(connection);
  const used = async (): Promise<number> => {
    const bytes = /^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1];
    if (bytes === undefined) throw new Error("Redis does not say how much memory it uses");
    return Number(bytes);
  };
  const before = await used();
  for (let done = 0; done < count; done += 1_000) {
    await queue.addBulk(Array.from({ length: Math.min(1_000, count - done) }, () => ({ name: "job", data: JOB_BODY })));
  }
  const after = await used();
  redis.disconnect();
  return (after - before) / count;
}

async function answer(): Promise<unknown> {
  switch (mode) {
    case "add":
      await addAll(warmUp);
      return { seconds: await addAll(count) };
    case "life":
      await addAll(warmUp);
      await drain(warmUp);
      return { addSeconds: await addAll(count), drainSeconds: await drain(count) };
    case "pickup":
      return { samples: await pickUp() };
    case "memory":
      return { bytesPerJob: await memory() };
    default:
      throw new Error(`there is no mode "${mode}"`);
  }
}

const result = await answer();
await queue.close();
console.log(JSON.stringify(result));
process.exit(0);

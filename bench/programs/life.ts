/**
 * Workers and clients of one dispatcher, over HTTP. `node life.ts <port> <jobs> <workers>`: each of the workers' lanes
 * first puts its share of the jobs in, then all workers claim, begin and finish until nothing is left. A tenth as many
 * jobs go through before, unmeasured, to warm both programs up.
 */
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN } from "../dispatcher.ts";
import { JOB_TEXT } from "../job-body.ts";

const [port = 0, jobs = 0, lanes = 0] = process.argv.slice(2).map(Number);
const workers = await Promise.all(
  Array.from({ length: lanes }, (_, n) => BenchWorker.register(port, `bench-${process.pid}-${n}`)),
);

await live(Math.ceil(jobs / 10));
const answer = await live(jobs);
for (const worker of workers) worker.close();
console.log(JSON.stringify(answer));
process.exit(0);

/** The lives of `count` jobs, in seconds. */
async function live(count: number): Promise<{ readonly addSeconds: number; readonly drainSeconds: number }> {
  let left = count;
  const begun = performance.now();
  await Promise.all(
    workers.map(async ({ connection }) => {
      while (left > 0) {
        left -= 1;
        await connection.expect(202, "/enqueue", API_TOKEN, JOB_TEXT);
      }
    }),
  );
  const enqueued = performance.now();
  let finished = 0;
  await Promise.all(
    workers.map(async (worker) => {
      for (let lease = await worker.claim(0); lease !== null; lease = await worker.claim(0)) {
        await worker.begin(lease);
        await worker.finish(lease);
        finished += 1;
      }
    }),
  );
  if (finished !== count) throw new Error(`${count} jobs went in and ${finished} were finished`);
  return { addSeconds: (enqueued - begun) / 1000, drainSeconds: (performance.now() - enqueued) / 1000 };
}

/**
 * Workers and clients of one dispatcher, over HTTP. `node life.ts <port> <jobs> <workers>`: each of the workers' lanes
 * first puts its share of the jobs in, then all workers claim, begin and finish until nothing is left.
 */
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN } from "../dispatcher.ts";
import { JOB_TEXT } from "../job-body.ts";

const [port = 0, jobs = 0, lanes = 0] = process.argv.slice(2).map(Number);
const workers = await Promise.all(
  Array.from({ length: lanes }, (_, n) => BenchWorker.register(port, `bench-${process.pid}-${n}`)),
);

let left = jobs;
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
const ended = performance.now();
for (const worker of workers) worker.close();
if (finished !== jobs) throw new Error(`${jobs} jobs went in and ${finished} were finished`);
console.log(JSON.stringify({ addSeconds: (enqueued - begun) / 1000, drainSeconds: (ended - enqueued) / 1000 }));
process.exit(0);

/**
 * One idle worker waits for a job, one client puts one in: milliseconds from sending the job to having the lease, by the
 * clock of this one process. `node pickup.ts <port> <samples>`
 */
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { JOB_TEXT } from "../job-body.ts";

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const worker = await BenchWorker.register(port, "bench-pickup");
const client = await HttpConnection.open(port);
const samples: number[] = [];
for (let n = -20; n < count; n += 1) {
  const claimed = worker.claim(20_000).then((lease) => ({ lease, at: performance.now() }));
  // The claim is to be waiting at the dispatcher, as an idle worker's is.
  await new Promise((resolve) => {
    setTimeout(resolve, 8);
  });
  const begun = performance.now();
  const accepted = client.expect(202, "/enqueue", API_TOKEN, JOB_TEXT);
  const { lease, at } = await claimed;
  if (lease === null) throw new Error("no job came");
  if (n >= 0) samples.push(at - begun);
  await accepted;
  await worker.begin(lease);
  await worker.finish(lease);
}
worker.close();
client.close();
console.log(JSON.stringify({ samples }));
process.exit(0);

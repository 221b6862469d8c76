/** Bytes of heap per waiting job. `node --expose-gc memory.ts <count>` */
import { loadedState } from "../waiting-jobs.ts";

const count = Number(process.argv[2]);
const { gc } = globalThis;
if (gc === undefined) throw new Error("start with --expose-gc");
// What the first use of the code itself takes is no job's.
loadedState(1_000);
gc();
const before = process.memoryUsage().heapUsed;
const state = loadedState(count);
gc();
const bytesPerJob = (process.memoryUsage().heapUsed - before) / count;
if (state.counts.queued !== count) throw new Error(`${state.counts.queued} of ${count} jobs wait`);
console.log(JSON.stringify({ bytesPerJob }));

/**
 * One job's log from the worker's log stream to the sealed file of the dispatcher, over HTTP, redacted on the way.
 * `node logs.ts <port> <bytes> <spool file>` prints seconds until the end was accepted, and of reading it back.
 */
import { crc32 } from "node:zlib";
import { createClient, endpoints } from "@hive/protocol";
import { beginAttempt } from "../../apps/worker/src/attempt.ts";
import { openLogStream } from "../../apps/worker/src/logs/log-stream.ts";
import { machineClock } from "../../apps/worker/src/loops/clock.ts";
import { createLeaseCalls } from "../../apps/worker/src/report/lease-calls.ts";
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN } from "../dispatcher.ts";
import { JOB_TEXT } from "../job-body.ts";

/** What a pipe gives at once. */
const PIECE = 65_536;

const [portText = "", bytesText = "", spoolPath = ""] = process.argv.slice(2);
const port = Number(portText);
const bytes = Number(bytesText);
const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
const worker = await BenchWorker.register(port, "bench-logs");
await worker.connection.expect(202, "/enqueue", API_TOKEN, JOB_TEXT);
const lease = await worker.claim(1_000);
if (lease === null) throw new Error("no job came");
await worker.begin(lease);

const text = buildLog(4 * 1_048_576);
const attempt = beginAttempt(lease.job.jobId, lease.fence);
const calls = createLeaseCalls({ client, token: lease.token, attempt, clock: machineClock, isOurs: () => true });
const log = await openLogStream({
  spoolPath,
  secrets: ["ghp_0123456789abcdefghijABCDEFGHIJ012345"],
  upload: calls.uploadLog,
  chunkBytes: 1_048_576,
  maxBytes: 268_435_456,
  flushMs: 250,
  clock: machineClock,
  signal: attempt.right,
});

let expected = 0;
const begun = performance.now();
for (let sent = 0; sent < bytes; ) {
  const at = sent % text.length;
  const piece = text.subarray(at, Math.min(at + PIECE, text.length, at + bytes - sent));
  expected = crc32(piece, expected);
  sent += piece.length;
  await log.write(piece, "stdout");
}
const end = await log.finish();
await worker.finish(lease, end.sent === "complete" ? { bytes: end.bytes, crc32: end.crc32 } : null);
const seconds = (performance.now() - begun) / 1_000;
await log.close();
if (end.sent !== "complete") throw new Error(`the log was not sent: ${end.sent}`);

const reading = performance.now();
const params = { jobId: lease.job.jobId };
const response = await client.open(endpoints.jobLogs, { params, query: {} }, { token: API_TOKEN });
let readBytes = 0;
let read = 0;
for await (const chunk of response.body ?? []) {
  readBytes += chunk.length;
  read = crc32(chunk, read);
}
const readSeconds = (performance.now() - reading) / 1_000;
worker.close();
if (readBytes !== bytes || read !== expected)
  throw new Error(`${bytes} bytes were written and others read (${readBytes})`);
console.log(JSON.stringify({ seconds, readSeconds }));
process.exit(0);

/** Lines as build tools print them, each another, with colours and a few letters that take two bytes. */
function buildLog(size: number): Buffer {
  const lines: string[] = [];
  let length = 0;
  for (let n = 0; length < size; n += 1) {
    const line = `\u001b[32m✓\u001b[39m src/module-${n % 977}/case-${n}.test.ts (${(n * 7919) % 4093} ms) größer als ${n}\n`;
    length += Buffer.byteLength(line);
    lines.push(line);
  }
  return Buffer.from(lines.join("")).subarray(0, size);
}

/** How the log viewer does with a million lines: in Chromium, from a real dispatcher. */
import { crc32 } from "node:zlib";
import { buildWebUi } from "../../scripts/web-ui.ts";
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN, type BenchDispatcher, startDispatcher } from "../dispatcher.ts";
import { JOB_BODY } from "../job-body.ts";
import { percentile, type Row } from "../row.ts";

const JOB_ID = "long-log";
/** Letters of a chunk: with those that take two bytes it stays below what the server takes at once. */
const CHUNK = 900_000;

export const logViewerRow: Row = {
  name: "log-viewer",
  about: "a job's long log in a browser: first line, scrolling, search, memory",
  async run({ stage, pick, say }) {
    const lines = pick({ quick: 20_000, usual: 1_000_000, full: 2_000_000 });
    await buildWebUi();
    const dispatcher = await startDispatcher(stage);
    const bytes = await writeLog(dispatcher, lines);
    say(`${lines} lines, ${Math.round(bytes / 1e6)} MB`);
    const measured = (await stage.measure(
      "../../test/web/measure-log.ts",
      [dispatcher.url, JOB_ID, String(lines)],
      [],
      {
        INTERNAL_API_TOKEN: API_TOKEN,
      },
    )) as Measured;
    const size = `${lines.toLocaleString("en-US")} lines, ${Math.round(bytes / 1e6)} MB`;
    return [
      {
        name: "to the first line, the page's own loading included",
        value: measured.firstLineMs,
        unit: "ms",
        goal: { of: "value", at: "most", bound: 1_000 },
        note: size,
      },
      { name: "until every line has its number", value: measured.wholeMs, unit: "ms" },
      {
        name: "p95 of frames while scrolling on",
        value: percentile(measured.steadyMs, 0.95),
        unit: "ms",
        goal: { of: "value", at: "most", bound: 34 },
        note: "without a graphics card; a screen's own frame takes 16.7 ms",
      },
      { name: "p95 of frames while jumping through all of it", value: percentile(measured.farMs, 0.95), unit: "ms" },
      {
        name: "search for the last line, from the key to its being shown",
        value: measured.searchMs,
        unit: "ms",
        note: "every byte is read from the server again",
      },
      {
        name: "heap of the page at the end, bytes of the log in hand included",
        value: measured.heapBytes / 1e6,
        unit: "MB",
        goal: { of: "value", at: "most", bound: 100 },
        note: `${measured.rows} lines are elements of the page`,
      },
    ];
  },
};

interface Measured {
  readonly firstLineMs: number;
  readonly wholeMs: number;
  readonly steadyMs: readonly number[];
  readonly farMs: readonly number[];
  readonly searchMs: number;
  readonly heapBytes: number;
  readonly rows: number;
}

/** Puts a job in and writes its log as a worker would. Gives how many bytes it has. */
async function writeLog({ url, port }: BenchDispatcher, lines: number): Promise<number> {
  const worker = await BenchWorker.register(port, "bench-log-viewer");
  await worker.connection.expect(202, "/enqueue", API_TOKEN, { ...JOB_BODY, jobId: JOB_ID });
  const lease = await worker.claim(5_000);
  if (lease === null) throw new Error("no job came");
  await worker.begin(lease);
  let sent = 0;
  let sum = 0;
  let text = "";
  const send = async (): Promise<void> => {
    const body = Buffer.from(text);
    text = "";
    const response = await fetch(`${url}/v1/worker/logs?offset=${sent}`, {
      method: "POST",
      headers: { authorization: `Bearer ${lease.token}`, "content-type": "application/octet-stream" },
      body,
    });
    if (!response.ok) throw new Error(`the log was answered with ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
    sent += body.length;
    sum = crc32(body, sum);
  };
  for (let n = 0; n < lines; n += 1) {
    text += `line ${n} \u001b[32m✓\u001b[39m src/module-${n % 977}/case-${n}.test.ts (${(n * 7919) % 4093} ms) größer als ${n}\n`;
    if (text.length >= CHUNK) await send();
  }
  if (text !== "") await send();
  await worker.finish(lease, { bytes: sent, crc32: sum });
  worker.close();
  return sent;
}

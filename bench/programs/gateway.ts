/**
 * An agent's calls, once to the provider itself and once through the gateway, taking turns, by the clock of this one
 * process (and the provider's on the same machine). `node gateway.ts <dispatcher's port> <provider> <calls> <tokens>`
 */
import { Agent, request } from "node:http";
import { BenchWorker } from "../bench-worker.ts";
import { API_TOKEN } from "../dispatcher.ts";
import { HttpConnection } from "../http-connection.ts";
import { JOB_BODY } from "../job-body.ts";
import { until } from "../stage.ts";

/** What one way gave, in milliseconds. */
interface Way {
  /** From sending a request to the first byte of its answer. */
  readonly firstByte: number[];
  /** From a token's sending by the provider to its being read here, tokens coming one by one. */
  readonly delay: number[];
  /** A token's share of a stream that comes as fast as it can. */
  readonly perToken: number[];
}

const [port = "", provider = "", calls = "", tokens = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const worker = await BenchWorker.register(Number(port), "bench-gateway");
const client = await HttpConnection.open(Number(port));
await client.expect(202, "/enqueue", API_TOKEN, JOB_BODY);
const lease = await worker.claim(10_000);
if (lease === null) throw new Error("no job came");
await worker.begin(lease);
// A lease that does not beat is over after half a minute.
let beat = Promise.resolve();
const beating = setInterval(() => {
  beat = beat.then(() => worker.begin(lease));
}, 5_000);

const direct = { url: `${provider}/v1/messages`, key: "bench-provider-key", way: newWay() };
const through = {
  url: `http://127.0.0.1:${port}/llm/anthropic/v1/messages`,
  key: lease.llmToken,
  way: newWay(),
};

// The gateway is a process of its own and may be there a moment later than the queue.
await until("the gateway to answer", () =>
  call(through.url, through.key, 1, 0).then(
    () => true,
    () => false,
  ),
);
for (let round = 0; round < 5; round += 1) {
  for (const { url, key, way } of [direct, through]) {
    // The first calls of all open connections and warm the code.
    if (round === 0) await repeat(30, () => call(url, key, 1, 0));
    await repeat(Math.ceil(Number(calls) / 5), async () => way.firstByte.push((await call(url, key, 1, 0)).firstByte));
    way.delay.push(...(await call(url, key, Math.ceil(Number(tokens) / 100), 1)).delays);
    way.perToken.push((await call(url, key, Number(tokens), 0)).ms / Number(tokens));
  }
}
clearInterval(beating);
await beat;
await worker.finish(lease);
worker.close();
client.close();
console.log(JSON.stringify({ direct: direct.way, through: through.way }));
process.exit(0);

function newWay(): Way {
  return { firstByte: [], delay: [], perToken: [] };
}

async function repeat(times: number, what: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < times; n += 1) await what();
}

function call(
  url: string,
  key: string,
  count: number,
  pauseMs: number,
): Promise<{ firstByte: number; delays: number[]; ms: number }> {
  const body = JSON.stringify({
    model: "claude-sonnet-4-5",
    max_tokens: 1_000,
    stream: true,
    messages: [{ role: "user", content: `${count} ${pauseMs}` }],
  });
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-api-key": key,
    "anthropic-version": "2023-06-01",
  };
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    let firstByte = 0;
    let rest = "";
    let seen = 0;
    const delays: number[] = [];
    const asked = request(url, { method: "POST", agent, headers }, (answer) => {
      answer.setEncoding("utf8").on("data", (part: string) => {
        const now = performance.now();
        firstByte ||= now - begun;
        const records = (rest + part).split("\n\n");
        rest = records.pop() ?? "";
        for (const record of records) {
          const at = /"at":([0-9.]+)/.exec(record)?.[1];
          if (at === undefined) continue;
          seen += 1;
          if (pauseMs > 0) delays.push(performance.timeOrigin + now - Number(at));
        }
      });
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode !== 200 || seen !== count) {
          reject(new Error(`${url} answered ${answer.statusCode} with ${seen} of ${count} tokens: ${rest}`));
        } else resolve({ firstByte, delays, ms: performance.now() - begun });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

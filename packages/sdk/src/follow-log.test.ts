import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createHive } from "./index.ts";

/** What a server has: the log of each attempt, and how the job is. */
interface Job {
  readonly logs: Record<number, Buffer>;
  fence: number;
  status: string;
  /** Bytes that are no longer kept. */
  cut?: { readonly from: number; readonly to: number };
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that gives so many bytes of a followed log and then does `after`. */
async function serve(job: Job, give: (asked: URL, response: ServerResponse) => void) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://hive.test");
    if (url.pathname.endsWith("/logs")) {
      asked.push(url.search);
      if (job.cut !== undefined) response.setHeader("x-hive-log-cut", `${job.cut.from}-${job.cut.to}`);
      return give(url, response);
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...REST, status: job.status, fence: job.fence }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { hive: createHive({ url, token: "t", sleep: async () => {} }), asked };
}

async function all(log: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of log) text += Buffer.from(bytes).toString();
  return text;
}

const placeOf = (asked: URL) => ({
  fence: Number(asked.searchParams.get("fence")),
  from: Number(asked.searchParams.get("from") ?? 0),
});

it("goes on at its byte when the answer breaks, and through the attempts to the end of the job", async () => {
  const job: Job = { logs: { 1: Buffer.from("first try"), 2: Buffer.from("second try") }, fence: 1, status: "running" };
  let breaks = 2;
  const { hive, asked } = await serve(job, (url, response) => {
    const { fence, from } = placeOf(url);
    const rest = (job.logs[fence] ?? Buffer.alloc(0)).subarray(from);
    if (breaks > 0) {
      breaks -= 1;
      response.write(rest.subarray(0, 3), () => setImmediate(() => response.destroy()));
      return;
    }
    response.end(rest);
    if (fence === 1) job.fence = 2;
    if (fence === 2) job.status = "succeeded";
  });
  expect(await all(await hive.logs("a", { follow: true }))).toBe("first trysecond try");
  expect(asked).toEqual([
    "?follow=true&fence=1",
    "?follow=true&fence=1&from=3",
    "?follow=true&fence=1&from=6",
    "?follow=true&fence=2",
  ]);
});

it("counts what the server no longer has by its place, with the server's line for it", async () => {
  const log = Buffer.from("0123456789");
  const job: Job = { logs: { 1: log }, fence: 1, status: "failed", cut: { from: 3, to: 7 } };
  const { hive, asked } = await serve(job, (url, response) => {
    const { from } = placeOf(url);
    if (from < 3) response.end(`${log.subarray(from, 3).toString()}\n[marker]\n789`);
    else response.end(log.subarray(from));
  });
  const line = "\n[hive] 4 bytes of this log were not kept here (HIVE_REDIS_LOG_BYTES)\n";
  expect(await all(await hive.logs("a", { follow: true, fence: 1 }))).toBe(`012${line}789`);
  expect(asked).toEqual(["?follow=true&fence=1", "?follow=true&fence=1&from=7"]);
});

it("a job that is not there is an error of the call", async () => {
  const hive = createHive({ url: "http://127.0.0.1:9", token: "t", retries: 0 });
  await expect(hive.logs("a", { follow: true })).rejects.toThrow();
});

/** The other fields of a job, with nothing in them. */
const REST = {
  jobId: "a",
  seq: 1,
  task: "script",
  labels: [],
  priority: 0,
  repo: "https://example.com/a/b",
  createdAt: 0,
  startedAt: null,
  workedMs: 0,
  generation: 1,
  attempts: 1,
  failures: 0,
  losses: 0,
  cancelRequested: false,
  inputs: [],
  maxAttempts: 1,
  retryOn: "system",
  timeoutMs: 1,
  dependsOn: [],
  waitsFor: [],
  trust: "trusted",
  blocked: [],
  origin: "api",
  history: [],
  url: "http://hive.test/a",
  ...Object.fromEntries(
    [
      ...["reason", "role", "agent", "runAt", "endedAt", "phase", "workerId", "parent", "candidates", "branch", "base"],
      ...["instructions", "script", "model", "changes", "concurrencyKey", "callbackUrl", "metadata", "egress"],
      ...["waiting", "bundle", "error", "result", "usage", "budget", "comments"],
    ].map((name) => [name, null]),
  ),
};

import { once } from "node:events";
import type { RequestListener } from "node:http";
import { afterEach, expect, test } from "vitest";
import { METERED } from "./anthropic.fixture.ts";
import { createDispatcherClient } from "./dispatcher-client.ts";
import { bytesOf, listen } from "./gateway.fixture.ts";
import type { CallQuestion, CallUsage, QuotaNotice } from "./contract.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) {
    cleanup();
  }
});

const USAGE: CallUsage = {
  ...METERED,
  callId: "call-1",
  jobId: "demo-1",
  fence: 7,
  provider: "anthropic",
  operation: "messages",
  status: 200,
  requestId: "req_1",
  stream: true,
  aborted: false,
  paid: true,
  key: "THE_KEY",
  tries: 1,
  requestBytes: 10,
  responseBytes: 20,
};

const COUNTED = {
  callId: "call-1",
  jobId: "demo-1",
  fence: 7,
  provider: "anthropic",
  model: METERED.model,
  inputTokens: METERED.inputTokens,
  outputTokens: METERED.outputTokens,
  cacheReadTokens: METERED.cacheReadTokens,
  cacheWriteTokens: METERED.cacheWriteTokens,
  cacheWrite1hTokens: METERED.cacheWrite1hTokens,
  webSearches: 0,
  final: true,
};

type Reply = readonly [status: number, body: unknown];

function problem(status: number, code: string, retry: boolean): Reply {
  return [status, { type: `urn:hive:error:${code}`, title: code, status, code, detail: `it is ${code}`, retry }];
}

/** A dispatcher that gives these replies in turn, the last one for ever. */
async function start(...replies: readonly Reply[]) {
  const seen: { url: string | undefined; authorization: string | undefined; body: unknown }[] = [];
  const left = [...replies];
  const listener: RequestListener = (request, response) => {
    void bytesOf(request).then((bytes) => {
      const body: unknown = JSON.parse(bytes.toString());
      seen.push({ url: request.url, authorization: request.headers.authorization, body });
      const [status, reply] = (left.length > 1 ? left.shift() : left[0]) ?? [200, {}];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
    });
  };
  const { server, port } = await listen(listener);
  const warned: string[] = [];
  const log = { info: () => undefined, warn: (_: unknown, message: string) => void warned.push(message) };
  const baseUrl = `http://127.0.0.1:${port}`;
  const client = createDispatcherClient({ baseUrl, token: "gateway-token", log, retryMs: 1 });
  cleanups.push(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, seen, warned, server };
}

test("a token is verified with the gateway's own token", async () => {
  const { client, seen } = await start([200, { jobId: "demo-1", fence: 7, workerId: "w1" }]);
  expect(await client.verifyToken("lease")).toEqual({ ok: true, jobId: "demo-1", fence: 7 });
  expect(seen).toEqual([
    { url: "/v1/gateway/verify", authorization: "Bearer gateway-token", body: { token: "lease" } },
  ]);
});

test("a refusal is a value; no verdict is an error", async () => {
  const { client, server } = await start(
    problem(409, "lease_lost", false),
    problem(401, "unauthorized", false),
    problem(503, "not_ready", true),
  );
  expect(await client.verifyToken("x")).toEqual({ ok: false, code: "lease_lost", message: "it is lease_lost" });
  expect(await client.verifyToken("x")).toMatchObject({ ok: false, code: "unauthorized" });
  await expect(client.verifyToken("x")).rejects.toThrow(/not_ready/);
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  await expect(client.verifyToken("x")).rejects.toThrow();
});

test("usage is sent again until the dispatcher took it", async () => {
  const { client, seen } = await start(
    problem(503, "store_failed", true),
    problem(401, "unauthorized", false),
    [200, "nonsense"],
    [200, { counted: true }],
  );
  client.onUsage(USAGE);
  client.onUsage({ ...USAGE, callId: "call-2" });
  expect(await client.flush(20_000)).toBe(0);
  expect(seen.map(({ body }) => body)).toEqual([COUNTED, COUNTED, COUNTED, COUNTED, { ...COUNTED, callId: "call-2" }]);
});

test("usage the dispatcher refuses for good is said and does not stop the next", async () => {
  const { client, warned, seen } = await start(problem(409, "lease_lost", false), [200, { counted: true }]);
  client.onUsage(USAGE);
  client.onUsage({ ...USAGE, callId: "call-2" });
  expect(await client.flush(20_000)).toBe(0);
  expect(warned).toEqual(["the dispatcher refused the usage of a call"]);
  expect(seen).toHaveLength(2);
});

test("calls that cost nothing are not told", async () => {
  const { client, seen } = await start([200, { counted: true }]);
  client.onUsage({ ...USAGE, operation: "probe", paid: false });
  expect(await client.flush(20_000)).toBe(0);
  expect(seen).toEqual([]);
});

test("a flush gives up after its time and says what is left", async () => {
  const { client } = await start(problem(503, "not_ready", true));
  client.onUsage(USAGE);
  expect(await client.flush(30)).toBe(1);
});

const QUESTION: CallQuestion = {
  token: "lease",
  callId: "call-1",
  provider: "openai",
  model: "gpt-5.2",
  worst: { inputTokens: 10, outputTokens: 20, webSearches: 0 },
  free: false,
};

test("a call is asked for with its worst case; one that is free says so", async () => {
  const { client, seen } = await start([200, { jobId: "demo-1", fence: 7, workerId: "w1" }]);
  expect(await client.admit(QUESTION)).toEqual({ ok: true, jobId: "demo-1", fence: 7 });
  await client.admit({ ...QUESTION, free: true });
  const { free: _, ...asked } = QUESTION;
  expect(seen.map(({ url, body }) => [url, body])).toEqual([
    ["/v1/gateway/admit", asked],
    ["/v1/gateway/admit", { ...asked, free: true }],
  ]);
});

test("what a budget does not cover is a value, with the message for the agent; no verdict is an error", async () => {
  const { client } = await start(
    problem(402, "budget_exceeded", false),
    problem(409, "not_begun", false),
    problem(503, "store_failed", true),
  );
  expect(await client.admit(QUESTION)).toEqual({
    ok: false,
    code: "budget_exceeded",
    message: "it is budget_exceeded",
  });
  expect(await client.admit(QUESTION)).toMatchObject({ ok: false, code: "not_begun" });
  await expect(client.admit(QUESTION)).rejects.toThrow(/store_failed/);
});

const NOTICE: QuotaNotice = { jobId: "demo-1", fence: 7, provider: "gemini", until: 1_800_000, message: "used up" };

test("a quota is told until the dispatcher heard it", async () => {
  const { client, seen } = await start(problem(503, "not_ready", true), [200, { parked: true, until: 1_800_000 }]);
  await client.onQuota(NOTICE);
  expect(seen.map(({ url, body }) => [url, body])).toEqual([
    ["/v1/gateway/quota", NOTICE],
    ["/v1/gateway/quota", NOTICE],
  ]);
});

test("a lease that is over needs no parking; a dispatcher that stays away is an error after some tries", async () => {
  const over = await start(problem(409, "lease_lost", false));
  await over.client.onQuota(NOTICE);
  const away = await start(problem(503, "not_ready", true));
  await expect(away.client.onQuota(NOTICE)).rejects.toThrow(/not_ready/);
  expect(away.seen).toHaveLength(4);
});

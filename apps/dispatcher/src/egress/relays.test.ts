/** What the socket passes on to the dispatcher and the gateway, and how. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { expect, test } from "vitest";
import { listen, listenWeb, startFront } from "./front.fixture.ts";
import { ask, closed, raw, responseTo } from "./socket-client.fixture.ts";

test("a stream of events comes event by event, its headers before the first", async () => {
  const reader = Promise.withResolvers<http.ServerResponse>();
  const dispatcherPort = await listen(
    http.createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      reader.resolve(response);
    }),
  );
  const { socket } = await startFront({ dispatcherPort });
  const request = http.get({ socketPath: socket, path: "/v1/worker/signals", agent: false });
  const answer = await responseTo(request);
  expect(answer.headers["content-type"]).toBe("text/event-stream");
  const upstream = await reader.promise;
  for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
    upstream.write(text);
    expect(String((await once(answer, "data"))[0])).toBe(text);
  }
  const gone = once(upstream, "close");
  request.destroy();
  await gone;
});

test("a waiting call ends at the dispatcher when its worker goes away", async () => {
  const waiting = Promise.withResolvers<http.IncomingMessage>();
  const dispatcherPort = await listen(http.createServer((request) => waiting.resolve(request)));
  const { socket } = await startFront({ dispatcherPort });
  const request = http.request({ socketPath: socket, path: "/v1/worker/claim", method: "POST", agent: false });
  request.on("error", () => undefined).end("{}");
  const { socket: upstream } = await waiting.promise;
  const gone = once(upstream, "close");
  request.destroy();
  await gone;
});

test("a large upload arrives byte for byte, with its length or in chunks", async () => {
  const received: [string | undefined, string | undefined, string][] = [];
  const dispatcherPort = await listen(
    http.createServer((request, response) => {
      const sum = createHash("sha256");
      request.on("data", (chunk: Buffer) => sum.update(chunk));
      request.on("end", () => {
        const { "content-length": length, "transfer-encoding": coding } = request.headers;
        received.push([length, coding, sum.digest("hex")]);
        response.end("kept");
      });
    }),
  );
  const { socket } = await startFront({ dispatcherPort });
  const [block, blocks] = [randomBytes(1_048_576), 32];
  const sum = createHash("sha256");
  for (let n = 0; n < blocks; n += 1) sum.update(block);
  const expected = sum.digest("hex");
  for (const headers of [{ "content-length": block.length * blocks }, {}]) {
    const request = http.request({
      socketPath: socket,
      path: "/v1/worker/artifacts/x",
      method: "PUT",
      agent: false,
      headers,
    });
    const answer = responseTo(request);
    for (let n = 0; n < blocks; n += 1) if (!request.write(block)) await once(request, "drain");
    request.end();
    (await answer).resume();
  }
  expect(received).toEqual([
    [String(block.length * blocks), undefined, expected],
    [undefined, "chunked", expected],
  ]);
});

test("an upload waits while the dispatcher does not read, instead of piling up here", async () => {
  const begun = Promise.withResolvers<http.IncomingMessage>();
  const dispatcherPort = await listen(http.createServer((request) => begun.resolve(request.pause())));
  const { socket } = await startFront({ dispatcherPort });
  const request = http.request({ socketPath: socket, path: "/v1/worker/artifacts/x", method: "PUT", agent: false });
  request.on("error", () => undefined);
  const block = Buffer.alloc(1_048_576);
  let waits = false;
  let taken = 0;
  // What the kernel's buffers on the way take is far less than this.
  for (; taken < 64 && !waits; taken += 1) {
    waits = !(request.write(block) || (await Promise.race([once(request, "drain").then(() => true), turns(200)])));
  }
  await begun.promise;
  expect(taken).toBeLessThan(64);
  request.destroy();
});

/** Resolves with false after so many turns of the event loop. */
async function turns(count: number): Promise<false> {
  for (let n = 0; n < count; n += 1) await new Promise((settle) => setImmediate(settle));
  return false;
}

test("headers for one connection stay here; all others pass, whatever `Connection` says of the framing", async () => {
  const { port, seen } = await listenWeb();
  const { socket } = await startFront({ dispatcherPort: port });
  const headers = {
    connection: "keep-alive, x-mine, content-length",
    "x-mine": "1",
    "keep-alive": "timeout=5",
    te: "trailers",
    expect: "100-continue",
    "proxy-authorization": "Basic aGl2ZTp0",
    "proxy-connection": "keep-alive",
    upgrade: "websocket",
    authorization: "Bearer lease",
    "x-other": "2",
    "content-length": "4",
  };
  expect((await ask(socket, "/v1/worker/logs?offset=0", { method: "POST", headers, body: "body" })).status).toBe(200);
  expect(seen).toEqual([
    {
      method: "POST",
      url: "/v1/worker/logs?offset=0",
      headers: {
        authorization: "Bearer lease",
        "x-other": "2",
        "content-length": "4",
        host: `127.0.0.1:${port}`,
        connection: "keep-alive",
      },
      body: "body",
    },
  ]);
});

test.each([
  [
    "a length and chunks",
    "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/worker/smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
  ],
  [
    "two lengths",
    "content-length: 4\r\ncontent-length: 40\r\n\r\nbodyGET /v1/worker/smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
  ],
  ["a length that is none", "content-length: +4\r\n\r\nbody"],
  ["a coding nobody asked for", "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  ["chunked said oddly", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"],
  ["a header name with a space", "transfer-encoding : chunked\r\n\r\n0\r\n\r\n"],
  ["a folded header", "x-a: 1\r\n transfer-encoding: chunked\r\n\r\n"],
  ["a bare line feed", "x-a: 1\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a NUL", "x-a: \0\r\n\r\n"],
])("a request with %s is refused, and nothing of it passes", async (_what, rest) => {
  const { port, seen } = await listenWeb();
  const { socket } = await startFront({ dispatcherPort: port });
  expect(await raw(socket, `POST /v1/worker/logs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${rest}`)).toMatch(
    /^HTTP\/1\.1 400 /,
  );
  expect(seen).toEqual([]);
});

test("a GET with a body is one request with a body, not two requests", async () => {
  const { port, seen } = await listenWeb();
  const { socket } = await startFront({ dispatcherPort: port });
  const inside = "GET /v1/worker/smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
  for (const framed of [
    `transfer-encoding: chunked\r\n\r\n${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`,
    `content-length: ${inside.length}\r\n\r\n${inside}`,
  ]) {
    await raw(socket, `GET /v1/worker/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${framed}`);
  }
  expect(seen.map(({ url, body }) => [url, body])).toEqual([
    ["/v1/worker/x", inside],
    ["/v1/worker/x", inside],
  ]);
});

test.each([
  ...[
    "/",
    "/v1/worker",
    "/v1/worker/",
    "/v1/workers",
    "/v1/workerX/claim",
    "/v1/jobs",
    "/enqueue",
    "/metrics",
    "/health",
    "/llm",
    "/llmx/a",
  ],
  ...[
    "/v1/worker/../jobs",
    "/v1/worker/./claim",
    "/v1/worker//claim",
    "//v1/worker/claim",
    "/v1/worker/%2e%2e/jobs",
    "/v1/worker/%2E./jobs",
  ],
  ...[
    "/v1/worker/..%2fjobs",
    "/v1/worker/..%5cjobs",
    "/v1/worker/..\\jobs",
    "/v1/worker/%",
    "/v1/worker/%ff",
    "/v1/worker/a%00b",
  ],
  ...[
    "/v1/worker/%252e%252e/jobs",
    "/v1/worker/;/jobs",
    "/v1/worker/a%3fb",
    "/V1/worker/claim",
    "/%761/worker/claim",
    "/llm/../v1/jobs",
    "/#/v1/worker/claim",
  ],
])("%s is nowhere", async (path) => {
  const { port, seen } = await listenWeb();
  const { socket } = await startFront({ dispatcherPort: port, gatewayPort: port });
  const answer = await raw(
    socket,
    `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer owner\r\nconnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 404 [\s\S]*application\/problem\+json[\s\S]*"code":"not_found"/);
  expect(seen).toEqual([]);
});

test("while the dispatcher is away workers are asked to come again, and an answer cut off is cut off here", async () => {
  const { socket } = await startFront();
  const answer = await ask(socket, "/v1/worker/claim", { method: "POST", body: "{}" });
  expect([answer.status, answer.headers["retry-after"], JSON.parse(answer.body)]).toMatchObject([
    503,
    "1",
    { code: "not_ready", retry: true },
  ]);
  const dispatcherPort = await listen(
    http.createServer((request, response) => {
      response.writeHead(200, { "content-length": 10 }).write("half", () => request.socket.destroy());
    }),
  );
  const other = await startFront({ dispatcherPort });
  await expect(ask(other.socket, "/v1/worker/x")).rejects.toThrow(/aborted|hang up|ECONNRESET/);
});

test("a refusal that comes before the end of an upload reaches the worker", async () => {
  const dispatcherPort = await listen(
    http.createServer((request, response) => {
      response.writeHead(413, { connection: "close" }).end("too large");
      request.socket.end();
    }),
  );
  const { socket } = await startFront({ dispatcherPort });
  const request = http.request({ socketPath: socket, path: "/v1/worker/artifacts/x", method: "PUT", agent: false });
  const answered = responseTo(request);
  request.write(Buffer.alloc(3_000_000));
  const answer = await answered;
  expect(answer.statusCode).toBe(413);
  request.destroy();
  await closed(answer.socket);
});

test("a client that says nothing or too much is let go", async () => {
  const { socket } = await startFront();
  const answer = await raw(socket, `GET /v1/worker/x HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
});

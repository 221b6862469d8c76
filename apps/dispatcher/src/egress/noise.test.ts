/** Whatever clients and hosts say, the process goes on: an error nobody catches fails these tests. */
import { connect, createServer } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clientHello } from "./client-hello.fixture.ts";
import { listen, startFront } from "./front.fixture.ts";
import { ask, basic, closed } from "./socket-client.fixture.ts";

const AUTH = `proxy-authorization: ${basic("token")}\r\n`;
const line = fc.constantFrom(
  "GET http://deb.example/ HTTP/1.1\r\n",
  "POST http://deb.example:8080/x HTTP/1.1\r\n",
  "GET /v1/worker/x HTTP/1.1\r\n",
  "CONNECT deb.example:443 HTTP/1.1\r\n",
  "CONNECT deb.example:80 HTTP/1.1\r\n",
  "CONNECT [::1]:22 HTTP/1.0\r\n",
  "GET / HTTP/9.9\r\n",
  "PRI * HTTP/2.0\r\n",
);
const header = fc.constantFrom(
  "host: x\r\n",
  AUTH,
  "proxy-authorization: Basic\r\n",
  "connection: close\r\n",
  "connection: upgrade, host\r\n",
  "upgrade: h2c\r\n",
  "expect: 100-continue\r\n",
  "expect: the unexpected\r\n",
  "content-length: 3\r\n",
  "content-length: 99999999999999999999\r\n",
  "transfer-encoding: chunked\r\n",
  "x: \u0001\u00ff\r\n",
  ": \r\n",
  "cookie: a\r\ncookie: b\r\n",
);
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString("latin1"));
const hello = clientHello({ names: ["deb.example"] }).toString("latin1");
const body = fc.oneof(
  bytes,
  fc.constantFrom("", "abc", "3\r\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\n", hello, "\r\n\r\n"),
);
const request = fc
  .tuple(line, fc.array(header, { maxLength: 5 }), body)
  .map(([first, headers, rest]) => `${first}${headers.join("")}\r\n${rest}`);

/** Sends something, lets the other side have its turns, and goes. */
async function say(socketPath: string, text: string, endsFirst: boolean): Promise<void> {
  const socket = connect({ path: socketPath });
  socket.on("error", () => undefined).resume();
  if (endsFirst) socket.end(text, "latin1");
  else socket.write(text, "latin1");
  for (let n = 0; n < 20; n += 1) await new Promise((settle) => setImmediate(settle));
  socket.destroy();
  await closed(socket);
}

test("no bytes of a client end it", async () => {
  const port = await listen(
    createServer((socket) => socket.on("error", () => undefined).end("HTTP/1.1 200 OK\r\n\r\nx")),
  );
  const front = await startFront({
    dispatcherPort: port,
    gatewayPort: port,
    ports: { 80: port, 443: port, 22: port, 8080: port },
  });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        request,
        fc.tuple(request, request).map((two) => two.join("")),
        bytes,
      ),
      fc.boolean(),
      (text, ends) => say(front.socket, text, ends),
    ),
    { numRuns: 300 },
  );
  expect((await ask(front.socket, "/")).status).toBe(404);
});

test("no answer of a host ends it, and an answer nobody could write is none", async () => {
  let answer = "";
  const port = await listen(
    createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.end(answer, "latin1"))),
  );
  const front = await startFront({ ports: { 80: port } });
  const status = fc.constantFrom(
    "200 OK",
    "99 Low",
    "099 Low",
    "000",
    "200 a\u0001b",
    "1000 High",
    "100 Continue",
    "101 Switching",
    "204 None",
    "304 Same",
    "200 \u00e9\u0001",
    "0",
    "200",
  );
  const headers = fc.array(
    fc.constantFrom(
      "x: \u0001\r\n",
      "x: \u00ff\r\n",
      "content-length: 5\r\n",
      "content-length: 9\r\n",
      "transfer-encoding: chunked\r\n",
      "connection: x\r\n",
      "upgrade: x\r\n",
      "set-cookie: a\r\n",
      "trailer: x\r\n",
      "date: no\r\n",
      "\u0000: x\r\n",
    ),
    { maxLength: 4 },
  );
  const rest = fc.oneof(bytes, fc.constantFrom("hello", "5\r\nhello\r\n0\r\nx: y\r\n\r\n", "zz\r\n"));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        bytes,
        fc.tuple(status, headers, rest).map(([a, b, c]) => `HTTP/1.1 ${a}\r\n${b.join("")}\r\n${c}`),
      ),
      async (text) => {
        answer = text;
        await ask(front.socket, "http://deb.example/", { headers: { "proxy-authorization": basic("token") } }).catch(
          () => null,
        );
      },
    ),
    { numRuns: 300 },
  );
  expect((await ask(front.socket, "/")).status).toBe(404);
});

test("an answer whose words could not be written passes without them, one whose status could not be is cut", async () => {
  let status = "";
  const port = await listen(
    createServer((socket) =>
      socket
        .on("error", () => undefined)
        .once("data", () => socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 2\r\n\r\nhi`, "latin1")),
    ),
  );
  const front = await startFront({ ports: { 80: port } });
  const answer = () => ask(front.socket, "http://deb.example/", { headers: { "proxy-authorization": basic("token") } });
  status = "200 a\u0001b";
  expect(await answer()).toMatchObject({ status: 200, body: "hi" });
  for (status of ["099 x", "000 x"]) await expect(answer()).rejects.toThrow(/hang up|ECONNRESET/);
});

import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { CERTIFICATE, KEY } from "./certificate.fixture.ts";
import { createGuard, type GuardOptions } from "./guard.ts";
import { createGuardedClient, type GuardedReply, type GuardedRequest } from "./request.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

async function listen(server: http.Server | https.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function client(options: Partial<GuardOptions> = {}) {
  const made = createGuardedClient(createGuard({ allowPrivate: ["127.0.0.0/8"], ...options }));
  cleanups.push(() => made.close());
  return {
    get: (url: string, more: Partial<GuardedRequest> = {}): Promise<GuardedReply> =>
      made.request({ url: new URL(url), method: "GET", timeoutMs: 10_000, ...more }),
  };
}

const resolveTo =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));

test("a request arrives with its method, headers and body, and its reply comes back", async () => {
  const seen: string[] = [];
  const port = await listen(
    http.createServer((request, response) => {
      request.setEncoding("utf8").on("data", (text: string) => seen.push(text));
      request.on("end", () => {
        seen.push(request.method ?? "", String(request.headers["x-a"]), String(request.headers["content-length"]));
        response.writeHead(201, { "x-b": "2" }).end("made");
      });
    }),
  );
  const url = `http://127.0.0.1:${port}/`;
  const reply = await client().get(url, { method: "POST", body: "grüße", headers: { "x-a": "1" } });
  expect(reply).toMatchObject({ ok: true, status: 201, truncated: false });
  expect(reply.ok && [reply.body.toString(), reply.headers["x-b"]]).toEqual(["made", "2"]);
  expect(seen).toEqual(["grüße", "POST", "1", "7"]);
});

test("no private address is connected to, however it is spelt", async () => {
  let hits = 0;
  const port = await listen(http.createServer((_, response) => response.end(String((hits += 1)))));
  const { get } = client({ allowPrivate: [] });
  for (const host of [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::]",
  ]) {
    expect({ host, ...(await get(`http://${host}:${port}/`)) }).toMatchObject({ ok: false, reason: "refused" });
    expect({ host, ...(await get(`https://${host}:${port}/`)) }).toMatchObject({ ok: false, reason: "refused" });
  }
  for (const address of [
    "127.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "100.64.0.1",
    "fd00::1",
  ]) {
    const named = client({ allowPrivate: [], resolve: resolveTo(address) });
    expect({ address, ...(await named.get(`http://name.example:${port}/`)) }).toMatchObject({
      ok: false,
      reason: "refused",
    });
  }
  expect(hits).toBe(0);
});

test("the refusal names the setting that allows the address", async () => {
  const reply = await client({ allowPrivate: [], resolve: resolveTo("10.9.8.7") }).get("http://name.example/");
  expect(reply.ok ? "" : reply.message).toContain("name.example (10.9.8.7)");
  expect(reply.ok ? "" : reply.message).toContain("HIVE_ALLOW_PRIVATE_ADDRESSES=10.9.8.7/32");
});

test("a name that was public when it was checked and is private when it connects is refused", async () => {
  let asked = 0;
  const resolve = () => {
    asked += 1;
    return Promise.resolve([{ address: asked === 1 ? "93.184.216.34" : "127.0.0.1", family: 4 }]);
  };
  let hits = 0;
  const port = await listen(http.createServer((_, response) => response.end(String((hits += 1)))));
  const guard = createGuard({ allowPrivate: [], resolve });
  const check = await guard.checkAddress(`http://rebind.example:${port}/`, { what: "callback" });
  expect(check.ok).toBe(true);
  const guarded = createGuardedClient(guard);
  cleanups.push(() => guarded.close());
  const url = new URL(`http://rebind.example:${port}/`);
  expect(await guarded.request({ url, method: "GET", timeoutMs: 10_000 })).toMatchObject({
    ok: false,
    reason: "refused",
  });
  expect([asked, hits]).toEqual([2, 0]);
});

test("one private answer among public ones refuses the whole name, in either order", async () => {
  for (const answers of [
    ["93.184.216.34", "10.0.0.1"],
    ["10.0.0.1", "93.184.216.34"],
  ]) {
    const { get } = client({ allowPrivate: [], resolve: resolveTo(...answers) });
    expect(await get("http://mixed.example/")).toMatchObject({ ok: false, reason: "refused" });
  }
});

test("localhost connects to the one of its addresses that is allowed", async () => {
  const port = await listen(http.createServer((_, response) => response.end("here")));
  const { get } = client({ allowPrivate: ["127.0.0.0/8"], resolve: resolveTo("::1", "127.0.0.1") });
  expect(await get(`http://localhost:${port}/`)).toMatchObject({ ok: true, status: 200 });
  expect(await get(`http://other.example:${port}/`)).toMatchObject({ ok: false, reason: "refused" });
});

test("an operator's address may be private, and lends its open connection to nobody else", async () => {
  const sockets = new Set<unknown>();
  const port = await listen(
    http.createServer((_, response) => response.end("here")).on("connection", (s) => sockets.add(s)),
  );
  const { get } = client({ allowPrivate: [] });
  const url = `http://127.0.0.1:${port}/`;
  expect(await get(url, { trusted: true })).toMatchObject({ ok: true });
  expect(await get(url)).toMatchObject({ ok: false, reason: "refused" });
  expect(await get(url, { trusted: true })).toMatchObject({ ok: true });
  expect(sockets.size).toBe(1);
});

test("a redirect is a failure and is not followed", async () => {
  let hits = 0;
  const inner = await listen(http.createServer((_, response) => response.end(String((hits += 1)))));
  const port = await listen(
    http.createServer((_, response) => response.writeHead(307, { location: `http://127.0.0.1:${inner}/` }).end()),
  );
  const reply = await client().get(`http://127.0.0.1:${port}/`);
  expect(reply).toMatchObject({ ok: false, reason: "redirect", status: 307 });
  expect(hits).toBe(0);
});

test("a reply is cut at the limit and keeps its status", async () => {
  const port = await listen(http.createServer((_, response) => response.end(Buffer.alloc(10 * 1024 * 1024, "x"))));
  const reply = await client().get(`http://127.0.0.1:${port}/`);
  expect(reply).toMatchObject({ ok: true, status: 200, truncated: true });
  expect(reply.ok && reply.body.byteLength).toBe(65_536);
  const exact = await listen(http.createServer((_, response) => response.end("abcd")));
  const whole = await client().get(`http://127.0.0.1:${exact}/`, { maxResponseBytes: 4 });
  expect(whole).toMatchObject({ ok: true, truncated: false });
});

test("a server that never answers is given up at the deadline", async () => {
  const port = await listen(http.createServer(() => undefined));
  const reply = await client().get(`http://127.0.0.1:${port}/`, { timeoutMs: 50 });
  expect(reply).toMatchObject({ ok: false, reason: "timeout" });
});

test("a resolver that never answers is given up at the deadline", async () => {
  const { get } = client({ resolve: () => new Promise(() => undefined) });
  expect(await get("http://slow.example/", { timeoutMs: 50 })).toMatchObject({ ok: false, reason: "timeout" });
});

test("a reply that never ends counts by its status", async () => {
  const port = await listen(http.createServer((_, response) => response.writeHead(200).write("drip")));
  const reply = await client().get(`http://127.0.0.1:${port}/`, { timeoutMs: 1_500 });
  expect(reply).toMatchObject({ ok: true, status: 200, truncated: true });
  expect(reply.ok && reply.body.toString()).toBe("drip");
});

test("a reply that breaks off counts by its status", async () => {
  const port = await listen(
    http.createServer((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("part", () => response.socket?.destroy());
    }),
  );
  expect(await client().get(`http://127.0.0.1:${port}/`)).toMatchObject({ ok: true, status: 200, truncated: true });
});

test("the caller can give up", async () => {
  const giveUp = new AbortController();
  const port = await listen(http.createServer(() => giveUp.abort()));
  const { get } = client();
  expect(await get(`http://127.0.0.1:${port}/`, { signal: giveUp.signal })).toMatchObject({
    ok: false,
    reason: "aborted",
  });
  expect(await get(`http://127.0.0.1:${port}/`, { signal: giveUp.signal })).toMatchObject({
    ok: false,
    reason: "aborted",
  });
});

test("a kept connection that the server closed meanwhile is replaced without the caller seeing it", async () => {
  let connections = 0;
  const port = await listen(
    http
      .createServer((request, response) => {
        // The second request of a connection finds it reset before any answer.
        const socket = request.socket as typeof request.socket & { used?: boolean };
        if (socket.used === true) {
          socket.resetAndDestroy();
          return;
        }
        socket.used = true;
        response.end("fine");
      })
      .on("connection", () => (connections += 1)),
  );
  const { get } = client();
  expect(await get(`http://127.0.0.1:${port}/`)).toMatchObject({ ok: true });
  expect(await get(`http://127.0.0.1:${port}/`)).toMatchObject({ ok: true });
  expect(connections).toBe(2);
});

test("a closed port is a network failure", async () => {
  const server = http.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  expect(await client().get(`http://127.0.0.1:${port}/`)).toMatchObject({ ok: false, reason: "network" });
});

test("a certificate nobody vouches for is refused, and one of a known authority is taken", async () => {
  const port = await listen(
    https.createServer({ cert: CERTIFICATE, key: KEY }, (_, response) => response.end("sealed")),
  );
  const here = { resolve: resolveTo("127.0.0.1") };
  expect(await client(here).get(`https://secure.example:${port}/`)).toMatchObject({ ok: false, reason: "tls" });
  const known = client({ ...here, ca: CERTIFICATE });
  expect(await known.get(`https://secure.example:${port}/`)).toMatchObject({ ok: true, status: 200 });
  expect(await known.get(`https://other.example:${port}/`)).toMatchObject({ ok: false, reason: "tls" });
  const refusing = client({ ...here, allowPrivate: [], ca: CERTIFICATE });
  expect(await refusing.get(`https://secure.example:${port}/`)).toMatchObject({ ok: false, reason: "refused" });
});

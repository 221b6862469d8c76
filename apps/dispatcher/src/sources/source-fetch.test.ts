import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createGuard } from "../guard/guard.ts";
import { createGuardedClient } from "../guard/request.ts";
import { createSourceFetch } from "./source-fetch.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Nothing private is open but what the operator wrote. */
function fetchFor(...trusted: string[]) {
  const guard = createGuard({ allowPrivate: [] });
  const client = createGuardedClient(guard);
  cleanups.push(() => client.close());
  const fetch = createSourceFetch({ guard, client }, trusted, new AbortController().signal);
  return (url: string, headers: Record<string, string> = {}) =>
    fetch(url, { headers, maxBytes: 1000, timeoutMs: 5_000 });
}

test("an origin that the operator wrote is fetched although it is private, whatever the path", async () => {
  const url = await serve((request, response) => response.end(`at ${request.url}`));
  const reply = await fetchFor(`${url}/feed`)(`${url}/another`);
  expect([reply.status, reply.body.toString()]).toEqual([200, "at /another"]);
});

test("no other private address is fetched, and no other port of the same host", async () => {
  let hits = 0;
  const other = await serve((_, response) => response.end(String((hits += 1))));
  await expect(fetchFor("http://127.0.0.1:1/")(other)).rejects.toThrow("HIVE_ALLOW_PRIVATE_ADDRESSES");
  expect(hits).toBe(0);
});

test.each([
  ["the address of cloud secrets", "http://169.254.169.254/latest/meta-data/"],
  ["a file", "file:///etc/passwd"],
  ["another scheme", "gopher://127.0.0.1/"],
  ["a private address in another spelling", "http://0x7f.1:1/"],
])("a redirect to %s is refused, and the message says who sent it there", async (_, location) => {
  const url = await serve((_request, response) => response.writeHead(302, { location }).end());
  await expect(fetchFor(url)(url)).rejects.toThrow(/^127\.0\.0\.1:\d+ redirects: |private or special/);
});

test("a redirect from the operator's address to another port of the same machine is refused", async () => {
  let hits = 0;
  const inner = await serve((_, response) => response.end(String((hits += 1))));
  const outer = await serve((_, response) => response.writeHead(302, { location: inner }).end());
  await expect(fetchFor(outer)(outer)).rejects.toThrow("private or special");
  expect(hits).toBe(0);
});

test("a redirect within the origin is followed; one without end is not", async () => {
  const url = await serve((request, response) => {
    if (request.url === "/end") response.end("here");
    else response.writeHead(301, { location: request.url === "/once" ? "/end#part" : "/always" }).end();
  });
  expect((await fetchFor(url)(`${url}/once`)).body.toString()).toBe("here");
  await expect(fetchFor(url)(`${url}/always`)).rejects.toThrow("redirects more than 5 times");
});

test("what proves who asks is sent to the origin it is for, and to none a redirect names", async () => {
  const seen: (string | undefined)[] = [];
  const other = await serve((request, response) => {
    seen.push(request.headers.authorization, request.headers["x-plain"]?.toString());
    response.end();
  });
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(302, { location: other }).end();
  });
  await fetchFor(url, other)(url, { Authorization: "Bearer secret", "x-plain": "1" });
  expect(seen).toEqual(["Bearer secret", undefined, "1"]);
});

test("a body that is too large, that breaks off, or that comes packed is an error and never half a body", async () => {
  const url = await serve((request, response) => {
    if (request.url === "/large") return response.end("x".repeat(1001));
    if (request.url === "/packed") return response.writeHead(200, { "content-encoding": "gzip" }).end("x");
    response.writeHead(200, { "content-length": "100" }).write("x", () => response.destroy());
    return response;
  });
  const get = fetchFor(url);
  await expect(get(`${url}/large`)).rejects.toThrow("larger than 1000 bytes");
  await expect(get(`${url}/broken`)).rejects.toThrow("broke off");
  await expect(get(`${url}/packed`)).rejects.toThrow("encoding gzip");
});

test("an answer that comes drop by drop ends with its time", async () => {
  const url = await serve((_, response) => {
    const drops = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(drops));
  });
  const guard = createGuard({ allowPrivate: [] });
  const client = createGuardedClient(guard);
  cleanups.push(() => client.close());
  const fetch = createSourceFetch({ guard, client }, [url], new AbortController().signal);
  await expect(fetch(url, { maxBytes: 1_000_000, timeoutMs: 200 })).rejects.toThrow("did not come in time");
});

test("no status is an error, and 304 is one of them", async () => {
  const url = await serve((request, response) => response.writeHead(Number(request.url?.slice(1))).end());
  for (const status of [304, 400, 404, 500, 503]) expect((await fetchFor(url)(`${url}/${status}`)).status).toBe(status);
});

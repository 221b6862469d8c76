/** Plain http as to a proxy. */
import http from "node:http";
import { expect, test } from "vitest";
import { ALLOWED, type FrontOptions, LEASE, listen, listenWeb, startFront } from "./front.fixture.ts";
import { ask, basic, raw, responseTo } from "./socket-client.fixture.ts";
import { LOOK_MS } from "./ways.ts";
import { webTarget } from "./web-request.ts";

const AUTH = { "proxy-authorization": basic("token") };

async function startPlain(options: FrontOptions = {}) {
  const { port, seen } = await listenWeb();
  return { front: await startFront({ ports: { 80: port, 8080: port }, ...options }), seen };
}

test("a request goes to its place with the place's name, and without what is between client and proxy", async () => {
  const { front, seen } = await startPlain();
  const headers = { ...AUTH, host: "evil.example", "proxy-connection": "keep-alive", accept: "*/*" };
  expect((await ask(front.socket, "http://Deb.Example./pool/a%20b?c=d", { headers })).body).toBe("seen");
  expect((await ask(front.socket, "HTTP://deb.example:8080", { headers: AUTH, method: "HEAD" })).status).toBe(200);
  expect(seen).toEqual([
    {
      method: "GET",
      url: "/pool/a%20b?c=d",
      headers: { accept: "*/*", host: "deb.example", connection: "close" },
      body: "",
    },
    { method: "HEAD", url: "/", headers: { host: "deb.example:8080", connection: "close" }, body: "" },
  ]);
  expect(front.asked).toEqual(["token deb.example:80", "token deb.example:8080"]);
});

test("an agent may read and POST, a supervisor also what GitHub's API is changed with", async () => {
  const call = async (method: string, options: FrontOptions) => {
    const { front } = await startPlain(options);
    return (
      await ask(front.socket, "http://git.example/x", { method, headers: { ...AUTH, "content-length": 1 }, body: "x" })
    ).status;
  };
  const supervisor: FrontOptions = { answer: () => ({ ...ALLOWED, audience: "worker" }) };
  expect([await call("POST", {}), await call("PUT", {}), await call("DELETE", {})]).toEqual([200, 405, 405]);
  expect([await call("POST", supervisor), await call("PATCH", supervisor), await call("PUT", supervisor)]).toEqual([
    200, 200, 200,
  ]);
  expect([await call("TRACE", supervisor), await call("PROPFIND", supervisor)]).toEqual([405, 405]);
});

test.each([
  ...[
    "http://user@deb.example/",
    "http://deb.example@evil.example/",
    "http://deb.example\\@evil.example/",
    "http://deb.example:80:81/",
  ],
  ...[
    "http://",
    "http:///x",
    "http://:80/",
    "http://deb.example:0/",
    "http://deb.example:99999/",
    "http://deb.example#x",
    "http://[::1/",
    "http://a b/",
  ],
  ...["https://deb.example/", "ftp://deb.example/", "deb.example", "*", "http:/deb.example/", "http:deb.example"],
])("%j is no target of a plain request", async (url) => {
  const { front, seen } = await startPlain();
  expect(webTarget(url)).toBeNull();
  const answer = await raw(
    front.socket,
    `GET ${url} HTTP/1.1\r\nhost: deb.example\r\nproxy-authorization: ${basic("t")}\r\nconnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
  expect([seen, front.asked]).toEqual([[], []]);
});

test("without a token 407, for a host that is not allowed 403 with the reason, for one that does not answer 502", async () => {
  const { front } = await startPlain({
    answer: (_, { host }) =>
      host === "deb.example"
        ? ALLOWED
        : { allowed: false, ...LEASE, reason: "not_allowed", message: "add it to HIVE_EGRESS" },
  });
  const none = await ask(front.socket, "http://deb.example/");
  expect([none.status, none.headers["proxy-authenticate"]]).toEqual([407, 'Basic realm="hive"']);
  const refused = await ask(front.socket, "http://evil.example/", { headers: AUTH });
  expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
    403,
    { code: "egress_blocked", reason: "not_allowed", detail: "add it to HIVE_EGRESS" },
  ]);
  const nobody = await startFront({ ports: { 80: 9 } });
  expect((await ask(nobody.socket, "http://deb.example/", { headers: AUTH })).status).toBe(502);
  const silent = await listen(http.createServer((request) => request.socket.destroy()));
  const closing = await startFront({ ports: { 80: silent } });
  expect((await ask(closing.socket, "http://deb.example/", { headers: AUTH })).status).toBe(502);
});

test("a private address is refused for a plain request too, and one of the operator's list is not", async () => {
  const { front, seen } = await startPlain({ guard: { allowPrivate: [] } });
  for (const host of ["deb.example", "127.0.0.1", "localhost", "[::1]"]) {
    const answer = await ask(front.socket, `http://${host}/`, { headers: AUTH });
    expect([host, answer.status, JSON.parse(answer.body)]).toMatchObject([host, 403, { reason: "private_address" }]);
  }
  expect(seen).toEqual([]);
  expect(front.blocked).toHaveLength(4);
});

test("a download is cut when the fence is over, and its bytes were counted", async () => {
  const port = await listen(
    http.createServer((_, response) => response.writeHead(200, { "content-length": 1e9 }).write(Buffer.alloc(100_000))),
  );
  const front = await startFront({ ports: { 80: port } });
  const request = http.request({
    socketPath: front.socket,
    path: "http://deb.example/big",
    agent: false,
    headers: AUTH,
  });
  request.end();
  const answer = await responseTo(request);
  let got = 0;
  const broken = new Promise((settle) => answer.on("error", settle));
  answer.on("data", (chunk: Buffer) => (got += chunk.length));
  await expect.poll(() => got).toBe(100_000);
  front.over = [LEASE];
  front.timers.get(LOOK_MS)?.();
  await broken;
  expect(front.reports).toMatchObject([{ connections: 1, leases: [LEASE] }]);
  expect(front.reports[0]?.bytesIn).toBeGreaterThanOrEqual(100_000);
});

test("many requests over one connection are asked and answered one by one", async () => {
  const { front, seen } = await startPlain({
    answer: (_, { host }) =>
      host === "deb.example" ? ALLOWED : { allowed: false, ...LEASE, reason: "not_allowed", message: "no" },
  });
  const head = (url: string, more = "") =>
    `GET ${url} HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${basic("token")}\r\n${more}\r\n`;
  const answers = await raw(
    front.socket,
    head("http://deb.example/1") +
      head("http://evil.example/2") +
      head("/v1/jobs") +
      head("http://deb.example/3", "connection: close\r\n"),
  );
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 404", "HTTP/1.1 200"]);
  expect(seen.map(({ url }) => url)).toEqual(["/1", "/3"]);
});

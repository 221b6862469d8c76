/** CONNECT, through the gate, past the greeting, and cut when it must be. */
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { clientHello } from "./client-hello.fixture.ts";
import {
  afterTest,
  ALLOWED,
  type Front,
  type FrontOptions,
  LEASE,
  listen,
  listenWeb,
  startFront,
} from "./front.fixture.ts";
import { ask, basic, closed, get, openTunnel, raw, secure, textOf } from "./socket-client.fixture.ts";
import { LOOK_MS } from "./ways.ts";

const HOST = "secure.example";

/** A secure web server behind port 443 of every host. */
async function startSecure(options: FrontOptions = {}): Promise<Front> {
  const port = await listen(
    https.createServer({ cert: CERTIFICATE, key: KEY }, (_, response) => response.end("inside")),
  );
  return startFront({ ports: { 443: port }, ...options });
}

/** What a bare server behind port 443 hears. */
async function startBare(
  answer: (socket: Socket) => void = () => {},
): Promise<{ front: Front; heard: () => string; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  let heard = "";
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
      answer(socket);
      // Whoever has nothing more to say ends too, once the client has.
      socket.once("end", () => socket.end());
    }),
  );
  return { front: await startFront({ ports: { 443: port, 2222: port } }), heard: () => heard, sockets };
}

async function tunnelTo(front: Front, target: string): Promise<Socket> {
  const tunnel = await openTunnel(front.socket, target, "token");
  if (!tunnel.ok) throw new Error(tunnel.answer.body);
  tunnel.socket.on("error", () => undefined);
  afterTest(() => tunnel.socket.destroy());
  return tunnel.socket;
}

test("TLS to the host the tunnel is for passes; its name may be written in any way", async () => {
  const front = await startSecure();
  for (const target of [`${HOST}:443`, "SECURE.Example.:443"]) {
    const answer = await get(await secure(await tunnelTo(front, target), HOST, CERTIFICATE), "/");
    expect(answer.body).toBe("inside");
  }
  expect(front.asked).toEqual([`token ${HOST}:443`, `token ${HOST}:443`]);
  expect(front.blocked).toEqual([]);
});

test.each([
  ["another host", clientHello({ names: ["evil.example"] }), "wrong_name"],
  ["a host below", clientHello({ names: [`evil.${HOST}`] }), "wrong_name"],
  ["an empty name", clientHello({ names: [""] }), "wrong_name"],
  ["a name and another after a NUL", clientHello({ names: [`${HOST}\0.evil.example`] }), "wrong_name"],
  ["two names", clientHello({ names: [HOST, "evil.example"] }), "not_tls"],
  ["a hidden name", clientHello({ names: [HOST], extensions: [[0xfe0d, Buffer.alloc(9)]] }), "hidden_name"],
  ["plain http", Buffer.from("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n"), "not_tls"],
  ["another protocol", Buffer.from("SSH-2.0-x\r\n"), "not_tls"],
])("a greeting with %s is cut, told, and never reaches the host", async (_what, greeting, reason) => {
  const { front, heard, sockets } = await startBare();
  const client = await tunnelTo(front, `${HOST}:443`);
  client.write(greeting);
  await closed(client);
  expect(front.blocked).toEqual([`${HOST}:443 ${reason}`]);
  for (const socket of sockets) await closed(socket);
  expect(heard()).toBe("");
});

test("a greeting passes as it was, in whatever pieces it came, with what came with it", async () => {
  const { front, heard } = await startBare((socket) => socket.once("end", () => socket.end("bye")));
  const greeting = Buffer.concat([clientHello({ names: [HOST.toUpperCase()], recordBytes: 30 }), Buffer.from("early")]);
  const client = await tunnelTo(front, `${HOST}:443`);
  const answer = textOf(client);
  for (const byte of greeting) if (!client.write(Buffer.of(byte))) await once(client, "drain");
  client.end();
  expect(await answer).toBe("bye");
  expect(heard()).toBe(greeting.toString("latin1"));
});

test("without a name in the greeting the host shows whatever it shows to such clients", async () => {
  const { front, heard, sockets } = await startBare();
  const client = await tunnelTo(front, `${HOST}:443`);
  const greeting = clientHello();
  client.write(greeting);
  await expect.poll(heard).toBe(greeting.toString("latin1"));
  sockets[0]?.destroy();
  await closed(client);
  expect(front.blocked).toEqual([]);
});

test("where every name is allowed, greetings are not looked at", async () => {
  const front = await startSecure({ answer: () => ({ ...ALLOWED, verifyName: false }) });
  const tls = await secure(await tunnelTo(front, "other.example:443"), HOST, CERTIFICATE);
  expect((await get(tls, "/")).body).toBe("inside");
});

test("on a port of its own a protocol may be any, the host may speak first, and TLS there is looked at too", async () => {
  const { front, heard } = await startBare((socket) => socket.write("hello"));
  const client = await tunnelTo(front, "git.example:2222");
  expect(String((await once(client, "data"))[0])).toBe("hello");
  client.write("SSH-2.0-x");
  await expect.poll(heard).toBe("SSH-2.0-x");
  const fronting = await tunnelTo(front, "git.example:2222");
  fronting.write(clientHello({ names: ["evil.example"] }));
  await closed(fronting);
  expect(front.blocked).toEqual(["git.example:2222 wrong_name"]);
  expect(heard()).toBe("SSH-2.0-x");
});

test("a client that never greets is let go", async () => {
  const { front } = await startBare();
  const client = await tunnelTo(front, `${HOST}:443`);
  client.write(clientHello({ names: [HOST] }).subarray(0, 40));
  await expect.poll(() => front.timers.get(15_000)).toBeDefined();
  front.timers.get(15_000)?.();
  await closed(client);
});

test("without a token 407 with the way to give one; a target that is none is 400", async () => {
  const front = await startFront({ answer: () => ({ kind: "unauthorized", message: "not ours" }) });
  const none = await openTunnel(front.socket, `${HOST}:443`, null);
  expect(none).toMatchObject({
    ok: false,
    answer: { status: 407, headers: { "proxy-authenticate": 'Basic realm="hive"' } },
  });
  expect(front.asked).toEqual([]);
  const foreign = await openTunnel(front.socket, `${HOST}:443`, "foreign");
  expect(foreign).toMatchObject({ ok: false, answer: { status: 407 } });
  for (const target of [
    "secure.example",
    ":443",
    "secure.example:",
    "a b:443",
    "secure.example:0",
    "secure.example:99999",
    "u@secure.example:443",
  ]) {
    const answer = await raw(
      front.socket,
      `CONNECT ${target} HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${basic("t")}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  }
});

test("a token is taken as Basic with any user, and as Bearer", async () => {
  const front = await startSecure();
  for (const header of [basic("token"), `basic ${Buffer.from(":token").toString("base64")}`, "Bearer token"]) {
    const head = `CONNECT ${HOST}:443 HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${header}\r\n\r\n`;
    expect(await raw(front.socket, `${head}no TLS`)).toMatch(/^HTTP\/1\.1 200 /);
  }
  expect(front.asked).toEqual(Array.from({ length: 3 }, () => `token ${HOST}:443`));
});

test("a refusal says which setting would allow it, and is remembered for a moment", async () => {
  const message = `Jobs here may reach registries, and not ${HOST}:443. To allow it, …`;
  const front = await startFront({ answer: () => ({ allowed: false, ...LEASE, reason: "not_allowed", message }) });
  for (let n = 0; n < 3; n += 1) {
    const refused = await openTunnel(front.socket, `${HOST}:443`, "token");
    if (refused.ok) throw new Error("it passed");
    expect(refused.answer.status).toBe(403);
    expect(JSON.parse(refused.answer.body)).toMatchObject({
      code: "egress_blocked",
      reason: "not_allowed",
      detail: message,
    });
  }
  expect(front.asked).toHaveLength(1);
  front.now += 2_001;
  await openTunnel(front.socket, `${HOST}:443`, "token");
  await openTunnel(front.socket, `${HOST}:443`, "another");
  expect(front.asked).toHaveLength(3);
});

test("code that tries one host after the other waits for its answers, and nobody else does", async () => {
  const front = await startFront({
    answer: () => ({ allowed: false, ...LEASE, reason: "not_allowed", message: "no" }),
  });
  const tryHost = (n: number, token = "token") => openTunnel(front.socket, `h${n}.example:443`, token);
  await Promise.all(Array.from({ length: 8 }, (_, n) => tryHost(n)));
  const ninth = tryHost(8);
  expect((await tryHost(9, "another")).ok).toBe(false);
  expect(front.asked).not.toContain("token h8.example:443");
  front.expire(100);
  expect((await ninth).ok).toBe(false);
});

test.each([
  ["the dispatcher does not answer", { kind: "unanswered" } as const, 503],
  ["the lease is over", { kind: "no_lease", message: "over" } as const, 409],
])("when %s nothing is opened", async (_what, answer, status) => {
  const front = await startSecure({ answer: () => answer });
  expect(await openTunnel(front.socket, `${HOST}:443`, "token")).toMatchObject({ ok: false, answer: { status } });
});

test("a host that does not answer, or has no address, is 502; one that never answers is given up", async () => {
  const nobody = await startFront({ ports: { 443: 9 } });
  const refused = await openTunnel(nobody.socket, `${HOST}:443`, "token");
  expect(refused).toMatchObject({ ok: false, answer: { status: 502 } });
  expect(refused.ok ? "" : refused.answer.body).toContain("ECONNREFUSED");
  const lost = await startFront({ guard: { resolve: async () => [] } });
  expect(await openTunnel(lost.socket, `${HOST}:443`, "token")).toMatchObject({ ok: false, answer: { status: 502 } });
  const silent = await startFront({ guard: { resolve: () => new Promise(() => {}) } });
  const waiting = openTunnel(silent.socket, `${HOST}:443`, "token");
  await expect.poll(() => silent.timers.get(20_000)).toBeDefined();
  silent.timers.get(20_000)?.();
  expect(await waiting).toMatchObject({ ok: false, answer: { status: 502 } });
});

test("a name on the list that leads to a private address opens nothing, however it answers", async () => {
  let answers = 0;
  const rebinding = async () => {
    answers += 1;
    return [{ address: answers === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }];
  };
  const front = await startSecure({ guard: { resolve: rebinding } });
  const first = await tunnelTo(front, `${HOST}:443`);
  first.destroy();
  const second = await openTunnel(front.socket, `${HOST}:443`, "token");
  expect(second).toMatchObject({ ok: false, answer: { status: 403 } });
  expect(second.ok ? "" : second.answer.body).toContain("HIVE_ALLOW_PRIVATE_ADDRESSES=10.0.0.1/32");
  const mixed = await startSecure({
    guard: {
      resolve: async () => [
        { address: "127.0.0.1", family: 4 },
        { address: "169.254.169.254", family: 4 },
      ],
    },
  });
  expect(await openTunnel(mixed.socket, `${HOST}:443`, "token")).toMatchObject({ ok: false, answer: { status: 403 } });
  const literal = await startSecure({ guard: { allowPrivate: [] } });
  for (const host of [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "[::ffff:127.0.0.1]",
    "[::1]",
    "localhost",
    "169.254.169.254",
    "0.0.0.0",
  ]) {
    expect([host, await openTunnel(literal.socket, `${host}:443`, "token")]).toMatchObject([
      host,
      { ok: false, answer: { status: 403 } },
    ]);
  }
  expect(literal.blocked.every((line) => line.endsWith(" private_address"))).toBe(true);
});

test("a lease has only so many connections at once, and one that closes makes room", async () => {
  const front = await startSecure({ limits: { connections: 2 } });
  const [first] = [await tunnelTo(front, `${HOST}:443`), await tunnelTo(front, `${HOST}:443`)];
  const third = await openTunnel(front.socket, `${HOST}:443`, "token");
  expect(third).toMatchObject({ ok: false, answer: { status: 403 } });
  expect(third.ok ? "" : third.answer.body).toContain("HIVE_EGRESS_CONNECTIONS");
  expect(front.blocked).toEqual([`${HOST}:443 too_many_connections`]);
  first.destroy();
  await expect.poll(async () => (await openTunnel(front.socket, `${HOST}:443`, "token")).ok).toBe(true);
});

test("when the fence is over both sides of a tunnel are cut, in the middle of whatever passes", async () => {
  const { front, sockets } = await startBare((socket) => {
    const flood = (): void => void (socket.writable && socket.write(Buffer.alloc(65_536), flood));
    flood();
  });
  const client = await tunnelTo(front, `${HOST}:443`);
  await once(client, "data");
  front.over = [LEASE];
  front.timers.get(LOOK_MS)?.();
  await closed(client);
  for (const socket of sockets) await closed(socket);
  expect(front.reports).toMatchObject([{ leases: [LEASE], connections: 1 }]);
});

test("what a cut connection still had to send is taken back, not sent to its end", async () => {
  const lost = Promise.withResolvers<NodeJS.ErrnoException>();
  const { front, sockets } = await startBare((socket) => socket.pause().on("error", lost.resolve));
  const client = await tunnelTo(front, "git.example:2222");
  client.write(Buffer.alloc(65_536));
  await expect.poll(() => sockets.length).toBe(1);
  await expect.poll(() => client.writableLength).toBe(0);
  front.over = [LEASE];
  front.timers.get(LOOK_MS)?.();
  await closed(client);
  sockets[0]?.resume();
  expect((await lost.promise).code).toBe("ECONNRESET");
});

test("a lease that moved more than it may is cut and told so", async () => {
  const { front } = await startBare((socket) => socket.write(Buffer.alloc(1_000_000)));
  const small = await startFront({
    ports: { 443: await listen(createServer((socket) => socket.write(Buffer.alloc(1_000_000)))) },
    limits: { bytes: 500_000 },
  });
  const client = await tunnelTo(small, `${HOST}:443`);
  let got = 0;
  client.on("data", (chunk: Buffer) => (got += chunk.length));
  await expect.poll(() => got).toBeGreaterThan(500_000);
  small.timers.get(LOOK_MS)?.();
  await closed(client);
  expect(small.blocked).toEqual([`${HOST}:443 too_many_bytes`]);
  expect(front.blocked).toEqual([]);
});

test("each side may end its own direction, and what is on its way arrives before the end", async () => {
  const big = Buffer.alloc(4_000_000, 1);
  const { front } = await startBare((socket) => socket.once("end", () => socket.end(big)));
  const client = await tunnelTo(front, "git.example:2222");
  const size = (async () => {
    let bytes = 0;
    for await (const chunk of client) bytes += (chunk as Buffer).length;
    return bytes;
  })();
  client.end("done");
  expect(await size).toBe(big.length);
});

test("a client that goes away closes the other side", async () => {
  const { front, sockets } = await startBare();
  const client = await tunnelTo(front, `${HOST}:443`);
  await expect.poll(() => sockets.length).toBe(1);
  client.destroy();
  await closed(sockets[0] as Socket);
});

test.each(["its client goes away", "its fence is over"])(
  "a connection still being made leads nowhere when %s",
  async (what) => {
    const sockets: Socket[] = [];
    const resolving = Promise.withResolvers<readonly { address: string; family: number }[]>();
    const port = await listen(createServer((socket) => sockets.push(socket)));
    const front = await startFront({ ports: { 443: port }, guard: { resolve: () => resolving.promise } });
    const client = connect({ path: front.socket });
    client.write(`CONNECT ${HOST}:443 HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${basic("t")}\r\n\r\n`);
    await expect.poll(() => front.timers.has(20_000)).toBe(true);
    if (what === "its client goes away") client.destroy();
    else {
      front.over = [LEASE];
      front.timers.get(LOOK_MS)?.();
    }
    await closed(client);
    resolving.resolve([{ address: "127.0.0.1", family: 4 }]);
    await expect.poll(() => sockets.length).toBe(1);
    await closed(sockets[0] as Socket);
  },
);

test("in a tunnel to port 80 requests are read and written anew, with the host's own name", async () => {
  const { port, seen } = await listenWeb();
  const front = await startFront({ ports: { 80: port } });
  const client = await tunnelTo(front, "deb.example:80");
  const answer = textOf(client.setEncoding("latin1"));
  client.write(
    "GET /a?b HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: x\r\n\r\nPOST /c HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody",
  );
  expect((await answer).match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  expect(seen.map(({ method, url, headers, body }) => [method, url, headers.host, body])).toEqual([
    ["GET", "/a?b", "deb.example", ""],
    ["POST", "/c", "deb.example", "body"],
  ]);
  expect(front.asked).toEqual(Array.from({ length: 3 }, () => "token deb.example:80"));
});

test("in a tunnel to port 80 nothing but requests to that host passes", async () => {
  const { port, seen } = await listenWeb();
  const front = await startFront({ ports: { 80: port } });
  for (const bytes of [
    clientHello({ names: ["deb.example"] }).toString("latin1"),
    "SSH-2.0-x\r\n\r\n",
    "GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
    "CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n\r\n",
  ]) {
    const client = await tunnelTo(front, "deb.example:80");
    const answer = textOf(client.setEncoding("latin1"));
    client.write(bytes, "latin1");
    expect(await answer).toMatch(/^(HTTP\/1\.1 400 [\s\S]*)?$/);
  }
  expect(seen).toEqual([]);
});

test("one parser reads everything: a tunnel's first bytes may come with its request", async () => {
  const { front, heard } = await startBare((socket) => socket.once("end", () => socket.end()));
  const head = `CONNECT ${HOST}:443 HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${basic("token")}\r\n\r\n`;
  const greeting = clientHello({ names: [HOST] }).toString("latin1");
  const client = http.request({ socketPath: front.socket, method: "CONNECT", path: "x:1" });
  client.destroy();
  client.on("error", () => undefined);
  void raw(front.socket, head + greeting);
  await expect.poll(heard).toBe(greeting);
  expect((await ask(front.socket, "/")).status).toBe(404);
});

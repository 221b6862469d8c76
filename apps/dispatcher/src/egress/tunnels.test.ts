/** CONNECT, through the gate, and cut when it must be. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { LEASE, listen, startFront } from "./front.fixture.ts";
import { basic, closed, openTunnel, raw } from "./socket-client.fixture.ts";
import { HOST, startBare, startSecure, tunnelTo } from "./tunnels.fixture.ts";
import { LOOK_MS } from "./ways.ts";

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

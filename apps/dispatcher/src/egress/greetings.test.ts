/** The first words in a tunnel: they must be meant for the host it was opened to. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { CERTIFICATE } from "../guard/certificate.fixture.ts";
import { clientHello } from "./client-hello.fixture.ts";
import { ALLOWED, listenWeb, startFront } from "./front.fixture.ts";
import { ask, basic, closed, get, raw, secure, textOf } from "./socket-client.fixture.ts";
import { HOST, startBare, startSecure, tunnelTo } from "./tunnels.fixture.ts";

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
  void raw(front.socket, head + greeting);
  await expect.poll(heard).toBe(greeting);
  expect((await ask(front.socket, "/")).status).toBe(404);
});

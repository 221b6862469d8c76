import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LocalRelay, startLocalRelay } from "./local-relay.ts";
import { wayBySocket } from "./relay-ways.ts";
import { type SocketServer, startSocketServer } from "./socket-server.fixture.ts";

let folder = "";
let server: SocketServer;
let relay: LocalRelay;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-relay-"));
  server = await startSocketServer(join(folder, "server.sock"), null);
  relay = await startLocalRelay({ ways: [wayBySocket(server.path)] });
});
afterEach(async () => {
  await relay.close();
  await server.leave();
  await rm(folder, { recursive: true });
});

/** Sends bytes as they are and gives everything that comes back. */
function raw(bytes: string): Promise<string> {
  const socket = connect(relay.port, "127.0.0.1");
  socket.write(bytes);
  return text(socket);
}

/** Opens a tunnel; the answer's head has been read. */
async function tunnel(target: string, through = relay): Promise<{ head: string; socket: Socket }> {
  const socket = connect({ port: through.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\nproxy-authorization: Basic aGl2ZTp0\r\n\r\n`);
  const head = await new Promise<string>((resolve) =>
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString())),
  );
  return { head, socket };
}

test("calls of the gateway pass with their own token, streaming both ways", async () => {
  const seen: (string | undefined)[] = [];
  server.answer = (incoming) => {
    seen.push(incoming.url, incoming.headers.authorization, incoming.headers.host);
    return null;
  };
  const answer = await fetch(`${relay.url}/llm/anthropic/v1/messages?beta=true`, {
    method: "POST",
    headers: { authorization: "Bearer llm-token" },
    body: "x".repeat(300_000),
  });
  expect([answer.status, (await answer.text()).length]).toEqual([200, 300_000]);
  expect(seen).toEqual(["/llm/anthropic/v1/messages?beta=true", "Bearer llm-token", `127.0.0.1:${relay.port}`]);
});

test("the worker protocol and everything else is 404, however the path is written", async () => {
  server.answer = () => ({ status: 299, body: "passed" });
  const paths = [
    "/v1/worker/register",
    "/",
    "/llm",
    "/llm/../v1/worker/claim",
    "/llm/%2e%2E/v1/jobs",
    "/llm/..%2fv1",
    "//llm/x",
  ];
  for (const path of [...paths, "/llm/..", "/llm/a/./b", "/llm\\..\\v1", "llm/x", "*"]) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(answer, path).toMatch(/^HTTP\/1\.1 4/);
  }
  expect((await fetch(`${relay.url}/llm/a.b/..c`)).status).toBe(299);
});

test("a body that its method need not have cannot pass for a second request", async () => {
  const paths: (string | undefined)[] = [];
  server.answer = (incoming) => {
    paths.push(incoming.url);
    return null;
  };
  const smuggled = "GET /v1/worker/signals HTTP/1.1\r\nhost: x\r\n\r\n";
  for (const method of ["DELETE", "GET", "OPTIONS", "POST"]) {
    const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    const head = `${method} /llm/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close, host\r\n\r\n`;
    expect(await raw(head + chunk)).toContain(smuggled);
  }
  expect(paths).toEqual(["/llm/x", "/llm/x", "/llm/x", "/llm/x"]);
});

test("plain requests that name a whole address pass as they are", async () => {
  server.answer = () => ({ status: 200, body: "" });
  const answer = await raw(
    "GET http://packages.example/a?b HTTP/1.1\r\nhost: packages.example\r\nproxy-authorization: Basic aGl2ZTp0\r\nconnection: close\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  expect(server.proxied).toEqual([
    { method: "GET", target: "http://packages.example/a?b", authorization: "Basic aGl2ZTp0" },
  ]);
});

test("a tunnel carries bytes both ways, and its refusal is the server's own", async () => {
  const refused = await tunnel("elsewhere.example:443");
  expect(refused.head).toMatch(/^HTTP\/1\.1 403/);
  refused.socket.destroy();

  const target = createServer((_incoming, outgoing) => outgoing.end("from inside"));
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  server.tunnelTo = () => ({ port: (target.address() as AddressInfo).port });
  const { head, socket } = await tunnel("registry.example:443");
  expect(head).toMatch(/^HTTP\/1\.1 200/);
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  expect(await text(socket)).toContain("from inside");
  expect(server.proxied.at(-1)).toEqual({
    method: "CONNECT",
    target: "registry.example:443",
    authorization: "Basic aGl2ZTp0",
  });
  target.close();
});

test("one side of a tunnel may end and still hear the other out", async () => {
  server.onTunnel = (socket) => {
    let said = "";
    socket.on("data", (chunk: Buffer) => (said += chunk.toString()));
    socket.on("end", () => socket.end(`you said ${said}`));
  };
  const { socket } = await tunnel("x:1");
  socket.end("goodbye");
  expect(await text(socket)).toBe("you said goodbye");
});

test("the far side of a tunnel may end first and still hear the near one out", async () => {
  const heard = Promise.withResolvers<string>();
  server.onTunnel = (socket) => {
    let said = "";
    socket.on("data", (chunk: Buffer) => (said += chunk.toString()));
    socket.on("end", () => heard.resolve(said));
    socket.end("that is all");
  };
  const { socket } = await tunnel("x:1");
  await new Promise((resolve) => socket.once("end", resolve).resume());
  socket.end("thank you");
  expect(await heard.promise).toBe("thank you");
});

test("a tunnel whose one side is gone and whose other is silent ends", async () => {
  const hasty = await startLocalRelay({ ways: [wayBySocket(server.path)], halfClosedMs: 50 });
  server.onTunnel = (socket) => void socket.resume();
  const { socket } = await tunnel("x:1", hasty);
  socket.end();
  expect(await text(socket)).toBe("");
  await hasty.close();
});

test("without a server the answer is 502 and says so; with a new one at the same place all goes on", async () => {
  await server.leave();
  const plain = await fetch(`${relay.url}/llm/x`, { method: "POST", body: "x".repeat(100_000) });
  expect([plain.status, await plain.text()]).toEqual([
    502,
    "The server's side of the way out does not answer (ENOENT).\n",
  ]);
  const { head, socket } = await tunnel("registry.example:443");
  expect(head).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n[^]*\(ENOENT\)\.\n$/);
  socket.destroy();
  await server.comeBack();
  expect((await fetch(`${relay.url}/llm/x`)).status).toBe(200);
});

test("an answer that breaks off reaches the caller broken, not whole", async () => {
  const started = Promise.withResolvers<void>();
  server.answer = () => {
    started.resolve();
    return { status: 200, body: "y".repeat(5_000_000) };
  };
  const outcome = new Promise<string>((resolve) => {
    const call = request(`${relay.url}/llm/x`, (answer) => {
      answer.once("data", () => void server.leave());
      answer.on("error", (error) => resolve(error.message));
      answer.on("end", () => resolve("whole"));
    });
    call.on("error", (error) => resolve(error.message));
    call.end();
  });
  await started.promise;
  expect(await outcome).not.toBe("whole");
});

test("connections are bounded, and dropping them ends what a job left open", async () => {
  const small = await startLocalRelay({ ways: [wayBySocket(server.path)], maxConnections: 2 });
  const held = [connect(small.port, "127.0.0.1"), connect(small.port, "127.0.0.1")];
  await Promise.all(held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  await expect(fetch(`${small.url}/llm/x`)).rejects.toThrow();
  const gone = held.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  for (const socket of held) socket.on("error", () => undefined);
  small.dropConnections();
  await Promise.all(gone);
  expect((await fetch(`${small.url}/llm/x`)).status).toBe(200);
  await small.close();
});

test("a proxy's address names the relay and the caller's token", () => {
  expect(relay.proxyFor("a.b-c_d")).toBe(`http://hive:a.b-c_d@127.0.0.1:${relay.port}`);
});

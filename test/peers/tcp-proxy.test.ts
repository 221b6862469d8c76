import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { until } from "../e2e/until.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const rooms: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const end of rooms.splice(0).reverse()) await end();
});

/** A server that answers each piece with "got N", and a proxy before it. */
async function setUp(): Promise<{ readonly proxy: TcpProxy; readonly got: () => string }> {
  let got = "";
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (piece: Buffer) => {
      got += piece.toString();
      socket.write(`got ${piece.length}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await startTcpProxy({ to: (server.address() as AddressInfo).port });
  rooms.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  rooms.push(() => proxy.dispose());
  return { proxy, got: () => got };
}

interface Caller {
  readonly socket: Socket;
  readonly heard: () => string;
  /** How it ended: a code, or "closed". */
  readonly end: Promise<string>;
}

function call(port: number): Caller {
  const socket = connect(port, "127.0.0.1");
  rooms.push(() => {
    socket.destroy();
  });
  let heard = "";
  socket.on("data", (piece: Buffer) => {
    heard += piece.toString();
  });
  const end = new Promise<string>((done) => {
    socket.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.once("close", () => done("closed"));
  });
  return { socket, heard: () => heard, end };
}

test("without rules it changes nothing, and half a connection may end before the other", async () => {
  const { proxy, got } = await setUp();
  const caller = call(proxy.port);
  caller.socket.end("hello");
  expect(await caller.end).toBe("closed");
  expect([got(), caller.heard()]).toEqual(["hello", "got 5"]);
  expect(proxy.counts).toMatchObject({ connections: 1, answersCut: 0, cutMidway: 0, open: 0 });
});

test("an answer is cut only after its request arrived, and the caller sees a reset", async () => {
  const { proxy, got } = await setUp();
  proxy.cutAnswers();
  const caller = call(proxy.port);
  caller.socket.write("hello");
  expect(await caller.end).toBe("ECONNRESET");
  expect([got(), caller.heard(), proxy.counts.answersCut]).toEqual(["hello", "", 1]);
});

test("a connection is cut after so many bytes, to the byte", async () => {
  const { proxy, got } = await setUp();
  proxy.cutAfter(7, "requests");
  const caller = call(proxy.port);
  caller.socket.write("hello");
  await until("the first answer", () => caller.heard() === "got 5");
  caller.socket.write("world");
  expect(await caller.end).toBe("ECONNRESET");
  await until("what came before the cut", () => got() === "hellowo");
  expect(proxy.counts.cutMidway).toBe(1);
});

test("while it refuses nobody connects; healed, it listens on the same port", async () => {
  const { proxy } = await setUp();
  const early = call(proxy.port);
  early.socket.write("a");
  await until("the first answer", () => early.heard() === "got 1");
  proxy.refuse();
  expect(await early.end).toBe("ECONNRESET");
  expect(await call(proxy.port).end).toBe("ECONNREFUSED");
  await proxy.heal();
  const late = call(proxy.port);
  late.socket.end("b");
  expect(await late.end).toBe("closed");
  expect(late.heard()).toBe("got 1");
});

test("what is held arrives once it is healed", async () => {
  const { proxy, got } = await setUp();
  proxy.hold("answers");
  const caller = call(proxy.port);
  caller.socket.write("hello");
  await until("the request to arrive", () => got() === "hello");
  expect(caller.heard()).toBe("");
  await proxy.heal();
  await until("the answer", () => caller.heard() === "got 5");
});

test("a delayed and slow connection loses nothing and keeps the order", async () => {
  const { proxy, got } = await setUp();
  proxy.delay(5);
  proxy.slow(4_000);
  const text = Array.from({ length: 100 }, (_, n) => `line ${n}`).join("\n");
  const caller = call(proxy.port);
  const begun = performance.now();
  caller.socket.end(text);
  expect(await caller.end).toBe("closed");
  expect(got()).toBe(text);
  // 800 bytes at 4,000 a second.
  expect(performance.now() - begun).toBeGreaterThan(150);
});

test("who listens hears each connection's requests apart, until it is healed", async () => {
  const { proxy, got } = await setUp();
  const heard: string[] = [];
  proxy.overhear((connection, piece) => heard.push(`${connection}: ${piece.toString()}`));
  for (const text of ["one", "two"]) {
    const caller = call(proxy.port);
    caller.socket.end(text);
    await caller.end;
  }
  await proxy.heal();
  const late = call(proxy.port);
  late.socket.end("three");
  await late.end;
  expect([heard, got()]).toEqual([["1: one", "2: two"], "onetwothree"]);
});

test("pointed elsewhere, new connections go there; pointed nowhere yet, they are reset", async () => {
  const [one, other] = [await setUp(), await setUp()];
  const proxy = await startTcpProxy();
  rooms.push(() => proxy.dispose());
  const early = call(proxy.port);
  early.socket.write("a");
  expect(await early.end).toBe("ECONNRESET");
  for (const { proxy: target, got } of [one, other]) {
    proxy.pointTo(target.port);
    const caller = call(proxy.port);
    caller.socket.end("hello");
    expect(await caller.end).toBe("closed");
    expect(got()).toBe("hello");
  }
});

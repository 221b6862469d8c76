import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { guardedConnect } from "./connect.ts";
import { createGuard, type GuardOptions, type ResolvedAddress } from "./guard.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const NEVER = new AbortController().signal;
const four = (...addresses: string[]): ResolvedAddress[] => addresses.map((address) => ({ address, family: 4 }));

async function listen(): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => undefined).resume();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

async function reach(host: string, port: number, options: Partial<GuardOptions> = {}): Promise<Socket> {
  const guard = createGuard({ allowPrivate: ["127.0.0.0/8"], resolve: async () => four("127.0.0.1"), ...options });
  const socket = await guardedConnect(guard, { host, port }, NEVER);
  cleanups.push(() => socket.destroy());
  return socket;
}

test("a name is connected to at the address that was checked, asked for once", async () => {
  const { port } = await listen();
  let asked = 0;
  // A second answer would be the cloud's metadata.
  const resolve = async () => four((asked += 1) === 1 ? "127.0.0.1" : "169.254.169.254");
  const socket = await reach("rebinding.example", port, { resolve });
  expect([socket.remoteAddress, asked]).toEqual(["127.0.0.1", 1]);
  await expect(reach("rebinding.example", port, { resolve })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
});

test("one private address among the answers refuses them all", async () => {
  const { port, connections } = await listen();
  for (const resolve of [async () => four("127.0.0.1", "10.0.0.1"), async () => four("10.0.0.1", "127.0.0.1")]) {
    await expect(reach("mixed.example", port, { resolve })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  }
  expect(connections()).toBe(0);
});

test("addresses written as such are checked without a resolver, IPv6 in brackets too", async () => {
  const { port, connections } = await listen();
  const resolve = () => Promise.reject(new Error("nobody asks"));
  for (const host of ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "169.254.169.254", "10.0.0.1", "[fd00::1]"]) {
    await expect(reach(host, port, { resolve, allowPrivate: [] })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  }
  expect(connections()).toBe(0);
  expect((await reach("127.0.0.1", port, { resolve })).remoteAddress).toBe("127.0.0.1");
});

test("a name without an address, and a closed port, fail as what they are", async () => {
  await expect(reach("none.example", 443, { resolve: async () => [] })).rejects.toMatchObject({ code: "ENOTFOUND" });
  const { port } = await listen();
  await cleanups.shift()?.();
  await expect(reach("closed.example", port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("what takes too long is given up, and no connection comes of it", async () => {
  const { port, connections } = await listen();
  const answer = Promise.withResolvers<ResolvedAddress[]>();
  const guard = createGuard({ allowPrivate: ["127.0.0.0/8"], resolve: () => answer.promise });
  const giving = new AbortController();
  const waiting = guardedConnect(guard, { host: "slow.example", port }, giving.signal);
  giving.abort(new Error("too slow"));
  await expect(waiting).rejects.toThrow("too slow");
  answer.resolve(four("127.0.0.1"));
  await expect(guardedConnect(guard, { host: "slow.example", port }, giving.signal)).rejects.toThrow("too slow");
  await reach("other.example", port);
  await expect.poll(connections).toBe(1);
});

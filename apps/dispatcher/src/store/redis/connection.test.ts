import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setDefaultCACertificates, getCACertificates } from "node:tls";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "../../../../../test/peers/redis/redis-server.ts";
import { startTcpProxy } from "../../../../../test/peers/tcp-proxy.ts";
import { CERTIFICATE, KEY } from "../../guard/certificate.fixture.ts";
import { RedisConnection, redisScript } from "./connection.ts";
import { RedisOffline, RedisTimeout } from "./failures.ts";
import { handClock, redisWorld, type RedisWorld } from "./redis.fixture.ts";

const COUNT = redisScript("return redis.call('INCR', KEYS[1])");

let world: RedisWorld;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());

const connections: RedisConnection[] = [];
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
function connect(
  url: string,
  more: { commandMs?: number; connectMs?: number; mono?: () => number; random?: () => number } = {},
) {
  const connection = new RedisConnection({ url, ...more });
  connections.push(connection);
  return connection;
}

describe("a connection", () => {
  it("gives Redis a script that it does not know, and runs it once", async () => {
    const connection = connect(world.server.url);
    expect(await connection.script(COUNT, ["n"], [])).toBe(1);
    await connection.command(["SCRIPT", "FLUSH"]);
    expect(await connection.script(COUNT, ["n"], [])).toBe(2);
    expect(await connection.script(COUNT, ["n"], [])).toBe(3);
  });

  it("gives up a command that is not answered, and lets nothing wait behind it: the next has a connection of its own", async () => {
    const proxy = await startTcpProxy({ to: world.server.port });
    try {
      const connection = connect(`redis://127.0.0.1:${proxy.port}`, { commandMs: 150 });
      await connection.command(["SET", "a", "1"]);
      proxy.hold("answers");
      await expect(connection.command(["SET", "a", "2"])).rejects.toThrow(RedisTimeout);
      await proxy.heal();
      expect(await connection.command(["GET", "a"])).toBe("2");
      expect(proxy.counts.connections).toBe(2);
    } finally {
      await proxy.dispose();
    }
  });

  it("gives up a Redis that takes connections and says nothing", async () => {
    const server = await startRedis();
    try {
      const connection = connect(server.url, { connectMs: 150 });
      server.stopNow();
      await expect(connection.command(["GET", "a"])).rejects.toThrow(/no answer within 150 ms/);
      server.goOn();
    } finally {
      await server.dispose();
    }
  });

  it("refuses at once while Redis is away, knocks no more often than its pause says, and comes back by itself", async () => {
    const server = await startRedis();
    try {
      const clock = handClock();
      const connection = connect(server.url, { mono: clock.mono, random: () => 0.5 });
      const script = () => connection.script(COUNT, ["n"], []);
      expect(await script()).toBe(1);
      await server.crash();
      // The first may still find the old connection, and hears of its end.
      await expect(script()).rejects.toThrow();
      await expect(script()).rejects.toThrow(RedisOffline);
      await server.start();
      await expect(script()).rejects.toThrow(/cannot be reached/);
      clock.pass(25);
      // Redis was started anew: it knows no script.
      expect(await script()).toBe(2);
    } finally {
      await server.dispose();
    }
  });

  it("keeps answers of bytes as bytes", async () => {
    const connection = connect(world.server.url);
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    await connection.command(["SET", "bytes", bytes]);
    expect(await connection.command(["GET", "bytes"], "bytes")).toEqual(bytes);
  });

  it("says what a refusal means, and never the password", async () => {
    const address = (user: string): string => `redis://${user}@127.0.0.1:${world.server.port}`;
    await world.connect().command(["ACL", "SETUSER", "known", "on", ">right", "~mine:*", "+@all"]);
    await expect(connect(address("known:wr0ng")).command(["PING"])).rejects.toThrow(/does not know the user/);
    await expect(connect(address("known:wr0ng")).command(["PING"])).rejects.not.toThrow(/wr0ng/);
    await expect(connect(address("known:right")).command(["GET", "others"])).rejects.toThrow(
      /may not do what Hive needs/,
    );
    await expect(connect("redis://127.0.0.1:1").command(["PING"])).rejects.toThrow(/127\.0\.0\.1:1 cannot be reached/);
  });

  it("speaks TLS, and only with a server whose certificate it can check", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hive-tls-"));
    const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    writeFileSync(certificate, CERTIFICATE);
    writeFileSync(key, KEY);
    const server = await startRedis({ tls: { certificate, key } });
    const before = getCACertificates();
    try {
      await expect(connect(server.url).command(["PING"])).rejects.toThrow(/self-signed certificate/);
      setDefaultCACertificates([...before, CERTIFICATE]);
      expect(await connect(server.url).command(["PING"])).toBe("PONG");
    } finally {
      setDefaultCACertificates(before);
      await server.dispose();
      rmSync(folder, { recursive: true });
    }
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type RedisServer } from "../../../../../test/peers/redis/redis-server.ts";
import { RedisConnection } from "./connection.ts";
import { readDurability, StoreNotDurable } from "./durability.ts";
import { type OpenedRedis, openRedis, type OpenRedisOptions } from "./open-redis.ts";
import { handClock, leadershipOf, redisWorld, type RedisWorld } from "./redis.fixture.ts";

const COLLECTIONS = [{ name: "things", indexes: [] }];

let world: RedisWorld;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());

const opened: OpenedRedis[] = [];
const warned: string[] = [];
afterEach(() => {
  for (const redis of opened.splice(0)) redis.close();
  warned.length = 0;
});
/** Opens a Redis and a store in it, as a dispatcher's start does. */
async function open(more: Partial<OpenRedisOptions> = {}): Promise<OpenedRedis> {
  const { mono } = handClock();
  const redis = openRedis({
    url: world.server.url,
    prefix: world.place().prefix,
    durability: "strict",
    mono,
    onWarning: (message) => warned.push(message),
    ...more,
  });
  opened.push(redis);
  const store = redis.openStore(leadershipOf("http://one.example", mono));
  await store.open(COLLECTIONS);
  await store.close();
  return redis;
}

const SAFE = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
};
beforeEach(async () => {
  for (const [name, value] of Object.entries(SAFE)) await world.connect().command(["CONFIG", "SET", name, value]);
});

describe("a strict dispatcher", () => {
  it("opens a Redis that keeps what it acknowledges, and has nothing to warn of", async () => {
    const redis = await open();
    expect(redis.warnings()).toEqual([]);
  });

  it.each([
    ["appendonly", "no"],
    ["appendfsync", "everysec"],
    ["appendfsync", "no"],
    ["no-appendfsync-on-rewrite", "yes"],
    ["maxmemory-policy", "allkeys-lru"],
  ])("refuses %s %s, and names the command that puts it right", async (name, value) => {
    await world.connect().command(["CONFIG", "SET", name, value]);
    const refused = await open().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreNotDurable);
    const { message } = refused as StoreNotDurable;
    const wanted = Object.entries(SAFE).find(([each]) => each === name)?.[1];
    expect(message).toContain(`has ${name} ${value}`);
    expect(message).toContain(`CONFIG SET ${name} ${wanted}\n`);
    expect(message).toContain("HIVE_DURABILITY=relaxed");
  });

  it("refuses before it is elected: a queen with better luck elsewhere keeps her place", async () => {
    await world.connect().command(["CONFIG", "SET", "appendfsync", "everysec"]);
    const place = world.place();
    await expect(open({ prefix: place.prefix })).rejects.toThrow(StoreNotDurable);
    expect(await place.command("EXISTS", place.keys.meta)).toBe(0);
  });

  it("looks again before each election: Redis may have been started with other settings", async () => {
    const { mono } = handClock();
    const redis = await open();
    await world.connect().command(["CONFIG", "SET", "appendfsync", "everysec"]);
    const store = redis.openStore(leadershipOf("http://one.example", mono));
    await expect(store.open(COLLECTIONS)).rejects.toThrow(StoreNotDurable);
  });

  it("refuses a Redis whose settings it may not read, and says the way out", async () => {
    await world.connect().command(["ACL", "SETUSER", "guest", "on", ">guest", "~*", "+@all", "-config"]);
    const url = `redis://guest:guest@127.0.0.1:${world.server.port}`;
    await expect(open({ url })).rejects.toThrow(/\+config\|get/);
    await expect(open({ url })).rejects.toThrow(/HIVE_DURABILITY=relaxed/);
    const redis = await open({ url, durability: "relaxed" });
    expect(redis.warnings()).toEqual([expect.stringContaining("its settings cannot be read")]);
  });

  it("needs no more rights than the user in docs/configuration.md has", async () => {
    const rights = [
      "resetkeys",
      "~{mine}:*",
      "resetchannels",
      "&{mine}:*",
      "+@all",
      "-@dangerous",
      "-@admin",
      "+config|get",
      "+info",
    ];
    await world.connect().command(["ACL", "SETUSER", "mine", "on", ">mine", ...rights]);
    const url = `redis://mine:mine@127.0.0.1:${world.server.port}`;
    expect((await open({ url, prefix: "mine" })).warnings()).toEqual([]);
    await expect(open({ url, prefix: "other" })).rejects.toThrow(/may not do what Hive needs/);
  });
});

describe("a relaxed dispatcher", () => {
  it("starts, and says each thing that may be lost, in the log once", async () => {
    await world.connect().command(["CONFIG", "SET", "appendfsync", "everysec"]);
    const { mono } = handClock();
    const redis = await open({ durability: "relaxed" });
    const again = redis.openStore(leadershipOf("http://one.example", mono));
    await again.open(COLLECTIONS);
    await again.close();
    expect(redis.warnings()).toEqual([expect.stringMatching(/appendfsync everysec: .*loses its power/)]);
    expect(warned).toEqual(redis.warnings());
  });

  it("takes a service that has no CONFIG at all", async () => {
    let server: RedisServer | null = null;
    try {
      server = await startRedis({ extra: ["--rename-command", "CONFIG", ""] });
      const connection = new RedisConnection({ url: server.url });
      expect((await readDurability(connection)).warnings).toHaveLength(1);
      connection.close();
      expect((await open({ url: server.url, durability: "relaxed" })).warnings()).toHaveLength(1);
    } finally {
      await server?.dispose();
    }
  });
});

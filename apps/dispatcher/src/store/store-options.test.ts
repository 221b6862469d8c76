import { describe, expect, it } from "vitest";
import { isRedisUrl, storeOptions } from "./store-options.ts";

const { store, redisPrefix, durability } = storeOptions;

describe("where jobs are kept", () => {
  it.each([
    "redis://localhost",
    "redis://localhost:6379",
    "redis://user:p%40ss@redis.example:6380/3",
    "redis://:password@10.0.0.7/0",
    "rediss://[::1]:6379/",
  ])("may be %s", (address) => {
    expect(store.schema.parse(address)).toBe(address);
    expect(isRedisUrl(address)).toBe(true);
  });

  it.each(["sqlite", "memory"])("may be %s, which is no address", (name) => {
    expect(store.schema.parse(name)).toBe(name);
    expect(isRedisUrl(name)).toBe(false);
  });

  it.each([
    "redis",
    "redis://",
    "redis://host/name",
    "redis://host:port",
    "http://localhost:6379",
    "unix:///tmp/r",
    "",
  ])("may not be %j", (text) => {
    expect(store.schema.safeParse(text).error?.issues[0]?.message).toContain("redis://localhost:6379/0");
  });

  it("is a file, and the prefix of keys is letters, digits and few signs", () => {
    expect(store.schema.parse(undefined)).toBe("sqlite");
    expect(redisPrefix.schema.parse(undefined)).toBe("hive");
    expect(durability.schema.parse(undefined)).toBe("strict");
    for (const prefix of ["{hive}", "a*", "a b", "", "x".repeat(41)]) {
      expect(redisPrefix.schema.safeParse(prefix).success).toBe(false);
    }
  });
});

import { afterAll, beforeAll } from "vitest";
import { storeSuite } from "../contract.suite.ts";
import { redisWorld, type RedisWorld } from "./redis.fixture.ts";

// One server for all tests of the file; each has a prefix, and so keys, of its own.
let world: RedisWorld;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());

storeSuite("redis", async () => {
  const { store, keys, command } = world.place();
  return {
    store,
    openers: "takeover",
    async corrupt(collection, id, find, replace) {
      const text = String(await command("HGET", keys.documents(collection), id));
      await command("HSET", keys.documents(collection), id, text.replace(find, replace));
    },
    dispose: async () => {},
  };
});

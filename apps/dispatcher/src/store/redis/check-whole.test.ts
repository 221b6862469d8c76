import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { StoreCorrupt } from "../contract.ts";
import { type Place, redisWorld, type RedisWorld } from "./redis.fixture.ts";

const COLLECTIONS = [
  { name: "things", indexes: [{ name: "state", equals: ["state"], range: "n" }] },
  { name: "plain", indexes: [] },
];

let world: RedisWorld;
let place: Place;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());

beforeEach(async () => {
  place = world.place();
  const store = place.store();
  const election = await store.open(COLLECTIONS);
  const changes = Array.from({ length: 700 }, (_, n) => ({
    collection: n % 3 === 0 ? "plain" : "things",
    id: `id${n}`,
    doc: n % 5 === 0 ? { text: "in no index" } : { n, state: n % 2 === 0 ? "red" : "blue" },
  }));
  await store.commit({ election, sequence: 1, changes });
  await store.close();
});

/** As after a start of Redis: what was looked at in its last life counts no more. */
const bornAgain = (): Promise<unknown> => place.command("HDEL", place.keys.meta, "checked");
const red = (): string => place.keys.index("things", "state", ['"red"']);

describe("a Redis that was started again", () => {
  it("is opened when everything is in its place, and not looked at a second time", async () => {
    await bornAgain();
    const store = place.store();
    await store.open(COLLECTIONS);
    await store.close();
    await place.command("ZREM", red(), "id2");
    const again = place.store();
    await again.open(COLLECTIONS);
    await again.close();
  });

  it("is not taken for silent while it looks for sets among the keys of others", async () => {
    const beats = async (): Promise<number> => {
      await bornAgain();
      const store = place.store();
      await store.open(COLLECTIONS);
      await store.close();
      return Number(await place.command("HGET", place.keys.meta, "beat"));
    };
    const alone = await beats();
    const others = Array.from({ length: 40_000 }, (_, n) => `other:${n}`);
    await place.command("MSET", ...others.flatMap((key) => [key, ""]));
    expect(await beats()).toBeGreaterThan(alone);
    await place.command("UNLINK", ...others);
  });

  const harms: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["an entry of an index is gone", () => place.command("ZREM", red(), "id2")],
    ["an entry of an index is somewhere else", () => place.command("ZADD", red(), "99999", "id2")],
    ["an index has an entry too many", () => place.command("ZADD", red(), "1", "id1")],
    ["a set has another name", () => place.command("RENAME", red(), place.keys.index("things", "state", ['"rex"']))],
    ["an id is gone", () => place.command("ZREM", place.keys.ids("plain"), "id0")],
    ["a document is gone", () => place.command("HDEL", place.keys.documents("plain"), "id0")],
    ["a document is another", () => place.command("HSET", place.keys.documents("plain"), "id0", "1\n\n{}")],
  ];
  it.each(harms)("is refused when %s", async (_what, harm) => {
    await harm();
    await bornAgain();
    await expect(place.store().open(COLLECTIONS)).rejects.toThrow(StoreCorrupt);
    // The refused election was given back: whoever repaired the store need not wait.
    await expect(place.store().open(COLLECTIONS)).rejects.toThrow(StoreCorrupt);
  });
});

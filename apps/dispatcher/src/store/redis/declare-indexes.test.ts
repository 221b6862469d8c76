import type { CollectionDeclaration } from "@hive/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Place, redisWorld, type RedisWorld } from "./redis.fixture.ts";
import type { RedisStore } from "./redis-store.ts";

const BEFORE = [{ name: "things", indexes: [{ name: "all", equals: [], range: "n" }] }];
const AFTER = [{ name: "things", indexes: [{ name: "state", equals: ["state", "flag"], range: "m" }] }];
const COUNT = 1200;

let world: RedisWorld;
let place: Place;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());
beforeEach(async () => {
  place = world.place();
  const store = place.store();
  const election = await store.open(BEFORE);
  const changes = Array.from({ length: COUNT }, (_, n) => ({
    collection: "things",
    id: `id${n}`,
    doc: { n, m: COUNT - n, state: n % 2 === 0 ? "even" : "odd", ...(n % 3 === 0 ? {} : { flag: true }) },
  }));
  await store.commit({ election, sequence: 1, changes });
  await store.close();
});

async function reopen(declarations: readonly CollectionDeclaration[]): Promise<RedisStore> {
  const store = place.store();
  await store.open(declarations);
  return store;
}
async function count(store: RedisStore, state: string): Promise<number> {
  let found = 0;
  const query = { collection: "things", index: "state", equals: { state, flag: true } };
  for await (const page of store.load(query)) found += page.length;
  return found;
}
/** The sets, without their leaves. */
const names = async (): Promise<string[]> => {
  const found = await place.command("KEYS", `${place.keys.start}ix:*`);
  const sets = (Array.isArray(found) ? found : []).map((key: unknown) => String(key).replace(/\n\d*$/, ""));
  return [...new Set(sets)].map((set) => set.slice(place.keys.start.length)).sort();
};

describe("indexes that are declared otherwise", () => {
  it("are built from the documents, and the old ones go", async () => {
    const store = await reopen(AFTER);
    expect([await count(store, "even"), await count(store, "odd")]).toEqual([400, 400]);
    expect(await names()).toEqual(['ix:things.state:"even"\ntrue', 'ix:things.state:"odd"\ntrue']);
    await store.close();
  });

  it("follow the documents from then on", async () => {
    const store = place.store();
    const election = await store.open(AFTER);
    const changes = [
      { collection: "things", id: "id1", doc: { m: 1, state: "even", flag: true } },
      { collection: "things", id: "id2", doc: null },
      { collection: "things", id: "id4", doc: { state: "even", flag: true } },
    ];
    await store.commit({ election, sequence: 1, changes });
    expect([await count(store, "even"), await count(store, "odd")]).toEqual([399, 399]);
    await store.close();
  });

  it("are built again from the start when the dispatcher before died in the middle of it", async () => {
    const store = await reopen(AFTER);
    await store.close();
    // As it left things: some documents and sets are new, some are gone, and the old declaration stands.
    await place.command("HSET", place.keys.declared, "things", JSON.stringify(BEFORE[0]?.indexes));
    await place.command("DEL", place.keys.index("things", "state", ['"odd"', "true"]));
    await place.command("ZADD", place.keys.index("things", "all", []), "7", "id7");
    const next = await reopen(AFTER);
    expect([await count(next, "even"), await count(next, "odd")]).toEqual([400, 400]);
    expect(await names()).toHaveLength(2);
    await next.close();
  });

  it("are built by nobody who is not the queen any more", async () => {
    await place.command("HSET", place.keys.declared, "things", "[]");
    const store = place.store({
      // Another is elected between this one's election and its building.
      beforeElection: async () => void (await place.command("HSET", place.keys.meta, "beat", "9")),
    });
    await expect(store.open(AFTER)).rejects.toThrow(/another dispatcher/);
    expect(await names()).toEqual(["ix:things.all:"]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "@hive/core";
import type { Election, Query } from "../contract.ts";
import { compareIds } from "../declared.ts";
import { type Place, redisWorld, type RedisWorld } from "./redis.fixture.ts";
import type { RedisStore } from "./redis-store.ts";

const COLLECTIONS = [{ name: "things", indexes: [{ name: "all", equals: [], range: "n" }] }];

let world: RedisWorld;
let place: Place;
let store: RedisStore;
let election: Election;
let sequence = 0;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());
beforeEach(async () => {
  place = world.place();
  await open();
});

async function open(): Promise<void> {
  store = place.store();
  election = await store.open(COLLECTIONS);
  sequence = 0;
}
async function commit(changes: readonly Change[]): Promise<void> {
  sequence += 1;
  await store.commit({ election, sequence, changes });
}
const put = (id: string, n: number): Change => ({ collection: "things", id, doc: { n } });
const remove = (id: string): Change => ({ collection: "things", id, doc: null });
const name = (n: number): string => `a-usual-prefix-${String(n).padStart(5, "0")}`;

/** All ids of a query, page by page. */
async function ids(query: Omit<Query, "collection" | "after">): Promise<string[]> {
  const found: string[] = [];
  for (let after: Query["after"]; ; ) {
    const page = await store.list({ collection: "things", ...query, ...(after === undefined ? {} : { after }) });
    found.push(...page.items.map(({ id }) => id));
    if (page.next === null) return found;
    after = page.next;
  }
}
async function keysOf(set: string): Promise<string[]> {
  const found = await place.command("KEYS", `${set}*`);
  return (Array.isArray(found) ? found : []).map(String);
}
/** Has every document held against every leaf and directory, as after a start of Redis. */
async function look(): Promise<void> {
  await store.close();
  await place.command("HDEL", place.keys.meta, "checked");
  await open();
}

/** The same numbers each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

describe("a set of many members", () => {
  it("lies in pieces that Redis keeps small, filled to the end where members come in order", async () => {
    await commit(Array.from({ length: 1000 }, (_, n) => put(name(n), n)));
    for (const set of [place.keys.ids("things"), place.keys.index("things", "all", [])]) {
      const leaves = (await keysOf(set)).filter((key) => !key.endsWith("\n"));
      expect(leaves).toHaveLength(Math.ceil(1000 / 64));
      for (const leaf of leaves) {
        expect(await place.command("OBJECT", "ENCODING", leaf)).toBe("listpack");
        expect(Number(await place.command("ZCARD", leaf))).toBeLessThanOrEqual(64);
      }
    }
  });

  it("is one plain set again when few are left, and nothing when none is", async () => {
    const all = place.keys.index("things", "all", []);
    await commit(Array.from({ length: 300 }, (_, n) => put(name(n), n)));
    // The first leaf goes, one in the middle, and the last.
    await commit(Array.from({ length: 64 }, (_, n) => remove(name(n))));
    expect(await ids({ index: "all", equals: {}, limit: 1 })).toHaveLength(236);
    await commit(Array.from({ length: 64 }, (_, n) => remove(name(128 + n))));
    await look();
    await commit(Array.from({ length: 108 }, (_, n) => remove(name(192 + n))));
    expect(await keysOf(all)).toEqual([all]);
    expect(await ids({})).toEqual(Array.from({ length: 64 }, (_, n) => name(64 + n)));
    await commit([put(name(1), 5), put(name(400), 400), ...Array.from({ length: 64 }, (_, n) => remove(name(64 + n)))]);
    expect(await ids({ index: "all", equals: {} })).toEqual([name(1), name(400)]);
    await commit([remove(name(1)), remove(name(400))]);
    expect(await keysOf(all)).toEqual([]);
    expect(await keysOf(place.keys.ids("things"))).toEqual([]);
  });

  it("stays in order while members come, move and go anywhere, also when most are alike", {
    timeout: 60_000,
  }, async () => {
    for (const [seed, scores] of [
      [1, 3],
      [2, 1000],
    ] as const) {
      const roll = dice(seed);
      const docs = new Map<string, number>();
      for (let round = 0; round < 24; round += 1) {
        // It grows, and then shrinks to nothing much.
        const growing = round < 12;
        const changes: Change[] = [];
        for (let i = 0; i < 90; i += 1) {
          const id = name(roll(900));
          if (roll(10) < (growing ? 8 : 2)) {
            // An "é" is more than one byte, and comes after all others.
            const own = roll(5) === 0 ? `é${id}` : id;
            docs.set(own, roll(scores) - 1);
            changes.push(put(own, docs.get(own) ?? 0));
          } else {
            const known = [...docs.keys()][roll(docs.size)] ?? id;
            docs.delete(known);
            changes.push(remove(known));
          }
        }
        await commit(changes);
        const byId = [...docs.keys()].sort(compareIds);
        const byRange = [...docs].sort(([a, n], [b, m]) => n - m || compareIds(a, b));
        const limit = roll(70) + 1;
        const [from, below] = [roll(scores) - 1, roll(scores)];
        const inside = byRange.filter(([, n]) => n >= from && n < below).map(([id]) => id);
        const [idFrom, idBelow] = [name(roll(900)), name(roll(900))];
        const idsInside = byId.filter((id) => compareIds(id, idFrom) >= 0 && compareIds(id, idBelow) < 0);
        expect(await ids({ limit })).toEqual(byId);
        expect(await ids({ limit, order: "descending" })).toEqual(byId.toReversed());
        expect(await ids({ limit, from: idFrom, below: idBelow })).toEqual(idsInside);
        expect(await ids({ limit, from: idFrom, below: idBelow, order: "descending" })).toEqual(idsInside.toReversed());
        const all = { index: "all", equals: {}, limit };
        expect(await ids(all)).toEqual(byRange.map(([id]) => id));
        expect(await ids({ ...all, order: "descending" })).toEqual(byRange.map(([id]) => id).toReversed());
        expect(await ids({ ...all, from, below })).toEqual(inside);
        expect(await ids({ ...all, from, below, order: "descending" })).toEqual(inside.toReversed());
        if (round % 8 === 7) await look();
      }
      place = world.place();
      await store.close();
      await open();
    }
  });
});

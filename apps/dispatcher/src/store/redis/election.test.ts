import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTcpProxy } from "../../../../../test/peers/tcp-proxy.ts";
import { TERM_MS } from "../../leader/watch.ts";
import { type Election, StoreFenced, StoreHeld, StoreSecretsDiffer, StoreTooNew, StoreTooOld } from "../contract.ts";
import type { RedisStore } from "./redis-store.ts";
import { type Place, redisWorld, type RedisWorld } from "./redis.fixture.ts";

const COLLECTIONS = [{ name: "things", indexes: [] }];

let world: RedisWorld;
let place: Place;
beforeAll(async () => {
  world = await redisWorld();
});
afterAll(() => world.dispose());
beforeEach(() => {
  place = world.place();
});

/** A queen with one commit behind her. */
async function queen(): Promise<{ store: RedisStore; election: Election; write: (sequence: number) => Promise<void> }> {
  const store = place.store();
  const election = await store.open(COLLECTIONS);
  const write = (sequence: number): Promise<void> =>
    store.commit({ election, sequence, changes: [{ collection: "things", id: `${sequence}`, doc: { sequence } }] });
  await write(1);
  return { store, election, write };
}

/** What another dispatcher is told. */
async function refusal(store: RedisStore): Promise<unknown> {
  return store.open(COLLECTIONS).then(
    () => "elected",
    (error: unknown) => error,
  );
}

describe("a second dispatcher", () => {
  it("is told who the queen is, and follows once nothing moved for a whole term of its own clock", async () => {
    const first = await queen();
    const handle = place.stranger();
    expect(await refusal(handle())).toMatchObject({ name: "StoreHeld", queen: { url: "http://one.example" } });
    place.clock.pass(TERM_MS - 1);
    expect(await refusal(handle())).toBeInstanceOf(StoreHeld);
    place.clock.pass(1);
    const second = handle();
    const election = await second.open(COLLECTIONS);
    expect(election.epoch).toBe(first.election.epoch + 1);

    await expect(first.write(2)).rejects.toThrow(StoreFenced);
    await expect(first.store.confirm()).rejects.toThrow(StoreFenced);
    expect(await second.get([{ collection: "things", id: "2" }])).toEqual([null]);
    await second.close();
  });

  it.each(["a commit", "a renewal"])("waits a whole term again after %s", async (what) => {
    const { store, write } = await queen();
    const handle = place.stranger();
    await refusal(handle());
    place.clock.pass(TERM_MS - 1);
    if (what === "a commit") await write(2);
    else await store.confirm();
    expect(await refusal(handle())).toBeInstanceOf(StoreHeld);
    place.clock.pass(TERM_MS - 1);
    expect(await refusal(handle())).toBeInstanceOf(StoreHeld);
    place.clock.pass(1);
    expect(await refusal(handle())).toBe("elected");
  });

  it("follows at once when the queen stopped cleanly", async () => {
    const { store } = await queen();
    const handle = place.stranger();
    expect(await refusal(handle())).toBeInstanceOf(StoreHeld);
    await store.close();
    expect(await refusal(handle())).toBe("elected");
  });

  it("does not get the place that a third was quicker to take", async () => {
    await queen();
    const [second, third] = [place.stranger("http://two.example"), place.stranger("http://three.example")];
    await Promise.all([refusal(second()), refusal(third())]);
    place.clock.pass(TERM_MS);
    const both = await Promise.all([refusal(second()), refusal(third())]);
    expect(both.filter((each) => each === "elected")).toHaveLength(1);
    expect(both.filter((each) => each instanceof StoreHeld)).toHaveLength(1);
  });

  it("with other secrets is refused, until all stopped cleanly", async () => {
    const { store } = await queen();
    const handle = place.stranger("http://two.example", "others");
    await expect(handle().open(COLLECTIONS)).rejects.toThrow(StoreSecretsDiffer);
    place.clock.pass(2 * TERM_MS);
    await expect(handle().open(COLLECTIONS)).rejects.toThrow(/HIVE_SIGNING_KEY/);
    await store.close();
    expect(await refusal(handle())).toBe("elected");
  });
});

describe("a queen", () => {
  it("is sure of it for half a term since she sent what was accepted, and asks at most every quarter", async () => {
    const { store, write } = await queen();
    const beats = async (): Promise<number> => Number(await place.command("HGET", place.keys.meta, "beat"));
    const before = await beats();
    expect(store.confirmed).toBe(true);
    place.clock.pass(TERM_MS / 4 - 1);
    await store.confirm();
    expect(await beats()).toBe(before);
    place.clock.pass(1);
    await Promise.all([store.confirm(), store.confirm()]);
    expect(await beats()).toBe(before + 1);
    place.clock.pass(TERM_MS / 2);
    expect(store.confirmed).toBe(false);
    await write(2);
    expect(store.confirmed).toBe(true);
  });

  it("counts a renewal from when it was sent, not from when it was answered", async () => {
    const { store } = await queen();
    place.clock.pass(TERM_MS);
    const renewal = store.confirm();
    place.clock.pass(TERM_MS / 2);
    await renewal;
    expect(store.confirmed).toBe(false);
  });

  it("is told by her renewal when Redis lost what it had acknowledged", async () => {
    const { store, write } = await queen();
    await write(2);
    place.clock.pass(TERM_MS / 4);
    await store.confirm();
    // As a Redis comes back that keeps its log by the second.
    await place.command("HSET", place.keys.meta, "sequence", "1");
    place.clock.pass(TERM_MS / 4);
    await expect(store.confirm()).rejects.toThrow(StoreFenced);
  });

  it("is not sure once a commit's outcome is unknown, and does not give back what she may have lost", async () => {
    const proxy = await startTcpProxy({ to: world.server.port });
    try {
      place = world.place(`redis://127.0.0.1:${proxy.port}`);
      const { store, write } = await queen();
      proxy.cutAnswers();
      await expect(write(2)).rejects.toThrow();
      expect(store.confirmed).toBe(false);
      await proxy.heal();
      await expect(store.confirm()).rejects.toThrow(StoreFenced);
      await store.close();
      expect(await place.command("HMGET", place.keys.meta, "sequence", "released")).toEqual(["2", "0"]);
    } finally {
      await proxy.dispose();
    }
  });

  it("whose election was not answered knows it as her own and does not wait for herself", async () => {
    const proxy = await startTcpProxy({ to: world.server.port });
    try {
      place = world.place(`redis://127.0.0.1:${proxy.port}`);
      // Connected before: the answer to be lost is the election's, not the greeting's. And elected before: from then on
      // an address alone says nothing, for another may have been given the same by mistake.
      const first = place.store();
      await first.open(COLLECTIONS);
      await first.close();
      await expect(place.store({ beforeElection: async () => proxy.cutAnswers() }).open(COLLECTIONS)).rejects.toThrow();
      await proxy.heal();
      expect(Number(await place.command("HGET", place.keys.meta, "epoch"))).toBe(2);
      const again = place.store();
      expect((await again.open(COLLECTIONS)).epoch).toBe(3);
      await again.close();
    } finally {
      await proxy.dispose();
    }
  });

  it.each([
    ["a newer Hive", "3", StoreTooNew, /start the newer Hive/],
    ["a Hive with another format before", "1", StoreTooOld, /hive backup.*hive restore/],
  ] as const)("does not lead a store that %s wrote, and says what to do", async (_who, format, kind, message) => {
    const { store } = await queen();
    await store.close();
    await place.command("HSET", place.keys.meta, "format", format);
    const opening = place.store().open(COLLECTIONS);
    await expect(opening).rejects.toThrow(kind);
    await expect(opening).rejects.toThrow(message);
    expect(await place.command("HMGET", place.keys.meta, "epoch", "released")).toEqual(["1", "1"]);
  });
});

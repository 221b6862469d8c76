/**
 * What every store must do, as tests: the five promises of `contract.ts`, queries, cursors, and thousands of random
 * operations compared with a few lines of plain JavaScript. Each adapter's own test file calls `storeSuite`.
 */

import type { Change, CollectionDeclaration } from "@hive/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Commit,
  type Election,
  type Query,
  type Store,
  StoreCorrupt,
  StoreExpectation,
  StoreFenced,
  StoreInUse,
} from "./contract.ts";
import { modelSuite } from "./model.suite.ts";
import { put, querySuite } from "./query.suite.ts";

/** One store's data, made fresh for each test. */
export interface StoreHarness {
  /** A store over this data, not opened yet. Called again: another one over the same data, as another process has. */
  store(): Store;
  /** What a second opener meets: `exclusive` stores refuse it, with `takeover` it fences the first. */
  readonly openers: "exclusive" | "takeover";
  /** Damages a stored document behind the store's back: changes `find` in its text to `replace`, of the same length. */
  corrupt(collection: string, id: string, find: string, replace: string): Promise<void>;
  dispose(): Promise<void>;
}

export const SUITE_COLLECTIONS: readonly CollectionDeclaration[] = [
  {
    name: "things",
    indexes: [
      { name: "all", equals: [], range: "n" },
      { name: "state", equals: ["state"], range: "n" },
      { name: "both", equals: ["state", "flag"], range: "m" },
    ],
  },
  { name: "plain", indexes: [] },
];

/** Runs the suite for one adapter. */
export function storeSuite(name: string, make: () => Promise<StoreHarness>): void {
  describe(`${name} store`, () => {
    let harness: StoreHarness;
    let store: Store;
    let election: Election;
    let sequence: number;
    const opened: Store[] = [];

    async function open(next: Store): Promise<Election> {
      opened.push(next);
      store = next;
      sequence = 0;
      election = await next.open(SUITE_COLLECTIONS);
      return election;
    }
    async function write(changes: readonly Change[], more: Partial<Commit> = {}): Promise<void> {
      await store.commit({ election, sequence: sequence + 1, changes, ...more });
      sequence += 1;
    }
    const read = async (id: string, collection = "things") => (await store.get([{ collection, id }]))[0];
    async function ids(query: Query): Promise<string[]> {
      return (await store.list(query)).items.map((item) => item.id);
    }

    beforeEach(async () => {
      harness = await make();
      await open(harness.store());
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
      await harness.dispose();
    });

    it("begins an election at the epoch that was asked for, but never at one that was there before", async () => {
      await store.close();
      const high = await open(harness.store()).then(async (first) => {
        await store.close();
        const next = harness.store();
        opened.push(next);
        const raised = await next.open(SUITE_COLLECTIONS, first.epoch + 1_000_000);
        expect(raised.epoch).toBe(first.epoch + 1_000_000);
        await next.close();
        return raised;
      });
      const last = harness.store();
      opened.push(last);
      expect((await last.open(SUITE_COLLECTIONS, 5)).epoch).toBe(high.epoch + 1);
    });

    it("gives back exactly the documents it was given, in the order asked, and null for what is not there", async () => {
      await write([put("a", { n: 1, text: "x" }), put("b", { deep: { list: [1, "2", null, true, { z: [] }] } })]);
      const keys = ["b", "none", "a", "b"].map((id) => ({ collection: "things", id }));
      const [b1, none, a, b2] = await store.get(keys);
      expect([b1, none, a, b2]).toEqual([
        { deep: { list: [1, "2", null, true, { z: [] }] } },
        null,
        { n: 1, text: "x" },
        { deep: { list: [1, "2", null, true, { z: [] }] } },
      ]);
      expect(await store.get([])).toEqual([]);
    });

    it("keeps any text: unicode, control characters, NUL, half a surrogate pair, megabytes", async () => {
      const doc = {
        text: 'żółć 蜂 🐝 \u0000 \u001f \u2028 \uFEFF " \\ </script>',
        broken: "\ud83d alone \udc1d",
        long: "🐝x".repeat(700_000),
        "key 🐝\u0000": 1,
        numbers: [0.1, -1e300, 5e-324, Number.MAX_SAFE_INTEGER, 2 ** 70],
      };
      await write([put("uni", doc), put("id 🐝/é:%._-", { ok: true })]);
      expect(await read("uni")).toEqual(doc);
      expect(await read("id 🐝/é:%._-")).toEqual({ ok: true });
    });

    it("does not store members that are undefined", async () => {
      await write([put("a", { n: 1, state: undefined, deep: { x: undefined } })]);
      const found = await read("a");
      expect(Object.keys(found ?? {})).toEqual(["n", "deep"]);
      expect(Object.keys(Object(found?.["deep"]))).toEqual([]);
    });

    it("keeps what was committed, whatever the caller does to its objects afterwards", async () => {
      const doc = { n: 1, list: [1] };
      const committed = write([put("a", doc)]);
      doc.n = 2;
      doc.list.push(2);
      await committed;
      const first = await read("a");
      expect(first).toEqual({ n: 1, list: [1] });
      Object(first?.["list"]).push(3);
      expect(await read("a")).toEqual({ n: 1, list: [1] });
    });

    it("replaces a document whole and moves it in the indexes", async () => {
      await write([put("a", { n: 1, state: "red", extra: 1 }), put("b", { n: 2, state: "red" })]);
      await write([put("a", { n: 3, state: "blue" })]);
      expect(await read("a")).toEqual({ n: 3, state: "blue" });
      expect(await ids({ collection: "things", index: "state", equals: { state: "red" } })).toEqual(["b"]);
      expect(await ids({ collection: "things", index: "all", equals: {} })).toEqual(["b", "a"]);
    });

    it("removes a document from everywhere, and removing one that is not there is no error", async () => {
      await write([put("a", { n: 1, state: "red" })]);
      await write([
        { collection: "things", id: "a", doc: null },
        { collection: "things", id: "never", doc: null },
      ]);
      expect(await read("a")).toBeNull();
      expect(await ids({ collection: "things" })).toEqual([]);
      expect(await ids({ collection: "things", index: "state", equals: { state: "red" } })).toEqual([]);
    });

    it("applies the changes of a commit in order: the last one to a document wins", async () => {
      await write([put("a", { n: 1 }), { collection: "things", id: "a", doc: null }, put("a", { n: 2 })]);
      expect(await read("a")).toEqual({ n: 2 });
      expect(await ids({ collection: "things", index: "all", equals: {} })).toEqual(["a"]);
    });

    it("keeps collections apart, and an empty commit counts", async () => {
      await write([put("a", { n: 1 }), put("a", { n: 2 }, "plain")]);
      await write([]);
      await write([{ collection: "plain", id: "a", doc: null }]);
      expect([await read("a"), await read("a", "plain")]).toEqual([{ n: 1 }, null]);
    });

    it("refuses ids it could not give back, and finds nothing under them", async () => {
      for (const id of ["", "a\0b", "half \ud83d", "x".repeat(1025)]) {
        await expect(write([put("good", { n: 1 }), put(id, { n: 1 })])).rejects.toThrow(RangeError);
        expect(await read(id)).toBeNull();
      }
      expect(await read("good")).toBeNull();
    });

    it("takes a batch of 20,000 changes as one", async () => {
      await write(Array.from({ length: 20_000 }, (_, i) => put(`i${i}`, { n: i, text: "x".repeat(50) })));
      expect(await ids({ collection: "things", index: "all", equals: {}, from: 19_998 })).toEqual(["i19998", "i19999"]);
    });

    it("refuses a wrong sequence with StoreFenced and leaves no trace", async () => {
      await write([put("a", { n: 1 })]);
      for (const wrong of [1, 3, 0, -1]) {
        await expect(store.commit({ election, sequence: wrong, changes: [put("b", { n: 1 })] })).rejects.toThrow(
          StoreFenced,
        );
      }
      expect(await read("b")).toBeNull();
      await write([put("b", { n: 2 })]);
      expect(await read("b")).toEqual({ n: 2 });
    });

    it("refuses an election that is not the last one, in epoch or in id", async () => {
      const old = election;
      await store.close();
      await open(harness.store());
      expect(election.epoch).toBeGreaterThan(old.epoch);
      expect(election.electionId).not.toBe(old.electionId);
      const strangers = [
        old,
        { ...election, electionId: old.electionId },
        { ...election, epoch: old.epoch },
        { ...election, epoch: election.epoch + 1 },
      ];
      for (const stranger of strangers) {
        await expect(store.commit({ election: stranger, sequence: 1, changes: [put("a", { n: 1 })] })).rejects.toThrow(
          StoreFenced,
        );
      }
      expect(await read("a")).toBeNull();
      await write([put("a", { n: 1 })]);
    });

    it("lets two openers never both write", async () => {
      await write([put("a", { n: 1 })]);
      const [first, firstElection] = [store, election];
      const second = harness.store();
      if (harness.openers === "exclusive") {
        await expect(second.open(SUITE_COLLECTIONS)).rejects.toThrow(StoreInUse);
        await write([put("a", { n: 2 })]);
        expect(await read("a")).toEqual({ n: 2 });
        await first.close();
        await open(harness.store());
      } else {
        await open(second);
        const late = { election: firstElection, sequence: 2, changes: [put("a", { n: 99 })] };
        await expect(first.commit(late)).rejects.toThrow(StoreFenced);
        await write([put("a", { n: 2 })]);
      }
      expect(await read("a")).toEqual({ n: 2 });
    });

    it("refuses a commit whole when a document that had to be absent is there, and counts it for nothing", async () => {
      await write([put("a", { n: 1 })]);
      const expectAbsent = ["z", "a"].map((id) => ({ collection: "things", id }));
      await expect(write([put("b", { n: 1 }), put("z", { n: 1 })], { expectAbsent })).rejects.toThrow(StoreExpectation);
      expect([await read("b"), await read("z")]).toEqual([null, null]);
      await write([put("z", { n: 1 })], { expectAbsent: [{ collection: "things", id: "z" }] });
      await write([put("a", { n: 2 })], { expectAbsent: [{ collection: "plain", id: "a" }] });
      expect([await read("z"), await read("a")]).toEqual([{ n: 1 }, { n: 2 }]);
    });

    it("shows other readers a commit wholly or not at all", async () => {
      const size = 300;
      const keys = Array.from({ length: size }, (_, i) => ({ collection: "things", id: `i${i}` }));
      const batch = (round: number) => keys.map(({ id }, i) => put(id, { n: i, state: `r${round}`, round }));
      await write(batch(0));
      for (let round = 1; round <= 10; round += 1) {
        const committed = write(batch(round));
        const reads = Promise.all([store.get(keys), store.get(keys), store.get(keys)]);
        const lists = store.list({ collection: "things", index: "state", equals: { state: `r${round}` }, limit: 1000 });
        await committed;
        for (const found of await reads) {
          expect(new Set(found.map((doc) => doc?.["round"])).size).toBe(1);
        }
        expect([0, size]).toContain((await lists).items.length);
        expect((await store.get(keys)).every((doc) => doc?.["round"] === round)).toBe(true);
      }
    });

    it("keeps everything over a close and an open", async () => {
      await write([put("a", { n: 1, state: "red" }), put("b", { n: 2 }, "plain")]);
      await write([put("c", { n: 3, state: "red" }), { collection: "plain", id: "b", doc: null }]);
      await store.close();
      await store.close();
      await expect(store.get([{ collection: "things", id: "a" }])).rejects.toThrow(/not open/);
      await open(harness.store());
      expect(await ids({ collection: "things", index: "state", equals: { state: "red" } })).toEqual(["a", "c"]);
      expect(await read("b", "plain")).toBeNull();
    });

    it("waits for the running commit when it is closed", async () => {
      const committed = write([put("a", { n: 1 })]);
      await store.close();
      await committed;
      await open(harness.store());
      expect(await read("a")).toEqual({ n: 1 });
    });

    it("finds the same documents when indexes are declared anew", async () => {
      await write([put("a", { n: 2, colour: "red" }), put("b", { n: 1, colour: "red" })]);
      await store.close();
      store = harness.store();
      opened.push(store);
      election = await store.open([{ name: "things", indexes: [{ name: "colour", equals: ["colour"], range: "n" }] }]);
      expect(await ids({ collection: "things", index: "colour", equals: { colour: "red" } })).toEqual(["b", "a"]);
      await expect(store.list({ collection: "things", index: "state", equals: { state: "x" } })).rejects.toThrow(
        RangeError,
      );
    });

    it("says StoreCorrupt, naming the document, and never another value", async () => {
      await write([put("good", { n: 1, text: "fine" }), put("bad", { n: 2, text: "msg100" })]);
      await harness.corrupt("things", "bad", "msg100", "msg000");
      await expect(read("bad")).rejects.toThrow(StoreCorrupt);
      await expect(read("bad")).rejects.toThrow("things/bad");
      await expect(store.list({ collection: "things" })).rejects.toThrow(StoreCorrupt);
      await expect(
        store.load({ collection: "things", index: "all", equals: {} })[Symbol.asyncIterator]().next(),
      ).rejects.toThrow(StoreCorrupt);
      expect(await read("good")).toEqual({ n: 1, text: "fine" });
    });

    querySuite({ write, ids, store: () => store });
    modelSuite(make, SUITE_COLLECTIONS);
  });
}

/**
 * What every store must do, as tests: the five promises of `contract.ts`, queries, cursors, and thousands of random
 * operations compared with a few lines of plain JavaScript. Each adapter's own test file calls `storeSuite`.
 */

import type { Change, CollectionDeclaration, Document } from "@hive/core";
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

/** One store's data, made fresh for each test. */
export interface StoreHarness {
  /** A store over this data, not opened yet. Called again: another one over the same data, as another process has. */
  store(): Store;
  /** What a second opener meets: `exclusive` stores refuse it, with `takeover` it fences the first. */
  readonly openers: "exclusive" | "takeover";
  /** Damages a stored document behind the store's back: changes `find` in its text to `replace`, of the same length. */
  corrupt(collection: string, id: string, find: string, replace: string): Promise<void>;
  /** A store over what `Store.snapshot` wrote. */
  fromSnapshot(path: string): Store;
  /** A path in a folder of this test's own. */
  path(name: string): string;
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
    const put = (id: string, doc: Document, collection = "things"): Change => ({ collection, id, doc });
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

    it("keeps values of different types apart in a filter", async () => {
      await write([
        put("text", { n: 1, state: "1" }),
        put("number", { n: 2, state: 1 }),
        put("yes", { n: 3, state: true }),
      ]);
      const by = (state: string | number | boolean) => ids({ collection: "things", index: "state", equals: { state } });
      expect([await by("1"), await by(1), await by(true), await by("true"), await by(0)]).toEqual([
        ["text"],
        ["number"],
        ["yes"],
        [],
        [],
      ]);
    });

    it("leaves documents out of an index whose fields they lack", async () => {
      await write([
        put("no range", { state: "red" }),
        put("no state", { n: 1 }),
        put("odd range", { n: "7", state: "red" }),
        put("odd state", { n: 2, state: { deep: 1 } }),
        put("whole", { n: 3, state: "red", flag: true, m: -1.5 }),
      ]);
      expect(await ids({ collection: "things", index: "state", equals: { state: "red" } })).toEqual(["whole"]);
      expect(await ids({ collection: "things", index: "all", equals: {} })).toEqual(["no state", "odd state", "whole"]);
      expect(await ids({ collection: "things", index: "both", equals: { flag: true, state: "red" } })).toEqual([
        "whole",
      ]);
    });

    it("orders by id by its UTF-8 bytes when there is no index", async () => {
      const inOrder = ["A", "Z", "a", "a/1", "aa", "b", "ż", "\uE000", "\uFFFD", "🐝", "🐝a"];
      await write([...inOrder].reverse().map((id) => put(id, { n: 1 })));
      expect(await ids({ collection: "things" })).toEqual(inOrder);
      expect(await ids({ collection: "things", order: "descending" })).toEqual([...inOrder].reverse());
      expect(await ids({ collection: "things", from: "a/", below: "ż" })).toEqual(["a/1", "aa", "b"]);
    });

    it("pages through an index without a gap or a repeat, ties in order of id, both ways", async () => {
      await write(
        Array.from({ length: 25 }, (_, i) =>
          put(`id${String(i).padStart(2, "0")}`, { n: Math.floor(i / 4), state: "s" }),
        ),
      );
      for (const order of ["ascending", "descending"] as const) {
        const seen: string[] = [];
        const query: Query = { collection: "things", index: "state", equals: { state: "s" }, order, limit: 3 };
        for (let page = await store.list(query); ; page = await store.list({ ...query, after: page.next })) {
          seen.push(...page.items.map((item) => item.id));
          if (page.next === null) break;
        }
        const expected = Array.from({ length: 25 }, (_, i) => `id${String(i).padStart(2, "0")}`);
        expect(seen).toEqual(order === "ascending" ? expected : expected.reverse());
      }
    });

    it("says null as the next cursor exactly when nothing is left", async () => {
      await write([put("a", { n: 1 }), put("b", { n: 2 })]);
      expect((await store.list({ collection: "things", limit: 2 })).next).toBeNull();
      expect((await store.list({ collection: "things", limit: 1 })).next).toEqual({ range: "a", id: "a" });
      expect((await store.list({ collection: "things", index: "all", equals: {}, limit: 1 })).next).toEqual({
        range: 1,
        id: "a",
      });
      expect(await store.list({ collection: "plain" })).toEqual({ items: [], next: null });
    });

    it("bounds a range: from is included, below is not, in both directions", async () => {
      await write([1, 2, 2.5, 3, 4, -7].map((n) => put(`t${n}`, { n })));
      const query: Query = { collection: "things", index: "all", equals: {}, from: 2, below: 4 };
      expect(await ids(query)).toEqual(["t2", "t2.5", "t3"]);
      expect(await ids({ ...query, order: "descending" })).toEqual(["t3", "t2.5", "t2"]);
      expect(await ids({ ...query, after: { range: 2, id: "t2" } })).toEqual(["t2.5", "t3"]);
      expect(await ids({ ...query, order: "descending", after: { range: 3, id: "t3" } })).toEqual(["t2.5", "t2"]);
      expect(await ids({ ...query, from: 4, below: 2 })).toEqual([]);
    });

    it("refuses what no declared index answers, with RangeError", async () => {
      const bad: Query[] = [
        { collection: "nowhere" },
        { collection: "things", index: "nope" },
        { collection: "things", equals: { state: "red" } },
        { collection: "things", index: "state" },
        { collection: "things", index: "state", equals: { other: 1 } },
        { collection: "things", index: "state", equals: { state: "red", flag: true } },
        { collection: "things", index: "all", equals: {}, from: "text" },
        { collection: "things", below: 3 },
        { collection: "things", index: "all", equals: {}, after: { range: "x", id: "x" } },
        { collection: "things", limit: 0 },
        { collection: "things", limit: 1001 },
        { collection: "things", limit: 1.5 },
      ];
      for (const query of bad) await expect(store.list(query)).rejects.toThrow(RangeError);
      await expect(store.get([{ collection: "nowhere", id: "a" }])).rejects.toThrow(RangeError);
      await expect(write([put("a", {}, "nowhere")])).rejects.toThrow(RangeError);
    });

    it("refuses ids it could not give back, and finds nothing under them", async () => {
      for (const id of ["", "a\0b", "half \ud83d", "x".repeat(1025)]) {
        await expect(write([put("good", { n: 1 }), put(id, { n: 1 })])).rejects.toThrow(RangeError);
        expect(await read(id)).toBeNull();
      }
      expect(await read("good")).toBeNull();
    });

    it("loads everything of an index's value in order, in pages", async () => {
      const count = 4500;
      await write(
        Array.from({ length: count }, (_, i) =>
          put(`i${i}`, { n: (i * 7919) % count, state: i % 3 === 0 ? "out" : "in" }),
        ),
      );
      const seen: number[] = [];
      for await (const page of store.load({ collection: "things", index: "state", equals: { state: "in" } })) {
        expect(page.length).toBeGreaterThan(0);
        seen.push(...page.map(({ doc }) => Number(doc["n"])));
      }
      expect(seen).toHaveLength(3000);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      let all = 0;
      for await (const page of store.load({ collection: "things" })) all += page.length;
      expect(all).toBe(count);
      await expect(store.load({ collection: "nowhere" })[Symbol.asyncIterator]().next()).rejects.toThrow(RangeError);
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

    it("snapshots a running store: the copy opens by itself, and its fences are above those of the moment", async () => {
      await write([put("a", { n: 1, state: "red" }), put("b", { n: 2 }, "plain")]);
      const path = harness.path("copy");
      await store.snapshot(path);
      await expect(store.snapshot(path)).rejects.toThrow();
      const original = election;
      await write([put("a", { n: 9, state: "red" })]);
      await store.close();
      await open(harness.fromSnapshot(path));
      expect(election.epoch).toBeGreaterThan(original.epoch);
      expect(await ids({ collection: "things", index: "state", equals: { state: "red" } })).toEqual(["a"]);
      expect([await read("a"), await read("b", "plain")]).toEqual([{ n: 1, state: "red" }, { n: 2 }]);
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

    modelSuite(make, SUITE_COLLECTIONS);
  });
}

/** What lists and loads must answer: order, pages, bounds, filters. Part of `storeSuite`. */

import type { Change, Document } from "@hive/core";
import { expect, it } from "vitest";
import { PAGE_BYTES, type Query, type Store } from "./contract.ts";

/** The open store of the running test, and short ways to use it. */
export interface QueryTools {
  readonly store: () => Store;
  readonly write: (changes: readonly Change[]) => Promise<void>;
  /** The ids a query lists. */
  readonly ids: (query: Query) => Promise<string[]>;
}

/** A change that writes a document. */
export function put(id: string, doc: Document, collection = "things"): Change {
  return { collection, id, doc };
}

/** Declares the tests inside the caller's `describe`. */
export function querySuite({ store, write, ids }: QueryTools): void {
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
    expect(await ids({ collection: "things", index: "both", equals: { flag: true, state: "red" } })).toEqual(["whole"]);
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
      for (let page = await store().list(query); ; page = await store().list({ ...query, after: page.next })) {
        seen.push(...page.items.map((item) => item.id));
        if (page.next === null) break;
      }
      const expected = Array.from({ length: 25 }, (_, i) => `id${String(i).padStart(2, "0")}`);
      expect(seen).toEqual(order === "ascending" ? expected : expected.reverse());
    }
  });

  it("says null as the next cursor exactly when nothing is left", async () => {
    await write([put("a", { n: 1 }), put("b", { n: 2 })]);
    expect((await store().list({ collection: "things", limit: 2 })).next).toBeNull();
    expect((await store().list({ collection: "things", limit: 1 })).next).toEqual({ range: "a", id: "a" });
    expect((await store().list({ collection: "things", index: "all", equals: {}, limit: 1 })).next).toEqual({
      range: 1,
      id: "a",
    });
    expect(await store().list({ collection: "plain" })).toEqual({ items: [], next: null });
  });

  it("ends a page where it has become large, and the next one goes on there", async () => {
    const page = { collection: "plain", limit: 100 } as const;
    const text = "x".repeat(PAGE_BYTES / 4);
    for (const id of "abcdefghij") await write([put(id, { text }, "plain")]);
    const first = await store().list(page);
    expect(first.items.map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
    expect(first.next).toEqual({ range: "d", id: "d" });
    const second = await store().list({ ...page, after: { range: "d", id: "d" } });
    expect(second.items.map(({ id }) => id)).toEqual(["e", "f", "g", "h"]);
    const last = await store().list({ ...page, after: { range: "h", id: "h" } });
    expect([last.items.length, last.next]).toEqual([2, null]);
    const back = await store().list({ ...page, order: "descending" });
    expect(back.items.map(({ id }) => id)).toEqual(["j", "i", "h", "g"]);
    // One that is larger than a page is a page, and the last one says so.
    await write([put("k", { text: text.repeat(5) }, "plain")]);
    expect(await store().list({ ...page, from: "k" })).toMatchObject({ items: [{ id: "k" }], next: null });
    const loaded: string[] = [];
    for await (const items of store().load({ collection: "plain" })) loaded.push(...items.map(({ id }) => id));
    expect(loaded.join("")).toBe("abcdefghijk");
  });

  it("gets large documents together, in the order asked", async () => {
    const text = "x".repeat(PAGE_BYTES / 2);
    for (const id of "abcde") await write([put(id, { id, text }, "plain")]);
    const found = await store().get("eaxbdxc".split("").map((id) => ({ collection: "plain", id })));
    expect(found.map((doc) => doc?.["id"] ?? null)).toEqual(["e", "a", null, "b", "d", null, "c"]);
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
    for (const query of bad) await expect(store().list(query)).rejects.toThrow(RangeError);
    await expect(store().get([{ collection: "nowhere", id: "a" }])).rejects.toThrow(RangeError);
    await expect(write([put("a", {}, "nowhere")])).rejects.toThrow(RangeError);
  });

  it("loads everything of an index's value in order, in pages", async () => {
    const count = 4500;
    await write(
      Array.from({ length: count }, (_, i) =>
        put(`i${i}`, { n: (i * 7919) % count, state: i % 3 === 0 ? "out" : "in" }),
      ),
    );
    const seen: number[] = [];
    for await (const page of store().load({ collection: "things", index: "state", equals: { state: "in" } })) {
      expect(page.length).toBeGreaterThan(0);
      seen.push(...page.map(({ doc }) => Number(doc["n"])));
    }
    expect(seen).toHaveLength(3000);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    let all = 0;
    for await (const page of store().load({ collection: "things" })) all += page.length;
    expect(all).toBe(count);
    await expect(store().load({ collection: "nowhere" })[Symbol.asyncIterator]().next()).rejects.toThrow(RangeError);
  });
}

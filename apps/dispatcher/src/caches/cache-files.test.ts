import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CacheFilesOptions, type CacheKey, type CacheStore, openCacheFiles } from "./cache-files.ts";

let folder: string;
let now: number;
const troubles: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-caches-"));
  now = 1_000_000_000_000;
  troubles.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openStore = (more: Partial<CacheFilesOptions> = {}): Promise<CacheStore> =>
  openCacheFiles({
    folder,
    budgetBytes: 1_000_000,
    wall: () => (now += 1_000),
    onTrouble: (message) => troubles.push(message),
    ...more,
  });
const keyOf = (name: string, more: Partial<CacheKey> = {}): CacheKey => ({
  repository: "https:github.com/acme/app",
  base: "",
  name,
  ...more,
});
const sha = (bytes: string): string => createHash("sha256").update(bytes).digest("hex");
async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}
const put = (store: CacheStore, key: CacheKey, text: string, allowed = () => Promise.resolve()) =>
  store.write({ key, sha256: sha(text), stream: pieces(text.slice(0, 3), text.slice(3)), allowed });
async function get(store: CacheStore, key: CacheKey): Promise<string | null> {
  const found = await store.read(key);
  if (found === null) return null;
  const got: Uint8Array[] = [];
  for await (const piece of found.stream) got.push(piece);
  const text = Buffer.concat(got).toString();
  expect(found).toMatchObject({ bytes: text.length, sha256: sha(text) });
  return text;
}
/** Every file below the folder. */
const files = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile());

test("a cache comes back byte for byte, and a newer one takes its place", async () => {
  const store = await openStore();
  expect(await get(store, keyOf("a"))).toBeNull();
  expect(await put(store, keyOf("a"), "the first")).toMatchObject({ ok: true, bytes: 9 });
  expect(await get(store, keyOf("a"))).toBe("the first");
  await put(store, keyOf("a"), "the second");
  expect(await get(store, keyOf("a"))).toBe("the second");
  expect(files()).toHaveLength(1);
  await put(store, keyOf("empty"), "");
  expect(await get(store, keyOf("empty"))).toBe("");
});

test("another repository, another base and another name are other caches", async () => {
  const store = await openStore();
  await put(store, keyOf("a"), "mine");
  for (const other of [{ repository: "https:github.com/acme/App" }, { base: "feature" }, { name: "b" }]) {
    expect(await get(store, keyOf("a", other))).toBeNull();
  }
  // No part of a key can be mistaken for a part of another.
  await put(store, keyOf("b\nc", { base: "a" }), "one");
  expect(await get(store, keyOf("b", { repository: "../../../etc", base: "/../.." }))).toBeNull();
  await put(store, keyOf("x", { repository: "../../../escape" }), "inside");
  expect(readdirSync(folder).every((name) => /^[0-9a-f]{40}$/.test(name))).toBe(true);
});

test("an upload that breaks off, has other bytes than announced, or is not allowed leaves the cache before as it was", async () => {
  const store = await openStore();
  const key = keyOf("a");
  await put(store, key, "the old one");
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* pieces("the new o");
    throw new Error("the connection was closed");
  }
  const allowed = () => Promise.resolve();
  await expect(store.write({ key, sha256: sha("the new one"), stream: broken(), allowed })).rejects.toThrow("closed");
  expect(await store.write({ key, sha256: sha("the new one"), stream: pieces("the new o"), allowed })).toMatchObject({
    ok: false,
    code: "mismatch",
    bytes: 9,
  });
  const refused = put(store, key, "the new one", () => Promise.reject(new Error("the lease is over")));
  await expect(refused).rejects.toThrow("the lease is over");
  expect(await get(store, key)).toBe("the old one");
  expect(files()).toHaveLength(1);
});

test("a cache beyond its limit is cut off, however much more would come", async () => {
  const store = await openStore({ cacheBytes: 10 });
  let asked = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      asked += 1;
      yield* pieces("12345");
    }
  }
  const end = await store.write({
    key: keyOf("a"),
    sha256: sha(""),
    stream: endless(),
    allowed: () => Promise.resolve(),
  });
  expect(end).toEqual({ ok: false, code: "body_too_large", limit: 10 });
  expect(asked).toBe(3);
  expect(files()).toEqual([]);
  // One cache never has more than all together may.
  const small = await openStore({ budgetBytes: 5 });
  expect(await put(small, keyOf("a"), "123456")).toEqual({ ok: false, code: "body_too_large", limit: 5 });
});

test("beyond the budget the caches that were not used for longest go first, also after a restart", async () => {
  const budgetBytes = 3 * (65 + 100);
  const first = await openStore({ budgetBytes });
  const text = (letter: string): string => letter.repeat(100);
  for (const name of ["a", "b", "c"]) await put(first, keyOf(name), text(name));
  expect(await get(first, keyOf("a"))).toBe(text("a"));
  await put(first, keyOf("d"), text("d"));
  expect(await get(first, keyOf("b"))).toBeNull();
  expect(first.usedBytes()).toBe(budgetBytes);

  const second = await openStore({ budgetBytes });
  expect(second.usedBytes()).toBe(budgetBytes);
  await put(second, keyOf("e"), text("e"));
  expect(await Promise.all(["a", "b", "c", "d", "e"].map((name) => get(second, keyOf(name))))).toEqual([
    text("a"),
    null,
    null,
    text("d"),
    text("e"),
  ]);
  // A smaller budget is kept from the start.
  const third = await openStore({ budgetBytes: 165 });
  expect(third.usedBytes()).toBe(165);
  expect(files()).toHaveLength(1);
});

test("so many caches are kept and no more, however small they are", async () => {
  const store = await openStore({ mostCaches: 2 });
  for (const name of ["a", "b", "c"]) await put(store, keyOf(name), name);
  expect(await get(store, keyOf("a"))).toBeNull();
  expect(await get(store, keyOf("c"))).toBe("c");
});

test("what a crash cut off is removed at a later start, and what another replica is just receiving is not", async () => {
  const store = await openStore();
  await put(store, keyOf("a"), "whole");
  const [repository = ""] = readdirSync(folder);
  const partial = join(folder, repository, ".partial-0123");
  writeFileSync(partial, "half");
  utimesSync(partial, now / 1_000, now / 1_000);
  const opens = async (): Promise<void> => void (await openStore());
  expect(await put(store, keyOf("b"), "of the other", opens)).toMatchObject({ ok: true });
  expect(await get(await openStore(), keyOf("b"))).toBe("of the other");
  expect(files()).toHaveLength(3);
  now += 2 * 3_600_000;
  const again = await openStore();
  expect(files()).toHaveLength(2);
  expect(await get(again, keyOf("a"))).toBe("whole");
});

test("a file the disk damaged is never handed out whole, is told of, and is gone afterwards", async () => {
  const store = await openStore();
  for (const damage of [
    (bytes: Buffer) => bytes.fill("x", 70, 71),
    (bytes: Buffer) => bytes.fill("x", 3, 4),
    (bytes: Buffer) => bytes.subarray(0, 20),
    (bytes: Buffer) => bytes.subarray(0, 70),
  ]) {
    await put(store, keyOf("a"), "some bytes of a cache");
    const [path = ""] = files();
    writeFileSync(join(folder, path), damage(readFileSync(join(folder, path))));
    let given = "";
    const read = (async () => {
      const found = await store.read(keyOf("a"));
      for await (const piece of found?.stream ?? []) given += Buffer.from(piece).toString();
      if (found === null) throw new Error("damaged: not handed out at all");
    })();
    await expect(read).rejects.toThrow("damaged");
    expect(given).toBe("");
    expect(files()).toEqual([]);
    expect(store.usedBytes()).toBe(0);
  }
  expect(troubles).toHaveLength(4);
});

test("a reader goes on with the cache it began, while another takes its place", async () => {
  const store = await openStore();
  const old = "x".repeat(600_000);
  await put(store, keyOf("a"), old);
  const found = await store.read(keyOf("a"));
  let size = 0;
  for await (const piece of found?.stream ?? []) {
    if (size === 0) await put(store, keyOf("a"), "the new one");
    size += piece.byteLength;
  }
  expect(size).toBe(old.length);
  expect(await get(store, keyOf("a"))).toBe("the new one");
});

test("what a replica of the dispatcher kept in the same folder, replaced there or dropped, is seen", async () => {
  const [one, other] = [await openStore(), await openStore()];
  await put(one, keyOf("a"), "of the first");
  expect(await get(other, keyOf("a"))).toBe("of the first");
  await put(one, keyOf("a"), "of the first, and longer");
  expect(await get(other, keyOf("a"))).toBe("of the first, and longer");
  expect(other.usedBytes()).toBe(one.usedBytes());
  for (const name of files()) rmSync(join(folder, name));
  expect(await get(other, keyOf("a"))).toBeNull();
  expect([other.usedBytes(), troubles]).toEqual([0, []]);
});

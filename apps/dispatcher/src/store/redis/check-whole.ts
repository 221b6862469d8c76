/**
 * Looks, once for each life of a Redis, whether what it loaded from its files is what was written. Redis' log has no
 * checksums: a flipped bit in a document is seen when it is read, but one in the name of a set or an id hides a document
 * or shows it where it no longer is (measured: one flip of ten). So after a Redis was started again, and before anybody
 * is answered, documents, ids and indexes are held against each other. Larger stores are only counted.
 */

import { type Election, StoreCorrupt } from "../contract.ts";
import { type Column, type CompiledCollection, indexColumns } from "../declared.ts";
import type { RedisConnection } from "./connection.ts";
import { corrupt, decode, type Shapes } from "./documents.ts";
import { renew } from "./election.ts";
import type { RedisKeys } from "./keys.ts";
import { pageIn, textsIn } from "./replies.ts";
import { LIST } from "./scripts.ts";

/** Stores up to this many documents are looked at whole: some tenths of a second. */
const CHECK_WHOLE_DOCUMENTS = 20_000;
/** Documents, or keys, taken at once. */
const PAGE = 500;
/** The field of `meta` that says in which life of Redis all was looked at. */
const CHECKED = "checked";

export interface Checking {
  readonly connection: RedisConnection;
  readonly keys: RedisKeys;
  readonly election: Election;
  readonly shapes: Shapes;
  readonly collections: ReadonlyMap<string, CompiledCollection>;
}

/** @throws StoreCorrupt when something is hidden, or where it should not be. @throws StoreFenced as `renew` does */
export async function checkWhole(checking: Checking): Promise<void> {
  const { connection, keys, collections } = checking;
  const life = await lifeOf(connection);
  if (life !== null && (await connection.command(["HGET", keys.meta, CHECKED])) === life) return;
  let documents = 0;
  for (const { name } of collections.values()) documents += await countDocuments(checking, name);
  if (documents <= CHECK_WHOLE_DOCUMENTS) {
    for (const collection of collections.values()) await checkCollection(checking, collection);
  }
  if (life !== null) await connection.command(["HSET", keys.meta, CHECKED, life]);
}

/** A name that this Redis gave itself when it was started; null when it may not be asked. */
async function lifeOf(connection: RedisConnection): Promise<string | null> {
  const info = await connection.command(["INFO", "server"]).catch(() => null);
  return /^run_id:(\w+)/m.exec(String(info))?.[1] ?? null;
}

async function countDocuments({ connection, keys }: Checking, name: string): Promise<number> {
  const documents = Number(await connection.command(["HLEN", keys.documents(name)]));
  const ids = Number(await connection.command(["ZCARD", keys.ids(name)]));
  if (documents !== ids)
    throw new StoreCorrupt(`the store has ${documents} documents and ${ids} ids of ${name}; restore a backup`);
  return documents;
}

/** Every document is whole and in each of its sets with its score, and there is nothing else in those sets. */
async function checkCollection(checking: Checking, collection: CompiledCollection): Promise<void> {
  const { connection, keys, election, shapes } = checking;
  const { name } = collection;
  let entries = 0;
  let after = "";
  for (;;) {
    const cursor = after === "" ? ["", "", ""] : ["1", "", after];
    const args = ["id", "", "", ...cursor, "", String(PAGE)];
    const { ids, texts, more } = pageIn(await connection.script(LIST, [keys.ids(name), keys.documents(name)], args));
    const sets = new Map<string, Map<string, number>>();
    ids.forEach((id, i) => {
      const text = texts[i];
      if (text == null) throw corrupt(name, id);
      for (const [set, score] of placesOf(collection, keys, indexColumns(collection, decode(name, id, text, shapes)))) {
        sets.set(set, (sets.get(set) ?? new Map<string, number>()).set(id, score));
        entries += 1;
      }
    });
    await Promise.all([...sets].map(([set, wanted]) => checkScores(connection, set, wanted)));
    // Standbys must not take this for silence.
    await renew(connection, keys, election);
    if (!more) break;
    after = ids.at(-1) ?? "";
  }
  const found = await countEntries(checking, collection);
  if (found !== entries)
    throw new StoreCorrupt(`the indexes of ${name} have ${found} entries, its documents ${entries}; restore a backup`);
}

/** The sets a document is in, each with its score. */
function* placesOf(
  collection: CompiledCollection,
  keys: RedisKeys,
  columns: readonly Column[],
): Generator<readonly [set: string, score: number]> {
  const { equalsFields, rangeFields } = collection;
  for (const { name, equals, range } of collection.indexes.values()) {
    const values = equals.map((field) => columns[equalsFields.indexOf(field)] ?? null);
    const score = columns[equalsFields.length + rangeFields.indexOf(range)];
    if (typeof score === "number" && !values.includes(null))
      yield [keys.index(collection.name, name, values.map(String)), score];
  }
}

async function checkScores(
  connection: RedisConnection,
  set: string,
  wanted: ReadonlyMap<string, number>,
): Promise<void> {
  const scores = await connection.command(["ZMSCORE", set, ...wanted.keys()]);
  const found: readonly unknown[] = Array.isArray(scores) ? scores : [];
  let at = 0;
  for (const [id, score] of wanted) {
    const one = found[at];
    at += 1;
    if (one == null || Number(one) !== score)
      throw new StoreCorrupt(`${id} is not in its place in the index ${JSON.stringify(set)}; restore a backup`);
  }
}

async function countEntries({ connection, keys }: Checking, { name, indexes }: CompiledCollection): Promise<number> {
  const starts = [...indexes.keys()].map((index) => keys.index(name, index, []));
  const sets = new Set<string>();
  let cursor = "0";
  do {
    const args = ["SCAN", cursor, "MATCH", `${keys.start}ix:${name}.*`, "COUNT", String(PAGE)];
    const found = await connection.command(args);
    const [next, names] = Array.isArray(found) ? found : [];
    cursor = typeof next === "string" ? next : "0";
    for (const set of textsIn(names)) if (starts.some((start) => set.startsWith(start))) sets.add(set);
  } while (cursor !== "0");
  const counts = await Promise.all([...sets].map((set) => connection.command(["ZCARD", set])));
  return counts.reduce((sum: number, count) => sum + Number(count), 0);
}

/**
 * Looks, once for each life of a Redis, whether what it loaded from its files is what was written. Redis' log has no
 * checksums: a flipped bit in a document is seen when it is read, but one in the name of a set or an id hides a document
 * or shows it where it no longer is (measured: one flip of ten). So after a Redis was started again, and before anybody
 * is answered, documents, ids and indexes are held against each other. Larger stores are only counted.
 */

import { type Election, StoreCorrupt } from "../contract.ts";
import { type Column, compareIds, type CompiledCollection, indexColumns } from "../declared.ts";
import type { RedisConnection } from "./connection.ts";
import { corrupt, decode } from "./documents.ts";
import { renew } from "./election.ts";
import { indexSets } from "./index-sets.ts";
import type { RedisKeys } from "./keys.ts";
import { COUNT, WALK } from "./leaf-sets.ts";
import { LIST, pageOfAll } from "./list-script.ts";
import { pageIn, textsIn } from "./replies.ts";
import type { Shapes } from "./shapes.ts";

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
  const ids = Number(await connection.script(COUNT, [keys.ids(name)], []));
  if (documents !== ids)
    throw new StoreCorrupt(`the store has ${documents} documents and ${ids} ids of ${name}; restore a backup`);
  return documents;
}

/** Every document is whole and in each of its sets with its score, and there is nothing else in those sets. */
async function checkCollection(checking: Checking, collection: CompiledCollection): Promise<void> {
  const { connection, keys, election } = checking;
  const unseen = await keysOfIndexes(checking, collection);
  const sets = [...(await readPlaces(checking, collection))];
  for (let at = 0; at < sets.length; at += PAGE) {
    await Promise.all(
      sets.slice(at, at + PAGE).map(async ([set, places]) => {
        const walked = textsIn(await connection.script(WALK, [set], []));
        for (const key of checkSet(set, walked, places)) unseen.delete(key);
      }),
    );
    await renew(connection, keys, election);
  }
  for (const key of unseen) {
    // A directory has no members of its own.
    if (key.endsWith("\n") && sets.some(([set]) => key === `${set}\n`)) continue;
    throw new StoreCorrupt(`the index ${JSON.stringify(key)} has no documents; restore a backup`);
  }
}

/** The sets that the documents of a collection have to be in, each with their scores. */
async function readPlaces(
  checking: Checking,
  collection: CompiledCollection,
): Promise<Map<string, Map<string, number>>> {
  const { connection, keys, election, shapes } = checking;
  const { name } = collection;
  const sets = new Map<string, Map<string, number>>();
  let after: string | null = null;
  for (;;) {
    const args = pageOfAll(after, PAGE);
    const { ids, texts, more } = pageIn(await connection.script(LIST, [keys.ids(name), keys.documents(name)], args));
    ids.forEach((id, i) => {
      const text = texts[i];
      if (text == null) throw corrupt(name, id);
      for (const [set, score] of placesOf(collection, keys, indexColumns(collection, decode(name, id, text, shapes))))
        sets.set(set, (sets.get(set) ?? new Map<string, number>()).set(id, score));
    });
    // Standbys must not take this for silence.
    await renew(connection, keys, election);
    if (!more) return sets;
    after = ids.at(-1) ?? null;
  }
}

/** The sets a document is in, each with its score. */
function* placesOf(
  collection: CompiledCollection,
  keys: RedisKeys,
  columns: readonly Column[],
): Generator<readonly [set: string, score: number]> {
  const { name, equalsFields, rangeFields } = collection;
  yield [keys.ids(name), 0];
  for (const index of collection.indexes.values()) {
    const values = index.equals.map((field) => columns[equalsFields.indexOf(field)] ?? null);
    const score = columns[equalsFields.length + rangeFields.indexOf(index.range)];
    if (typeof score === "number" && !values.includes(null))
      yield [keys.index(name, index.name, values.map(String)), score];
  }
}

/** Holds what `WALK` answered against the documents. Returns the keys of the leaves. */
function checkSet(set: string, walked: readonly string[], places: ReadonlyMap<string, number>): string[] {
  const leaves: string[] = [];
  let count = 0;
  let last: Place | null = null;
  const isBehind = (place: Place): boolean => last === null || isBefore(last, place);
  for (let at = 0; at < walked.length; ) {
    const [key = "", score = "", id = "", members = ""] = walked.slice(at, at + 4);
    leaves.push(key);
    at += 4;
    // What a leaf has begins where the directory says, and behind all that is in the leaf before.
    const begin: Place = { score: score === "-inf" ? Number.NEGATIVE_INFINITY : Number(score), id };
    if (!isBehind(begin)) throw misplaced(set, id);
    for (const end = at + 2 * Number(members); at < end; at += 2) {
      const place = { id: walked[at] ?? "", score: Number(walked[at + 1]) };
      // Each once: one that is there twice would stand for one that is missing.
      if (places.get(place.id) !== place.score || isBefore(place, begin) || !isBehind(place))
        throw misplaced(set, place.id);
      last = place;
      count += 1;
    }
  }
  if (count !== places.size)
    throw new StoreCorrupt(`the index ${JSON.stringify(set)} has ${count} entries of ${places.size}; restore a backup`);
  return leaves;
}

/** Where a member of a sorted set is. */
interface Place {
  readonly score: number;
  readonly id: string;
}

function isBefore(a: Place, b: Place): boolean {
  return a.score < b.score || (a.score === b.score && compareIds(a.id, b.id) < 0);
}

function misplaced(set: string, id: string): StoreCorrupt {
  return new StoreCorrupt(`${id} is not in its place in the index ${JSON.stringify(set)}; restore a backup`);
}

/** All keys that look as if they were of a collection's indexes. */
async function keysOfIndexes(checking: Checking, { name, indexes }: CompiledCollection): Promise<Set<string>> {
  const starts = [...indexes.keys()].map((index) => checking.keys.index(name, index, []));
  const found = new Set<string>();
  for await (const keys of indexSets(checking, name))
    for (const key of keys) if (starts.some((start) => key.startsWith(start))) found.add(key);
  return found;
}

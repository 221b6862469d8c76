/**
 * Brings a store's indexes to what this Hive declares. A collection whose indexes were declared otherwise gets them
 * anew, page by page, after the election and before anybody is answered. A dispatcher that dies halfway leaves the old
 * declaration behind, so the next one begins again.
 */

import type { CollectionDeclaration } from "@hive/core";
import type { Election } from "../contract.ts";
import type { CompiledCollection } from "../declared.ts";
import { commitArguments } from "./commit-arguments.ts";
import type { RedisConnection } from "./connection.ts";
import { corrupt, decode, type Shapes } from "./documents.ts";
import { renew, throwIfFenced } from "./election.ts";
import type { RedisKeys } from "./keys.ts";
import { pageIn, pairsIn, textsIn } from "./replies.ts";
import { commitScript, DECLARE, LIST, REMOVE_KEYS } from "./scripts.ts";

/** Documents, or keys, taken at once. */
const PAGE = 500;

export interface Declaring {
  readonly connection: RedisConnection;
  readonly keys: RedisKeys;
  readonly election: Election;
  readonly shapes: Shapes;
  readonly declarations: readonly CollectionDeclaration[];
  readonly collections: ReadonlyMap<string, CompiledCollection>;
}

/** @throws StoreFenced when another was elected meanwhile */
export async function declareIndexes(declaring: Declaring): Promise<void> {
  const { connection, keys, election, declarations, collections } = declaring;
  const known = new Map(pairsIn(await connection.command(["HGETALL", keys.declared])));
  for (const { name, indexes } of declarations) {
    const wanted = JSON.stringify(indexes);
    const collection = collections.get(name);
    if (known.get(name) === wanted || collection === undefined) continue;
    if (known.has(name)) await rebuild(declaring, collection);
    const args = [String(election.epoch), election.electionId, name, wanted];
    throwIfFenced(await connection.script(DECLARE, [keys.meta, keys.declared], args), "the declaration", election);
  }
}

async function rebuild(declaring: Declaring, collection: CompiledCollection): Promise<void> {
  const { connection, keys, election, shapes, collections } = declaring;
  await removeIndexes(declaring, collection.name);
  const script = commitScript([collection], { rebuild: true });
  const sets = [keys.ids(collection.name), keys.documents(collection.name)];
  let after = "";
  for (;;) {
    const cursor = after === "" ? ["", "", ""] : ["1", "", after];
    const reply = await connection.script(LIST, sets, ["id", "", "", ...cursor, "", String(PAGE)]);
    const { ids, texts, more } = pageIn(reply);
    const changes = ids.map((id, i) => {
      const text = texts[i];
      if (text == null) throw corrupt(collection.name, id);
      return { collection: collection.name, id, doc: decode(collection.name, id, text, shapes) };
    });
    const answer = await connection.script(
      script,
      [keys.meta, keys.shapes],
      commitArguments({ keys, collections, shapes, election, sequence: 0, absent: [], changes }),
    );
    throwIfFenced(answer, "the building of an index", election);
    shapes.stored();
    // Standbys must not take this for silence.
    await renew(connection, keys, election);
    if (!more) return;
    after = ids.at(-1) ?? "";
  }
}

async function removeIndexes({ connection, keys, election }: Declaring, collection: string): Promise<void> {
  let cursor = "0";
  do {
    // The prefix is letters, digits and a few signs that mean nothing in a pattern; so is the name.
    const found = await connection.command([
      "SCAN",
      cursor,
      "MATCH",
      `${keys.start}ix:${collection}.*`,
      "COUNT",
      String(PAGE),
    ]);
    const [next, names] = Array.isArray(found) ? found : [];
    cursor = typeof next === "string" ? next : "0";
    const args = [String(election.epoch), election.electionId];
    throwIfFenced(
      await connection.script(REMOVE_KEYS, [keys.meta, ...textsIn(names)], args),
      "the building of an index",
      election,
    );
  } while (cursor !== "0");
}

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
import { corrupt, decode } from "./documents.ts";
import { renew, throwIfFenced } from "./election.ts";
import { indexSets } from "./index-sets.ts";
import type { RedisKeys } from "./keys.ts";
import { LIST, pageOfAll } from "./list-script.ts";
import { pageIn, pairsIn } from "./replies.ts";
import { commitScript, DECLARE, REMOVE_KEYS } from "./scripts.ts";
import type { Shapes } from "./shapes.ts";

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
  let after: string | null = null;
  for (;;) {
    const { ids, texts, more } = pageIn(await connection.script(LIST, sets, pageOfAll(after, PAGE)));
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
    after = ids.at(-1) ?? null;
  }
}

async function removeIndexes(declaring: Declaring, collection: string): Promise<void> {
  const { connection, keys, election } = declaring;
  const args = [String(election.epoch), election.electionId];
  for await (const sets of indexSets(declaring, collection)) {
    const answer = await connection.script(REMOVE_KEYS, [keys.meta, ...sets], args);
    throwIfFenced(answer, "the building of an index", election);
  }
}

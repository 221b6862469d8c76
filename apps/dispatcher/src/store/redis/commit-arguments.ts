/** Lays a commit out as the commit script reads it: one flat list of texts. */

import type { Change, Document, Key } from "@hive/core";
import type { Election } from "../contract.ts";
import { type CompiledCollection, checkId, collectionOf } from "../declared.ts";
import { encode, type Shapes } from "./documents.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * The election, what must be absent, the fresh shapes (say `shapes.stored()` once it landed), and the changes: of several
 * to one document the last.
 * @throws RangeError for an undeclared collection or an id that cannot be one
 */
export function commitArguments(commit: {
  readonly keys: RedisKeys;
  readonly collections: ReadonlyMap<string, CompiledCollection>;
  readonly shapes: Shapes;
  readonly election: Election;
  readonly sequence: number;
  readonly absent: readonly Key[];
  readonly changes: readonly Change[];
}): string[] {
  const { keys, election, sequence, shapes, absent } = commit;
  // First, for it is here that new shapes turn up.
  const changes = changeArguments(commit);
  const args = [keys.start, String(election.epoch), election.electionId, String(sequence), String(shapes.fresh.length)];
  for (const [number, names] of shapes.fresh) args.push(number, names);
  args.push(String(absent.length));
  for (const { collection, id } of absent) args.push(collection, id);
  // Not `push(...)`: a large commit has more texts than a call may have arguments.
  return args.concat(changes);
}

function changeArguments({
  collections,
  changes,
  shapes,
}: {
  readonly collections: ReadonlyMap<string, CompiledCollection>;
  readonly changes: readonly Change[];
  readonly shapes: Shapes;
}): string[] {
  const byCollection = new Map<CompiledCollection, Map<string, Document | null>>();
  for (const { collection, id, doc } of changes) {
    const compiled = collectionOf(collections, collection);
    let last = byCollection.get(compiled);
    if (last === undefined) byCollection.set(compiled, (last = new Map()));
    last.set(checkId(id), doc);
  }
  const args: string[] = [];
  for (const [collection, documents] of byCollection) {
    const removed = [...documents].filter(([, doc]) => doc === null).map(([id]) => id);
    args.push(String(collection.number), String(documents.size - removed.length), String(removed.length));
    for (const [id, doc] of documents) {
      if (doc === null) continue;
      const { text, scores } = encode(collection, id, doc, shapes);
      args.push(id, text);
      for (const score of scores) args.push(score === null ? "" : String(score));
    }
    for (const id of removed) args.push(id);
  }
  return args;
}

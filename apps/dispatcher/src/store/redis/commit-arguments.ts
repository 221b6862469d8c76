/** Lays a commit out as the commit script reads it: one flat list of texts. */

import type { Change, Document, Key } from "@hive/core";
import type { Election } from "../contract.ts";
import { type CompiledCollection, checkId, collectionOf, compareIds } from "../declared.ts";
import { encode } from "./documents.ts";
import type { RedisKeys } from "./keys.ts";
import type { Shapes } from "./shapes.ts";

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
  for (const [number, text] of shapes.fresh) args.push(number, text);
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
    const written = String(documents.size - removed.length);
    args.push(String(collection.number), written, String(removed.length), orderById(documents));
    for (const [id, doc] of documents) {
      if (doc === null) continue;
      args.push(id, encode(collection, id, doc, shapes));
    }
    for (const id of removed) args.push(id);
  }
  return args;
}

/** The places of the written documents in order of their ids, from 1; empty when they are in that order. */
function orderById(documents: ReadonlyMap<string, Document | null>): string {
  const ids: string[] = [];
  let ordered = true;
  for (const [id, doc] of documents) {
    if (doc === null) continue;
    ordered &&= ids.length === 0 || compareIds(ids.at(-1) ?? "", id) < 0;
    ids.push(id);
  }
  if (ordered) return "";
  const places = ids.map((_, at) => at);
  places.sort((a, b) => compareIds(ids[a] ?? "", ids[b] ?? ""));
  return places.map((at) => at + 1).join(" ");
}

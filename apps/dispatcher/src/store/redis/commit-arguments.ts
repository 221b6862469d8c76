/** Lays a commit out as the commit script reads it: one flat list of texts. */

import type { Document, Key } from "@hive/core";
import type { Election } from "../contract.ts";
import { type CompiledCollection, checkId } from "../declared.ts";
import { encode, type Shapes } from "./documents.ts";
import type { RedisKeys } from "./keys.ts";

/** One change: the collection's number, the id, the text (empty: remove) and its place in each index. @throws RangeError */
export function changeArguments(
  collection: CompiledCollection,
  id: string,
  doc: Document | null,
  shapes: Shapes,
): string[] {
  const place = [String(collection.number), checkId(id)];
  if (doc === null) return [...place, ""];
  const { text, scores } = encode(collection, id, doc, shapes);
  return [...place, text, ...scores.map((score) => (score === null ? "" : String(score)))];
}

/** All of it, the fresh shapes with it: say `shapes.stored()` once it landed. */
export function commitArguments(commit: {
  readonly keys: RedisKeys;
  readonly election: Election;
  readonly sequence: number;
  readonly shapes: Shapes;
  readonly absent: readonly Key[];
  /** What `changeArguments` gave, one after the other. */
  readonly changes: readonly string[];
}): string[] {
  const { keys, election, sequence, shapes, absent, changes } = commit;
  const { fresh } = shapes;
  const args = [keys.start, String(election.epoch), election.electionId, String(sequence), String(fresh.length)];
  for (const [number, names] of fresh) args.push(number, names);
  args.push(String(absent.length));
  for (const { collection, id } of absent) args.push(collection, id);
  // Not `push(...)`: a large commit has more texts than a call may have arguments.
  return args.concat(changes);
}

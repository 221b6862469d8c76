/**
 * What every adapter needs to know about declared collections: which fields it extracts from a document, whether a query
 * is one that a declared index can answer, and the order of ids. Kept in one place so that memory, SQLite and Redis
 * refuse and sort exactly alike.
 *
 * Ids are ordered by their UTF-8 bytes. That is what SQLite's BINARY collation and Redis' lexical ranges do; JavaScript's
 * `<` on strings differs once characters outside the basic plane meet U+E000 and above.
 */

import { crc32 } from "node:zlib";
import type { CollectionDeclaration, Document, IndexDeclaration } from "@hive/core";
import type { Cursor, Query } from "./contract.ts";

/** A collection with its index fields laid out as columns, in a fixed order. */
export interface CompiledCollection {
  readonly name: string;
  /** Place among the declared collections. */
  readonly number: number;
  readonly indexes: ReadonlyMap<string, IndexDeclaration>;
  /** Fields of any `equals`, then fields of any `range`: the order of `indexColumns`. */
  readonly equalsFields: readonly string[];
  readonly rangeFields: readonly string[];
}

/** A query that was checked against the declarations, with its defaults filled in. */
export interface CompiledQuery {
  readonly collection: CompiledCollection;
  /** Null: the whole collection in order of id. */
  readonly index: IndexDeclaration | null;
  /** Encoded by `equalsColumn`, in the order the index declares them. */
  readonly equals: readonly string[];
  readonly after: Cursor | null;
  readonly from: number | string | null;
  readonly below: number | string | null;
  readonly descending: boolean;
  readonly limit: number;
}

/** A value of an index column: an encoded equals value, a range value, or null where the document has none. */
export type Column = string | number | null;

const NAME = /^[A-Za-z][A-Za-z0-9]{0,39}$/;
const MAX_LIMIT = 1000;

/** Checks declarations once, at `open`. @throws RangeError for a name that is not letters and digits, or is there twice. */
export function compileCollections(declarations: readonly CollectionDeclaration[]): Map<string, CompiledCollection> {
  const compiled = new Map<string, CompiledCollection>();
  for (const { name, indexes } of declarations) {
    checkName(name, "collection");
    if (compiled.has(name)) throw new RangeError(`the collection "${name}" is declared twice`);
    const byName = new Map<string, IndexDeclaration>();
    const equalsFields = new Set<string>();
    const rangeFields = new Set<string>();
    for (const index of indexes) {
      checkName(index.name, "index");
      if (byName.has(index.name)) throw new RangeError(`the index "${name}.${index.name}" is declared twice`);
      for (const field of index.equals) equalsFields.add(checkName(field, "field"));
      rangeFields.add(checkName(index.range, "field"));
      byName.set(index.name, index);
    }
    const fields = { equalsFields: [...equalsFields], rangeFields: [...rangeFields] };
    compiled.set(name, { name, number: compiled.size, indexes: byName, ...fields });
  }
  return compiled;
}

function checkName(name: string, what: string): string {
  if (!NAME.test(name)) throw new RangeError(`"${name}" cannot name a ${what}: letters and digits only, at most 40`);
  return name;
}

/** @throws RangeError for a collection nobody declared. */
export function collectionOf(collections: ReadonlyMap<string, CompiledCollection>, name: string): CompiledCollection {
  const collection = collections.get(name);
  if (collection === undefined) throw new RangeError(`the collection "${name}" is not declared`);
  return collection;
}

/** @throws RangeError for an id that a store could not give back unchanged (empty, over 1,024 characters, NUL, half a surrogate pair). */
export function checkId(id: string): string {
  if (!canBeId(id)) {
    throw new RangeError(`${JSON.stringify(id.slice(0, 80))} cannot be the id of a document`);
  }
  return id;
}

/** False for what no document can have as its id. */
export function canBeId(id: string): boolean {
  return id.length > 0 && id.length <= 1024 && !id.includes("\0") && id.isWellFormed();
}

/** The text of a document as every adapter stores it. @throws TypeError for what JSON cannot hold (a BigInt, a cycle). */
export function encodeDocument(doc: Document): string {
  return JSON.stringify(doc);
}

/** The values of a document's index columns: those of `equalsFields`, then those of `rangeFields`. */
export function indexColumns(collection: CompiledCollection, doc: Document): Column[] {
  const columns: Column[] = [];
  for (const field of collection.equalsFields) columns.push(equalsColumn(doc[field]));
  for (const field of collection.rangeFields) {
    const value = doc[field];
    // Adding 0 turns -0 into 0, as JSON does.
    columns.push(typeof value === "number" && Number.isFinite(value) ? value + 0 : null);
  }
  return columns;
}

/** Keeps 1, "1" and true apart, and holds any string (JSON escapes NUL and lone surrogates). Null: not in the index. */
function equalsColumn(value: unknown): string | null {
  if (typeof value === "string" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  return null;
}

/** The checksum of a stored document: CRC-32 over where it is, how it is indexed and what it says. */
export function documentChecksum(collection: string, id: string, columns: readonly Column[], json: string): number {
  return crc32(`${collection}\0${id}\0${columns.join("\0")}\0${json}`);
}

/** Checks a query against the declarations. @throws RangeError saying which part no index can answer. */
export function compileQuery(collections: ReadonlyMap<string, CompiledCollection>, query: Query): CompiledQuery {
  const collection = collectionOf(collections, query.collection);
  const index = query.index === undefined ? null : collection.indexes.get(query.index);
  if (index === undefined) throw new RangeError(`"${query.collection}" has no index "${query.index}"`);

  const declared = index?.equals ?? [];
  const given = Object.keys(query.equals ?? {});
  if (given.length !== declared.length || !declared.every((field) => given.includes(field))) {
    const wants = declared.length === 0 ? "no fields" : declared.join(", ");
    throw new RangeError(
      `"${query.collection}${index === null ? "" : `.${index.name}`}" filters by ${wants}, not by ${given.join(", ") || "no fields"}`,
    );
  }
  const equals = declared.map((field) => {
    const column = equalsColumn(query.equals?.[field]);
    if (column === null) throw new RangeError(`"${field}" must be a string, a number or a boolean`);
    return column;
  });

  const limit = query.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new RangeError(`limit must be 1 to ${MAX_LIMIT}, not ${limit}`);
  }
  const bound = (value: number | string | undefined, name: string): number | string | null => {
    if (value === undefined) return null;
    if (index === null ? isText(value) : typeof value === "number" && !Number.isNaN(value)) return value;
    throw new RangeError(`${name} must be a ${index === null ? "string, as documents come in order of id" : "number"}`);
  };
  if (query.after !== undefined) {
    bound(query.after.range, "after");
    if (!isText(query.after.id)) throw new RangeError("after must have the id of a document");
  }
  return {
    collection,
    index,
    equals,
    after: query.after ?? null,
    from: bound(query.from, "from"),
    below: bound(query.below, "below"),
    descending: query.order === "descending",
    limit,
  };
}

/** Text that every store compares alike. */
function isText(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0") && value.isWellFormed();
}

/** The cursor that continues right after this document. */
export function cursorOf(query: CompiledQuery, id: string, doc: Document): Cursor {
  return { range: query.index === null ? id : Number(doc[query.index.range]), id };
}

/** Negative when `a` comes before `b` by their UTF-8 bytes. */
export function compareIds(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for characters beyond U+FFFF: they sort after everything that is not one.
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    if (xHigh !== yHigh) return xHigh ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

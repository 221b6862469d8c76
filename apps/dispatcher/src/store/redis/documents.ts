/**
 * How a document lies in Redis: one text of lines, the last one being the document.
 *
 *     <CRC-32, base 36>
 *     <number of its shape, base 36; empty: none>
 *     <one line for each field that an index filters by: the value as JSON, empty for none>
 *     <the document: with a shape a JSON list of its members' values, otherwise a JSON object>
 *
 * JSON never contains a line break, and a document is the only line that begins with `[` or `{`: so the commit script
 * finds the old index entries of a document in it without parsing JSON. Members' names are most of a job's text and the
 * same for all jobs: they are stored once, as a shape. Without shapes a waiting job took a third more memory.
 */

import { crc32 } from "node:zlib";
import type { Document } from "@hive/core";
import { StoreCorrupt } from "../contract.ts";
import { type CompiledCollection, documentChecksum, encodeDocument, indexColumns } from "../declared.ts";

/** Shapes a store keeps; later ones are written as objects, so that documents with members of all names fill nothing. */
const MAX_SHAPES = 500;
/** Members a document may have to get a shape. */
const MAX_MEMBERS = 64;

/** A document as the commit script takes it. */
export interface EncodedDocument {
  readonly text: string;
  /** For each index of the collection the range value, null where the document is not in that index. */
  readonly scores: readonly (number | null)[];
}

/** The names of the members that a document has, in their order. */
interface Shape {
  readonly number: string;
  readonly names: readonly string[];
  /** Checksum of the names: part of the documents' checksums. */
  readonly sum: string;
}

/** The shapes of one open store: those in Redis, and those that the next commit brings there. */
export class Shapes {
  readonly #byNumber = new Map<string, Shape>();
  readonly #byNames = new Map<string, Shape>();
  readonly #fresh: [number: string, names: string][] = [];
  /** The one asked for last: most often it is the next one too. */
  #last: Shape | null = null;

  /** What is in Redis: number → names as JSON. */
  load(stored: Iterable<readonly [number: string, names: string]>): void {
    for (const [number, names] of stored) this.#know(number, JSON.parse(names) as string[]);
  }

  /** The shape with these names, a new one when there is room; null when there is none. */
  withNames(names: readonly string[]): Shape | null {
    if (this.#last !== null && areSame(this.#last.names, names)) return this.#last;
    const key = names.join("\0");
    const known = this.#byNames.get(key);
    if (known !== undefined) return (this.#last = known);
    if (names.length > MAX_MEMBERS || this.#byNumber.size >= MAX_SHAPES || key.length > 2000) return null;
    const made = this.#know(this.#byNumber.size.toString(36), names);
    this.#fresh.push([made.number, JSON.stringify(names)]);
    return made;
  }

  withNumber(number: string): Shape | undefined {
    return this.#byNumber.get(number);
  }

  /** The shapes that are not in Redis yet: the next commit has to store them. */
  get fresh(): readonly (readonly [number: string, names: string])[] {
    return this.#fresh;
  }

  /** The commit that was given all of `fresh` landed. */
  stored(): void {
    this.#fresh.length = 0;
  }

  #know(number: string, names: readonly string[]): Shape {
    const key = names.join("\0");
    const shape = { number, names, sum: crc32(key).toString(36) };
    this.#byNumber.set(number, shape);
    this.#byNames.set(key, shape);
    return shape;
  }
}

export function encode(collection: CompiledCollection, id: string, doc: Document, shapes: Shapes): EncodedDocument {
  const names: string[] = [];
  const values: unknown[] = [];
  for (const name of Object.keys(doc)) {
    const value = doc[name];
    if (!isStored(value)) continue;
    names.push(name);
    values.push(value);
  }
  const shape = shapes.withNames(names);
  const json = shape === null ? encodeDocument(doc) : JSON.stringify(values);
  const columns = indexColumns(collection, doc);
  const equals = columns.slice(0, collection.equalsFields.length).map((value) => (value === null ? "" : String(value)));
  const crc = documentChecksum(collection.name, id, [...equals, shape?.sum ?? ""], json);
  const text = [crc.toString(36), shape?.number ?? "", ...equals, json].join("\n");
  const scores = [...collection.indexes.values()].map((index) => {
    const isComplete = index.equals.every((field) => equals[collection.equalsFields.indexOf(field)] !== "");
    const range = columns[collection.equalsFields.length + collection.rangeFields.indexOf(index.range)];
    return isComplete && typeof range === "number" ? range : null;
  });
  return { text, scores };
}

/** @throws StoreCorrupt when the text is not what was written */
export function decode(collection: string, id: string, text: string, shapes: Shapes): Document {
  const lines = text.split("\n");
  const json = lines.pop() ?? "";
  const [crc = "", number = "", ...equals] = lines;
  const shape = number === "" ? null : shapes.withNumber(number);
  if (shape === undefined) throw corrupt(collection, id);
  equals.push(shape?.sum ?? "");
  if (documentChecksum(collection, id, equals, json).toString(36) !== crc) throw corrupt(collection, id);
  const parsed: unknown = JSON.parse(json);
  return shape === null ? (parsed as Document) : assemble(shape.names, parsed as unknown[]);
}

function assemble(names: readonly string[], values: readonly unknown[]): Document {
  const doc: Record<string, unknown> = {};
  for (const [i, name] of names.entries()) {
    if (name !== "__proto__") doc[name] = values[i];
    // An assignment would set the object's prototype instead.
    else Object.defineProperty(doc, name, { value: values[i], enumerable: true, configurable: true, writable: true });
  }
  return doc;
}

/** What a damaged document is answered with. */
export function corrupt(collection: string, id: string): StoreCorrupt {
  return new StoreCorrupt(`the document ${collection}/${id} is not what was written; restore a backup`);
}

/** What JSON leaves out of an object. */
function isStored(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

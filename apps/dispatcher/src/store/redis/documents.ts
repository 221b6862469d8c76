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

/** The shapes of one open store: those in Redis, and those that the next commit brings there. */
export class Shapes {
  readonly #names = new Map<string, readonly string[]>();
  readonly #numbers = new Map<string, string>();
  readonly #fresh: [number: string, names: string][] = [];

  /** What is in Redis: number → names as JSON. */
  load(stored: Iterable<readonly [number: string, names: string]>): void {
    for (const [number, names] of stored) this.#know(number, JSON.parse(names) as string[]);
  }

  /** The number for these names, a new one when there is room; null when there is none. */
  numberOf(names: readonly string[]): string | null {
    const key = names.join("\0");
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (names.length > MAX_MEMBERS || this.#names.size >= MAX_SHAPES || key.length > 2000) return null;
    const number = this.#names.size.toString(36);
    this.#know(number, names);
    this.#fresh.push([number, JSON.stringify(names)]);
    return number;
  }

  namesOf(number: string): readonly string[] | undefined {
    return this.#names.get(number);
  }

  /** The shapes that are not in Redis yet: the next commit has to store them. */
  get fresh(): readonly (readonly [number: string, names: string])[] {
    return this.#fresh;
  }

  /** The commit that was given all of `fresh` landed. */
  stored(): void {
    this.#fresh.length = 0;
  }

  #know(number: string, names: readonly string[]): void {
    this.#names.set(number, names);
    this.#numbers.set(names.join("\0"), number);
  }
}

export function encode(collection: CompiledCollection, id: string, doc: Document, shapes: Shapes): EncodedDocument {
  const names = Object.keys(doc).filter((name) => isStored(doc[name]));
  const shape = shapes.numberOf(names);
  const json = shape === null ? encodeDocument(doc) : JSON.stringify(names.map((name) => doc[name]));
  const columns = indexColumns(collection, doc);
  const equals = columns.slice(0, collection.equalsFields.length).map((value) => (value === null ? "" : String(value)));
  const crc = documentChecksum(collection.name, id, equals, shape === null ? json : names.join("\0") + json);
  const text = [crc.toString(36), shape ?? "", ...equals, json].join("\n");
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
  const [crc = "", shape = "", ...equals] = lines;
  const names = shape === "" ? null : shapes.namesOf(shape);
  if (names !== undefined) {
    const checked = names === null ? json : names.join("\0") + json;
    if (documentChecksum(collection, id, equals, checked).toString(36) === crc) {
      const parsed: unknown = JSON.parse(json);
      if (names === null) return parsed as Document;
      const values = parsed as unknown[];
      // Not by assignment: that would lose a member named `__proto__`.
      return Object.fromEntries(names.map((name, i) => [name, values[i]]));
    }
  }
  throw corrupt(collection, id);
}

/** What a damaged document is answered with. */
export function corrupt(collection: string, id: string): StoreCorrupt {
  return new StoreCorrupt(`the document ${collection}/${id} is not what was written; restore a backup`);
}

/** What JSON leaves out of an object. */
function isStored(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

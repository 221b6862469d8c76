/**
 * How a document lies in Redis: one text of lines, the last one being the document.
 *
 *     <CRC-32, base 36>
 *     <number of its shape, base 36; empty: none>.<signs of the members that are written although the shape knows them>
 *     <one line for each field that an index filters or sorts by: the value as JSON, empty for none>
 *     <the document: with a shape a JSON list of the values that only it has, otherwise a JSON object; `~` and that JSON
 *      deflated, in base64, where it is much shorter so>
 *
 * JSON never contains a line break, and a document is the last line: so the commit script finds the index entries of a
 * document in it without parsing JSON.
 */

import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Document } from "@hive/core";
import { StoreCorrupt } from "../contract.ts";
import { type CompiledCollection, documentChecksum, encodeDocument } from "../declared.ts";
import { join, type Shapes } from "./shapes.ts";

/** Characters of JSON from which on it is deflated: shorter ones gain less than it costs, some 10 to 20 µs. */
const DEFLATE_FROM = 256;
/** Up to how many: a longer one would keep the event loop for too long. */
const DEFLATE_TO = 32_768;
/** Small windows and pieces: most of the time goes into making them. */
const DEFLATE = { level: 3, memLevel: 3, windowBits: 12, chunkSize: 1024 } as const;
/** By collection, so that they are not laid out for each document. */
const LINE_FIELDS = new WeakMap<CompiledCollection, readonly string[]>();

/** The fields that documents of a collection have lines for, in the order of the lines. */
export function lineFields(collection: CompiledCollection): readonly string[] {
  let fields = LINE_FIELDS.get(collection);
  if (fields === undefined) {
    fields = [...new Set([...collection.equalsFields, ...collection.rangeFields])];
    LINE_FIELDS.set(collection, fields);
  }
  return fields;
}

/** The document as the commit script takes it. */
export function encode(collection: CompiledCollection, id: string, doc: Document, shapes: Shapes): string {
  const fields = lineFields(collection);
  const lines = fields.map((field) => lineOf(doc[field]));
  const shaped = shapes.take(id, doc, fields, lines);
  const json = deflated(shaped === null ? encodeDocument(doc) : JSON.stringify(shaped.values));
  const equals = [...lines, shaped?.signs ?? "", shaped?.shape.sum ?? ""];
  const crc = documentChecksum(collection.name, id, equals, json);
  const second = shaped === null ? "" : `${shaped.shape.number}.${shaped.signs}`;
  return [crc.toString(36), second, ...lines, json].join("\n");
}

/** @throws StoreCorrupt when the text is not what was written */
export function decode(collection: string, id: string, text: string, shapes: Shapes): Document {
  const lines = text.split("\n");
  const json = lines.pop() ?? "";
  const [crc = "", second = "", ...fields] = lines;
  const [number = "", signs = ""] = second.split(".");
  const shape = number === "" ? null : shapes.withNumber(number);
  if (shape === undefined) throw corrupt(collection, id);
  const equals = [...fields, signs, shape?.sum ?? ""];
  if (documentChecksum(collection, id, equals, json).toString(36) !== crc) throw corrupt(collection, id);
  const parsed: unknown = JSON.parse(inflated(json));
  if (shape === null) return parsed as Document;
  const doc = join({ shape, signs, values: parsed as unknown[] }, id, fields);
  if (doc === null) throw corrupt(collection, id);
  return doc;
}

/** What a damaged document is answered with. */
export function corrupt(collection: string, id: string): StoreCorrupt {
  return new StoreCorrupt(`the document ${collection}/${id} is not what was written; restore a backup`);
}

/** What an index can filter or sort by. Adding 0 turns -0 into 0, as JSON does. */
function lineOf(value: unknown): string {
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value + 0) : "";
  return typeof value === "string" || typeof value === "boolean" ? JSON.stringify(value) : "";
}

function deflated(json: string): string {
  if (json.length < DEFLATE_FROM || json.length > DEFLATE_TO) return json;
  const short = `~${deflateRawSync(json, DEFLATE).toString("base64")}`;
  return short.length <= json.length * 0.8 ? short : json;
}

function inflated(json: string): string {
  return json.startsWith("~") ? inflateRawSync(Buffer.from(json.slice(1), "base64")).toString() : json;
}

/**
 * What documents have in common is stored once, as a shape: the names of their members, and the values that are most
 * often there, so that a document's own text holds only what is its own.
 *
 * A shape keeps no text of anybody: of a document's values only null, true and false, numbers, empty lists and lower-case
 * words become usual ones. It stays when all its documents are gone.
 */

import { crc32 } from "node:zlib";
import type { Document } from "@hive/core";
import { StoreCorrupt } from "../contract.ts";

/** Shapes a store keeps; later documents are written as objects, so that members of all names fill nothing. */
const MAX_SHAPES = 500;
/** Shapes for documents with the same names at the top; further ones share one that knows the top only. */
const MAX_VARIANTS = 32;
/** For each member that a document may have, when it is to have a shape, the sign that says that it is written. */
const SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** Characters a shape may have as JSON. */
const MAX_TEXT = 4_000;
/** Words of a program, such as statuses and tasks. */
const WORD = /^[a-z][a-z._-]{0,23}$/;

/** A member's name; two names: of a member of a member. */
type Path = readonly [string] | readonly [string, string];
/** A list or an object is empty. */
type Usual = string | number | boolean | null | readonly [] | Readonly<Record<string, never>>;

/** Where a value is unless it is written in the document: in one of the lines before it, in its id, or in the shape. */
type Source = readonly ["line", number] | readonly ["id"] | readonly ["usual", Usual] | readonly ["written"];

interface Part {
  readonly path: Path;
  readonly source: Source;
  readonly value: unknown;
}

/** The members of alike documents, in their order. */
export interface Shape {
  readonly number: string;
  readonly members: readonly (readonly [Path, Source])[];
  /** Checksum of all of it: part of the documents' checksums. */
  readonly sum: string;
}

/** What a document has beside its shape. */
export interface Shaped {
  readonly shape: Shape;
  /** A sign for each member that is written although the shape has a source for it. */
  readonly signs: string;
  readonly values: readonly unknown[];
}

/** The shapes of one open store: those in Redis, and those that the next commit brings there. */
export class Shapes {
  readonly #byNumber = new Map<string, Shape>();
  /** By what documents must have in common to share one. */
  readonly #byKind = new Map<string, Shape>();
  readonly #variants = new Map<string, number>();
  readonly #fresh: [number: string, text: string][] = [];

  /** What is in Redis: number → shape as JSON. @throws StoreCorrupt for what is none */
  load(stored: Iterable<readonly [number: string, text: string]>): void {
    for (const [number, text] of stored) {
      const [names, kind, members] = parseShape(number, text);
      this.#know(number, text, names, kind, members);
    }
  }

  withNumber(number: string): Shape | undefined {
    return this.#byNumber.get(number);
  }

  /** The shapes that are not in Redis yet: the next commit has to store them. */
  get fresh(): readonly (readonly [number: string, text: string])[] {
    return this.#fresh;
  }

  /** The commit that was given all of `fresh` landed. */
  stored(): void {
    this.#fresh.length = 0;
  }

  /**
   * Takes a document apart by its shape, a new one when there is room; null when there is none.
   * @param fields which members the lines before the document hold
   * @param lines their values as JSON, empty for none
   */
  take(id: string, doc: Document, fields: readonly string[], lines: readonly string[]): Shaped | null {
    const sourceOf = (name: string, value: unknown): Source => {
      const line = fields.indexOf(name);
      return line >= 0 && lines[line] !== "" ? ["line", line] : sourceOfValue(id, value);
    };
    let names = "";
    const top: Part[] = [];
    for (const name of Object.keys(doc)) {
      const value = doc[name];
      if (!isStored(value)) continue;
      names += `${name}\0`;
      top.push({ path: [name], source: sourceOf(name, value), value });
    }
    const all = top.flatMap((part) => innerParts(id, part));
    const variant = this.#find(names, kindOf(all), all);
    if (variant !== null) return write(variant, all);
    const common = this.#find(names, "", top);
    return common === null ? null : write(common, top);
  }

  #find(names: string, kind: string, parts: readonly Part[]): Shape | null {
    const known = this.#byKind.get(`${names}\0${kind}`);
    if (known !== undefined) return known;
    if (this.#byNumber.size >= MAX_SHAPES || parts.length > SIGNS.length) return null;
    if (kind !== "" && (this.#variants.get(names) ?? 0) >= MAX_VARIANTS) return null;
    const members = parts.map(({ path, source }) => [path, source] as const);
    const text = JSON.stringify([names, kind, members]);
    if (text.length > MAX_TEXT) return null;
    const number = this.#byNumber.size.toString(36);
    this.#fresh.push([number, text]);
    return this.#know(number, text, names, kind, members);
  }

  #know(number: string, text: string, names: string, kind: string, members: Shape["members"]): Shape {
    const shape = { number, members, sum: crc32(text).toString(36) };
    this.#byNumber.set(number, shape);
    this.#byKind.set(`${names}\0${kind}`, shape);
    if (kind !== "") this.#variants.set(names, (this.#variants.get(names) ?? 0) + 1);
    return shape;
  }
}

/**
 * Puts a document together again, which `take` took apart.
 * @returns null for what cannot have been a document of this shape
 */
export function join(shaped: Shaped, id: string, lines: readonly string[]): Document | null {
  const { shape, signs, values } = shaped;
  const doc: Record<string, unknown> = {};
  let inner: Record<string, unknown> = doc;
  let innerName: string | null = null;
  let next = 0;
  let nextSign = 0;
  for (const [i, [[name, member], source]] of shape.members.entries()) {
    const isWritten = source[0] === "written" || (nextSign < signs.length && signs[nextSign] === SIGNS[i]);
    if (isWritten && next >= values.length) return null;
    const value = isWritten ? values[next] : read(source, id, lines);
    if (isWritten) next += 1;
    if (isWritten && source[0] !== "written") nextSign += 1;
    if (member === undefined) {
      innerName = null;
      set(doc, name, value);
    } else {
      if (innerName !== name) set(doc, (innerName = name), (inner = {}));
      set(inner, member, value);
    }
  }
  return next === values.length && nextSign === signs.length ? doc : null;
}

function write(shape: Shape, parts: readonly Part[]): Shaped {
  const values: unknown[] = [];
  let signs = "";
  for (const [i, { source, value }] of parts.entries()) {
    const known = shape.members[i]?.[1] ?? (["written"] as const);
    if (known[0] !== "written") {
      if (isSame(known, source)) continue;
      signs += SIGNS[i];
    }
    values.push(value);
  }
  return { shape, signs, values };
}

function read(source: Source, id: string, lines: readonly string[]): unknown {
  switch (source[0]) {
    case "line":
      return JSON.parse(lines[source[1]] ?? "null");
    case "id":
      return id;
    case "usual":
      if (Array.isArray(source[1])) return [];
      return typeof source[1] === "object" && source[1] !== null ? {} : source[1];
    case "written":
      return undefined;
  }
}

function sourceOfValue(id: string, value: unknown): Source {
  if (value === id) return ["id"];
  return isUsual(value) ? ["usual", value] : ["written"];
}

function isUsual(value: unknown): value is Usual {
  switch (typeof value) {
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "string":
      return WORD.test(value);
    case "object":
      if (value === null) return true;
      return Array.isArray(value) ? value.length === 0 : isPlain(value) && Object.keys(value).length === 0;
    default:
      return false;
  }
}

/** The members of an object that is a member; the part itself when it is none. */
function innerParts(id: string, part: Part): readonly Part[] {
  const { path, source, value } = part;
  if (source[0] !== "written" || typeof value !== "object" || value === null || !isPlain(value)) return [part];
  const inner = Object.entries(value).filter(([, each]: [string, unknown]) => isStored(each));
  if (inner.length === 0) return [part];
  return inner.map(([name, each]: [string, unknown]) => ({
    path: [path[0], name],
    source: sourceOfValue(id, each),
    value: each,
  }));
}

/** What documents of one variant have in common: all but the numbers and what is written. */
function kindOf(parts: readonly Part[]): string {
  let kind = "";
  for (const { path, source } of parts) {
    const detail = source[0] === "usual" ? kindOfUsual(source[1]) : (source[1] ?? "");
    kind += `${path[1] ?? ""}\0${source[0]}${detail}\0`;
  }
  return kind;
}

function kindOfUsual(value: Usual): string {
  if (typeof value === "number") return "0";
  if (typeof value === "string") return `"${value}`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[]" : "{}";
  return String(value);
}

function isSame(a: Source, b: Source): boolean {
  if (a[0] !== b[0]) return false;
  if (a[1] === b[1]) return true;
  return typeof a[1] === "object" && a[1] !== null && JSON.stringify(a[1]) === JSON.stringify(b[1]);
}

/** An object that JSON writes member by member. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !("toJSON" in value);
}

/** What JSON leaves out of an object. */
function isStored(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

function set(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  // An assignment would set the object's prototype instead.
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function parseShape(number: string, text: string): [names: string, kind: string, members: Shape["members"]] {
  const [names, kind, members] = listIn(parse(text));
  if (typeof names !== "string" || typeof kind !== "string") throw noShape(number);
  return [
    names,
    kind,
    listIn(members).map((each) => {
      const [path, source] = listIn(each);
      const [name, inner] = listIn(path);
      const [from, detail] = listIn(source);
      if (typeof name !== "string") throw noShape(number);
      return [typeof inner === "string" ? [name, inner] : [name], sourceIn(number, from, detail)] as const;
    }),
  ];
}

function sourceIn(number: string, from: unknown, detail: unknown): Source {
  if (from === "line" && typeof detail === "number") return [from, detail];
  if (from === "usual" && isUsual(detail)) return [from, detail];
  if (from === "id" || from === "written") return [from];
  throw noShape(number);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function noShape(number: string): StoreCorrupt {
  return new StoreCorrupt(`the shape ${number} of documents is not what was written; restore a backup`);
}

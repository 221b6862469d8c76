/**
 * What a memory store's "disk" holds: everything that survives a crash. A test keeps one of these, lets the store over it
 * die, and opens a new store over the same content, as a dispatcher does with its database file.
 */

import type { CollectionDeclaration } from "@hive/core";
import type { LeaderRecord } from "../../leader/watch.ts";
import { StoreCorrupt } from "../contract.ts";
import {
  type Column,
  type CompiledCollection,
  compileCollections,
  documentChecksum,
  indexColumns,
} from "../declared.ts";
import { OrderedKeys } from "./ordered-keys.ts";

/** A document as it is kept: text, so that nobody can change it through a reference, and its checksum. Columns are derived. */
interface StoredDocument {
  json: string;
  readonly columns: readonly Column[];
  readonly checksum: number;
}

class Shelf {
  readonly documents = new Map<string, StoredDocument>();
  readonly ids = new OrderedKeys();
  readonly indexes = new Map<string, OrderedKeys>();
}

interface Dump {
  readonly election: LeaderRecord & { readonly format: number; readonly secretsId: string };
  readonly collections: Readonly<Record<string, readonly (readonly [id: string, json: string, checksum: number])[]>>;
}

/** The durable part of a memory store. */
export class MemoryContent {
  epoch = 0;
  electionId = "";
  sequence = 0;
  format = 1;
  /** Fingerprint of the secrets of the dispatchers that share it; empty where one process holds it alone. */
  secretsId = "";
  #lead: Pick<LeaderRecord, "beat" | "released" | "url" | "proof"> = { beat: 0, released: false, url: "", proof: "" };
  /** The store that has this content open, when openers exclude each other. */
  holder: object | null = null;
  readonly #shelves = new Map<string, Shelf>();
  #declared = "[]";

  /** The leader's record, where dispatchers share this content; null before the first election. */
  get leader(): LeaderRecord | null {
    const { epoch, electionId, sequence } = this;
    return electionId === "" ? null : { epoch, electionId, sequence, ...this.#lead };
  }

  set leader(record: LeaderRecord) {
    const { epoch, electionId, sequence, ...lead } = record;
    Object.assign(this, { epoch, electionId, sequence });
    this.#lead = lead;
  }

  /** Lays the indexes out for these collections. Documents of collections no longer declared stay, unreachable. */
  declare(declarations: readonly CollectionDeclaration[]): Map<string, CompiledCollection> {
    const collections = compileCollections(declarations);
    const declared = JSON.stringify(declarations);
    for (const collection of collections.values()) {
      const old = this.#shelves.get(collection.name);
      if (old !== undefined && declared === this.#declared) continue;
      this.#shelves.delete(collection.name);
      for (const [id, stored] of old?.documents ?? []) this.put(collection, id, verified(collection.name, id, stored));
    }
    this.#declared = declared;
    return collections;
  }

  put(collection: CompiledCollection, id: string, json: string): void {
    this.remove(collection, id);
    const columns = indexColumns(collection, JSON.parse(json));
    const shelf = this.#shelf(collection.name);
    shelf.documents.set(id, { json, columns, checksum: documentChecksum(collection.name, id, [], json) });
    shelf.ids.add({ range: 0, id });
    for (const [name, range] of entries(collection, columns)) {
      let index = shelf.indexes.get(name);
      if (index === undefined) shelf.indexes.set(name, (index = new OrderedKeys()));
      index.add({ range, id });
    }
  }

  remove(collection: CompiledCollection, id: string): void {
    const shelf = this.#shelf(collection.name);
    const old = shelf.documents.get(id);
    if (old === undefined) return;
    shelf.documents.delete(id);
    shelf.ids.delete({ range: 0, id });
    for (const [name, range] of entries(collection, old.columns)) {
      const index = shelf.indexes.get(name);
      index?.delete({ range, id });
      if (index?.size === 0) shelf.indexes.delete(name);
    }
  }

  has(collection: CompiledCollection, id: string): boolean {
    return this.#shelf(collection.name).documents.has(id);
  }

  /** The document's text, null where there is none. @throws StoreCorrupt */
  read(collection: CompiledCollection, id: string): string | null {
    const stored = this.#shelf(collection.name).documents.get(id);
    return stored === undefined ? null : verified(collection.name, id, stored);
  }

  /** The ids of an index's value, or of the whole collection when `index` is null, in order. */
  keys(collection: CompiledCollection, index: string | null, equals: readonly string[]): OrderedKeys {
    const shelf = this.#shelf(collection.name);
    if (index === null) return shelf.ids;
    return shelf.indexes.get(indexKey(index, equals)) ?? new OrderedKeys();
  }

  /** Damages one document, as a disk might: for tests. */
  corrupt(collection: string, id: string, change: (json: string) => string): void {
    const stored = this.#shelf(collection).documents.get(id);
    if (stored !== undefined) stored.json = change(stored.json);
  }

  /** A copy that shares nothing and that nobody holds: a backup of this moment. */
  clone(): MemoryContent {
    return MemoryContent.fromText(this.toText());
  }

  toText(): string {
    const { epoch, electionId, format, sequence, secretsId } = this;
    const collections: Record<string, [string, string, number][]> = {};
    for (const [name, shelf] of this.#shelves) {
      collections[name] = [...shelf.documents].map(([id, { json, checksum }]) => [id, json, checksum]);
    }
    return JSON.stringify({
      election: { epoch, electionId, format, sequence, secretsId, ...this.#lead },
      collections,
    } satisfies Dump);
  }

  /** The content that `toText` wrote. */
  static fromText(text: string): MemoryContent {
    const content = new MemoryContent();
    const dump = JSON.parse(text) as Dump;
    const { format, secretsId, ...leader } = dump.election;
    Object.assign(content, { format, secretsId });
    content.leader = leader;
    for (const [name, documents] of Object.entries(dump.collections)) {
      // Columns are derived again by `declare`, which knows the indexes.
      for (const [id, json, checksum] of documents)
        content.#shelf(name).documents.set(id, { json, columns: [], checksum });
    }
    return content;
  }

  #shelf(name: string): Shelf {
    let shelf = this.#shelves.get(name);
    if (shelf === undefined) this.#shelves.set(name, (shelf = new Shelf()));
    return shelf;
  }
}

function verified(collection: string, id: string, stored: StoredDocument): string {
  if (documentChecksum(collection, id, [], stored.json) === stored.checksum) return stored.json;
  throw new StoreCorrupt(`the document ${collection}/${id} is not what was written`);
}

function indexKey(index: string, equals: readonly string[]): string {
  return `${index}\0${equals.join("\0")}`;
}

/** The index lists a document with these columns belongs to, each with its range value. */
function* entries(collection: CompiledCollection, columns: readonly Column[]): Generator<[string, number]> {
  for (const index of collection.indexes.values()) {
    const range = columns[collection.equalsFields.length + collection.rangeFields.indexOf(index.range)];
    if (typeof range !== "number") continue;
    const equals: string[] = [];
    for (const field of index.equals) {
      const value = columns[collection.equalsFields.indexOf(field)];
      if (typeof value === "string") equals.push(value);
    }
    if (equals.length === index.equals.length) yield [indexKey(index.name, equals), range];
  }
}

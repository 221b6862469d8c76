/**
 * How collections lie in SQLite: a table each, with the document as JSON text, its checksum, and one column per field
 * that an index needs. Tables keep SQLite's row numbers: with ids as primary keys (WITHOUT ROWID) the whole document
 * moves about in id order, which took twice the time to write and three times to load 300,000 jobs with random ids.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { CollectionDeclaration } from "@hive/core";
import { StoreCorrupt, StoreTooNew } from "../contract.ts";
import {
  type Column,
  type CompiledCollection,
  compileCollections,
  documentChecksum,
  indexColumns,
} from "../declared.ts";

/** The newest format of documents this adapter knows. */
export const FORMAT = 1;
/** "Hive" in SQLite's application_id. */
const APPLICATION_ID = 0x48697665;

/** The columns of a collection's table that its indexes use, in the order of `indexColumns`. */
export function columnNames(collection: CompiledCollection): string[] {
  return [
    ...collection.equalsFields.map((field) => `e_${field}`),
    ...collection.rangeFields.map((field) => `r_${field}`),
  ];
}

/** A row as the statements of this module read it: id, document, checksum, index columns. */
export type Row = readonly Column[];

/** The document's text. @throws StoreCorrupt when the row is not what was written. */
export function checkRow(collection: string, row: Row): string {
  const [id, json, checksum] = row;
  if (typeof id === "string" && typeof json === "string") {
    if (documentChecksum(collection, id, row.slice(3), json) === checksum) return json;
  }
  throw new StoreCorrupt(`the document ${collection}/${String(id)} is not what was written; restore a backup`);
}

/** Inserts or replaces: id, document, checksum, index columns. */
export function prepareUpsert(
  database: DatabaseSync,
  collection: CompiledCollection,
  table = collection.name,
): StatementSync {
  const columns = ["doc", "crc", ...columnNames(collection)];
  return database.prepare(
    `INSERT INTO "${table}" (id, ${columns.join(", ")}) VALUES (?${", ?".repeat(columns.length)})
     ON CONFLICT (id) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
  );
}

/**
 * Brings the file to this Hive's collections and begins an election, in one transaction.
 * @throws StoreTooNew before anything is written
 */
export function prepareTables(
  database: DatabaseSync,
  declarations: readonly CollectionDeclaration[],
  { electionId, minEpoch }: { readonly electionId: string; readonly minEpoch: number },
) {
  const collections = compileCollections(declarations);
  database.exec("BEGIN IMMEDIATE");
  try {
    const meta = prepareMeta(database);
    for (const declaration of declarations) {
      const collection = collections.get(declaration.name);
      if (collection !== undefined) prepareTable(database, collection, JSON.stringify(declaration.indexes));
    }
    const epoch = Math.max(meta.epoch + 1, minEpoch);
    database.prepare("UPDATE hive_meta SET epoch = ?, election_id = ?, sequence = 0").run(epoch, electionId);
    database.exec("COMMIT");
    return { collections, election: { epoch, electionId, format: meta.format } };
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function prepareMeta(database: DatabaseSync): { epoch: number; format: number } {
  const isNew = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (isNew) {
    database.exec(`
      PRAGMA application_id = ${APPLICATION_ID};
      CREATE TABLE hive_meta (epoch INTEGER NOT NULL, election_id TEXT NOT NULL, sequence INTEGER NOT NULL, format INTEGER NOT NULL);
      CREATE TABLE hive_collections (name TEXT PRIMARY KEY NOT NULL, indexes TEXT NOT NULL);
      INSERT INTO hive_meta VALUES (0, '', 0, ${FORMAT});`);
  }
  const application = database.prepare("PRAGMA application_id").get();
  if (application?.["application_id"] !== APPLICATION_ID) throw new StoreCorrupt("the file is not a Hive store");
  const meta = database.prepare("SELECT epoch, format FROM hive_meta").get();
  const [epoch, format] = [meta?.["epoch"], meta?.["format"]];
  if (typeof epoch !== "number" || typeof format !== "number") throw new StoreCorrupt("the store's own record is gone");
  if (format > FORMAT)
    throw new StoreTooNew(`the store has format ${format}, this Hive knows up to ${FORMAT}: start the newer Hive`);
  return { epoch, format };
}

/** Creates the table, or builds it anew when its indexes were declared otherwise. */
function prepareTable(database: DatabaseSync, collection: CompiledCollection, indexes: string): void {
  const { name } = collection;
  const known = database.prepare("SELECT indexes FROM hive_collections WHERE name = ?").get(name)?.["indexes"];
  if (known === indexes) return;
  if (typeof known === "string") database.exec(`ALTER TABLE "${name}" RENAME TO hive_old`);
  const columns = columnNames(collection).map((column) => `, ${column} ${column.startsWith("r_") ? "REAL" : "TEXT"}`);
  database.exec(
    `CREATE TABLE "${name}" (id TEXT NOT NULL UNIQUE, doc TEXT NOT NULL, crc INTEGER NOT NULL${columns.join("")})`,
  );
  if (typeof known === "string") {
    const old = compileCollections([{ name, indexes: JSON.parse(known) as CollectionDeclaration["indexes"] }]).get(
      name,
    );
    if (old !== undefined) copyDocuments(database, old, collection);
    database.exec("DROP TABLE hive_old");
  }
  for (const index of collection.indexes.values()) {
    const equals = index.equals.map((field) => `e_${field}, `).join("");
    database.exec(
      `CREATE INDEX "${name}.${index.name}" ON "${name}" (${equals}r_${index.range}) WHERE r_${index.range} IS NOT NULL`,
    );
  }
  database.prepare("INSERT OR REPLACE INTO hive_collections VALUES (?, ?)").run(name, indexes);
}

function copyDocuments(database: DatabaseSync, old: CompiledCollection, collection: CompiledCollection): void {
  const insert = prepareUpsert(database, collection);
  const select = database.prepare(`SELECT ${["id", "doc", "crc", ...columnNames(old)].join(", ")} FROM hive_old`);
  select.setReturnArrays(true);
  for (const row of rows(select.iterate())) {
    const json = checkRow(collection.name, row);
    const id = String(row[0]);
    const columns = indexColumns(collection, JSON.parse(json));
    insert.run(id, json, documentChecksum(collection.name, id, columns, json), ...columns);
  }
}

/** node:sqlite types rows as records whatever `setReturnArrays` says; this is the one place that knows better. */
export function* rows(found: Iterable<unknown>): Generator<Row> {
  for (const row of found) yield row as Row;
}

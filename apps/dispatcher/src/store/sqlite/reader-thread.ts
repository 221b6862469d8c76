/**
 * The thread that reads. In WAL mode readers see the last commit that is wholly on the disk and wait for no writer, so
 * lists and logs stay quick while a flush is slow. Checksums are verified here; the main thread only parses.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { PAGE_BYTES } from "../contract.ts";
import { type Column, type CompiledCollection, type CompiledQuery, compileCollections } from "../declared.ts";
import type { RawPage, ReaderCalls } from "./calls.ts";
import { explain } from "./failures.ts";
import { checkRow, columnNames, type Row, rows } from "./tables.ts";
import { serve } from "./thread.ts";

interface Opened {
  readonly path: string;
  readonly database: DatabaseSync;
  readonly collections: readonly CompiledCollection[];
  /** Prepared once per shape of query; there are only so many indexes, orders and bounds. */
  readonly statements: Map<string, StatementSync>;
}

let opened: Opened | null = null;

serve<ReaderCalls>({
  open({ path, declarations }) {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    database.exec("PRAGMA cache_size = -65536; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;");
    opened = { path, database, collections: [...compileCollections(declarations).values()], statements: new Map() };
  },
  get: (keys) => reading((reader) => get(reader, keys)),
  list: (query) => reading((reader) => list(reader, query)),
  verify: () => reading(verify),
  close() {
    opened?.database.close();
    opened = null;
  },
});

function reading<T>(read: (reader: Opened) => T): T {
  if (opened === null) throw new Error("the store is not open");
  try {
    return read(opened);
  } catch (error) {
    throw explain(error, opened.path);
  }
}

function prepared({ database, statements }: Opened, sql: string): StatementSync {
  let statement = statements.get(sql);
  if (statement === undefined) {
    statement = database.prepare(sql);
    statement.setReturnArrays(true);
    statements.set(sql, statement);
  }
  return statement;
}

function selectFrom(collection: CompiledCollection): string {
  return `SELECT ${["id", "doc", "crc", ...columnNames(collection)].join(", ")} FROM "${collection.name}"`;
}

function get(reader: Opened, keys: readonly Column[]): string[] {
  const lists: string[] = [];
  let found: string[] = [];
  let size = 0;
  // One transaction, so that all documents are of the same moment.
  reader.database.exec("BEGIN");
  try {
    for (let i = 0; i < keys.length; i += 2) {
      const collection = reader.collections[Number(keys[i])];
      if (collection === undefined) throw new RangeError("no such collection");
      const [row] = rows(prepared(reader, `${selectFrom(collection)} WHERE id = ?`).iterate(String(keys[i + 1])));
      const json = row === undefined ? "null" : checkRow(collection.name, row);
      found.push(json);
      size += json.length;
      if (size < PAGE_BYTES) continue;
      lists.push(`[${found.join(",")}]`);
      found = [];
      size = 0;
    }
  } finally {
    reader.database.exec("COMMIT");
  }
  lists.push(`[${found.join(",")}]`);
  return lists;
}

function list(reader: Opened, query: CompiledQuery): RawPage {
  const { collection, index, limit } = query;
  const order = query.descending ? "DESC" : "ASC";
  const beyond = query.descending ? "<" : ">";
  const range = index === null ? "id" : `r_${index.range}`;
  const where = (index?.equals ?? []).map((field) => `e_${field} = ?`);
  const bound: Column[] = [...query.equals];
  if (index !== null) where.push(`${range} IS NOT NULL`);
  if (query.after !== null) {
    where.push(index === null ? `id ${beyond} ?` : `(${range}, id) ${beyond} (?, ?)`);
    bound.push(...(index === null ? [query.after.id] : [query.after.range, query.after.id]));
  }
  if (query.from !== null) {
    where.push(`${range} >= ?`);
    bound.push(query.from);
  }
  if (query.below !== null) {
    where.push(`${range} < ?`);
    bound.push(query.below);
  }
  const using = index === null ? "" : ` INDEXED BY "${collection.name}.${index.name}"`;
  const filter = where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`;
  const sql = `${selectFrom(collection)}${using}${filter} ORDER BY ${index === null ? "" : `${range} ${order}, `}id ${order} LIMIT ?`;

  const ids: string[] = [];
  const documents: string[] = [];
  let size = 0;
  let last: Row | undefined;
  for (const row of rows(prepared(reader, sql).iterate(...bound, limit + 1))) {
    if (ids.length === limit || size >= PAGE_BYTES)
      return { ids, json: `[${documents.join(",")}]`, next: cursor(query, last) };
    const json = checkRow(collection.name, row);
    size += json.length;
    documents.push(json);
    ids.push(String(row[0]));
    last = row;
  }
  return { ids, json: `[${documents.join(",")}]`, next: null };
}

function cursor({ collection, index }: CompiledQuery, row: Row | undefined): RawPage["next"] {
  const id = String(row?.[0]);
  if (index === null) return { range: id, id };
  return { range: Number(row?.[3 + collection.equalsFields.length + collection.rangeFields.indexOf(index.range)]), id };
}

function verify(reader: Opened): string[] {
  const damage: string[] = [];
  for (const row of rows(prepared(reader, "PRAGMA integrity_check").all())) {
    if (row[0] !== "ok") damage.push(String(row[0]));
  }
  for (const collection of reader.collections) {
    for (const row of rows(prepared(reader, selectFrom(collection)).iterate())) {
      try {
        checkRow(collection.name, row);
      } catch (error) {
        damage.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
  return damage;
}

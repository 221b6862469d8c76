/**
 * The thread that writes. One transaction per commit, flushed to the disk before it answers (WAL with
 * synchronous=FULL: with NORMAL a power loss took every commit since the last checkpoint). The election and sequence are
 * compared inside the same transaction, so an old queen cannot write whatever she believes.
 */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StoreCorrupt, StoreExpectation, StoreFenced } from "../contract.ts";
import { type Column, type CompiledCollection, documentChecksum } from "../declared.ts";
import type { WriterCalls } from "./calls.ts";
import { explain } from "./failures.ts";
import { type Lock, takeLock } from "./lock.ts";
import { columnNames, prepareTables, prepareUpsert } from "./tables.ts";
import { serve } from "./thread.ts";

/** How long to wait for a foreign program (a backup tool) that locks the file, in milliseconds. */
const BUSY_MS = 10_000;
/** Pages of 4 KiB in the log before they are moved into the database: 32 MiB. */
const CHECKPOINT_PAGES = 8192;
/** Files up to this size are checked whole when opened, in bytes: some tenths of a second. Larger ones by `verify`. */
const CHECK_WHOLE_BYTES = 64 * 1024 * 1024;

interface Table {
  readonly name: string;
  readonly columns: number;
  readonly upsert: StatementSync;
  readonly remove: StatementSync;
  readonly find: StatementSync;
}

interface Opened {
  readonly path: string;
  readonly lock: Lock;
  readonly database: DatabaseSync;
  readonly tables: readonly Table[];
  readonly begin: StatementSync;
  readonly fence: StatementSync;
  readonly commit: StatementSync;
}

let opened: Opened | null = null;

serve<WriterCalls>({ open, commit, close });

function open(asked: WriterCalls["open"]["ask"]): WriterCalls["open"]["answer"] {
  const { path, declarations, command } = asked;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = takeLock(path, command);
  let database: DatabaseSync | null = null;
  try {
    if (!existsSync(path)) createPrivate(path);
    database = new DatabaseSync(path, { timeout: BUSY_MS, defensive: true });
    database.exec(`
      PRAGMA page_size = 4096;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${64 * 1024 * 1024};
      PRAGMA cache_size = -65536;
      PRAGMA cell_size_check = ON;
      PRAGMA trusted_schema = OFF;`);
    checkDurable(database, path);
    checkWhole(database, path);
    const { collections, election } = prepareTables(database, declarations, asked);
    const tables = [...collections.values()].map((collection) => prepareTable(database as DatabaseSync, collection));
    opened = {
      path,
      lock,
      database,
      tables,
      begin: database.prepare("BEGIN IMMEDIATE"),
      fence: database.prepare(
        "UPDATE hive_meta SET sequence = ?1 WHERE epoch = ?2 AND election_id = ?3 AND sequence = ?1 - 1",
      ),
      commit: database.prepare("COMMIT"),
    };
    return election;
  } catch (error) {
    database?.close();
    lock.release();
    throw explain(error, path);
  }
}

/** The file holds instructions and sealed secrets: nobody else reads it. Its name is durable before its first commit. */
function createPrivate(path: string): void {
  closeSync(openSync(path, "ax", 0o600));
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

/** SQLite answers a setting it cannot take with silence: ask what is true before anybody's job depends on it. */
function checkDurable(database: DatabaseSync, path: string): void {
  const mode = database.prepare("PRAGMA journal_mode").get()?.["journal_mode"];
  const synchronous = database.prepare("PRAGMA synchronous").get()?.["synchronous"];
  if (mode !== "wal" || synchronous !== 2) {
    throw new Error(`${path} cannot be written durably (journal ${String(mode)}, synchronous ${String(synchronous)})`);
  }
}

/** A flipped bit in an index can hide a document without changing it; only SQLite's own check sees that. */
function checkWhole(database: DatabaseSync, path: string): void {
  if (statSync(path).size > CHECK_WHOLE_BYTES) return;
  const said = database.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
  if (said !== "ok") throw new StoreCorrupt(`${path} is damaged (${String(said)}); restore a backup`);
}

function prepareTable(database: DatabaseSync, collection: CompiledCollection): Table {
  return {
    name: collection.name,
    columns: columnNames(collection).length,
    upsert: prepareUpsert(database, collection),
    remove: database.prepare(`DELETE FROM "${collection.name}" WHERE id = ?`),
    find: database.prepare(`SELECT 1 FROM "${collection.name}" WHERE id = ?`),
  };
}

function commit({ election, sequence, absent, changes }: WriterCalls["commit"]["ask"]): void {
  if (opened === null) throw new Error("the store is not open");
  const { path, database, begin, fence } = opened;
  try {
    begin.run();
    const { changes: fenced } = fence.run(sequence, election.epoch, election.electionId);
    if (fenced !== 1) throw new StoreFenced(whyFenced(database, election.epoch, sequence));
    for (let i = 0; i < absent.length; i += 2) {
      const table = tableAt(absent[i]);
      const id = String(absent[i + 1]);
      if (table.find.get(id) !== undefined) throw new StoreExpectation(`${table.name}/${id} is there already`);
    }
    applyChanges(changes);
    opened.commit.run();
  } catch (error) {
    if (database.isTransaction) rollBack(database);
    throw explain(error, path);
  }
}

function applyChanges(changes: readonly Column[]): void {
  for (let i = 0; i < changes.length; ) {
    const table = tableAt(changes[i]);
    const id = String(changes[i + 1]);
    const json = changes[i + 2];
    i += 3;
    if (typeof json !== "string") {
      table.remove.run(id);
      continue;
    }
    const columns = changes.slice(i, i + table.columns);
    i += table.columns;
    table.upsert.run(id, json, documentChecksum(table.name, id, columns, json), ...columns);
  }
}

function tableAt(number: Column | undefined): Table {
  const table = opened?.tables[Number(number)];
  if (table === undefined) throw new RangeError(`there is no collection number ${String(number)}`);
  return table;
}

function whyFenced(database: DatabaseSync, epoch: number, sequence: number): string {
  const meta = database.prepare("SELECT epoch, sequence FROM hive_meta").get();
  return `commit ${sequence} of election ${epoch} is refused: the store is at commit ${String(meta?.["sequence"])} of election ${String(meta?.["epoch"])}`;
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // The error that led here says what is wrong; closing the connection rolls back as well.
  }
}

function close(): void {
  const closing = opened;
  opened = null;
  if (closing === null) return;
  try {
    closing.database.close();
  } finally {
    closing.lock.release();
  }
}

/** Turns what SQLite says into what the store's contract promises, in words an operator can act on. */

import { StoreCorrupt } from "../contract.ts";

const BUSY = 5;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const NOTADB = 26;

/** The error to give on; errors that are not SQLite's come back as they are. */
export function explain(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const code = sqliteCode(error);
  switch (code) {
    case null:
      return error;
    case CORRUPT:
    case NOTADB:
      return new StoreCorrupt(`${path} is damaged (SQLite: ${error.message}); restore a backup`);
    case FULL:
      return new Error(`the disk that holds ${path} is full; free some space and Hive continues by itself`);
    case BUSY:
      return new Error(`another program keeps ${path} locked; end it and Hive continues by itself`);
    case IOERR:
      return new Error(`reading or writing ${path} failed (SQLite: ${error.message}); look at the disk`);
    default:
      return new Error(`${path}: ${error.message} (SQLite code ${code})`);
  }
}

/** The primary result code of an error from node:sqlite, null for other errors. */
export function sqliteCode(error: Error): number | null {
  return "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : null;
}

/**
 * One process per store. The lock is an exclusive transaction that stays open on a small database file beside the store:
 * the operating system releases it when the process ends, however it ends, so there is never a stale lock to remove.
 * (Needs a filesystem with working POSIX locks; NFS often has none.)
 */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StoreInUse } from "../contract.ts";
import { explain, sqliteCode } from "./failures.ts";

const BUSY = 5;

export interface Lock {
  /** Lets the next process in. */
  release(): void;
}

/**
 * Takes the lock of the store at `path`, at once or not at all.
 * @param command what this process was started as, for the message the next one shows
 * @throws StoreInUse naming the holder
 */
export function takeLock(path: string, command: string): Lock {
  const owner = `${path}.owner`;
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  } catch (error) {
    throw explain(error, `${path}.lock`);
  }
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && sqliteCode(error) === BUSY) throw new StoreInUse(inUse(path, owner));
    throw explain(error, `${path}.lock`);
  }
  writeFileSync(owner, JSON.stringify({ pid: process.pid, command, since: new Date().toISOString() }), { mode: 0o600 });
  return {
    release() {
      rmSync(owner, { force: true });
      database.close();
    },
  };
}

function inUse(path: string, owner: string): string {
  const way = "stop it first, or give this server another HIVE_DATA";
  try {
    const { pid, command, since } = JSON.parse(readFileSync(owner, "utf8")) as {
      pid: number;
      command: string;
      since: string;
    };
    return `${path} is in use by process ${pid} ("${command}", since ${since}): ${way} (kill ${pid})`;
  } catch {
    return `${path} is in use by another process: ${way}`;
  }
}

/**
 * A lock between processes on one machine. Lock files with an owner's number in them are wrong as soon as the owner
 * dies or lives in another container; a lock the kernel holds is not: it ends with its process. SQLite offers exactly
 * that on every system, so an empty SQLite file is the lock and nothing is ever stored in it.
 */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;
const SQLITE_BUSY = 5;

/**
 * Waits until this process alone holds `file`, runs `work`, and lets go also when it throws. Two holders in one process
 * exclude each other too. Rejects with the signal's reason if it fires while waiting.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    let pauseMs = FIRST_PAUSE_MS;
    while (!tryLock(lock)) {
      // The jitter keeps several waiters from asking in step.
      await pause(pauseMs * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}

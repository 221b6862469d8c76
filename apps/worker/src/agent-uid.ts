/**
 * Which user id a slot's agents get when several Hives run on one machine. A slot kills every process of its user
 * between jobs; two servers with the same numbers would end each other's work (seen). So a worker holds a lock of the
 * kernel on its user id as long as it lives, and takes the next free one when another holds it.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_UID_BASE } from "./process/agent-user.ts";

/** A user id nobody else on this machine uses for agents. */
export interface ReservedUid {
  /** What `openSlot` adds the slot's number to. */
  readonly uidBase: number;
  /** Gives the id back; the end of the process does the same. */
  readonly release: () => void;
}

/** Where the locks are: gone after a restart of the machine, as the processes are. */
const FOLDER = "/run/hive-agents";
/** Distance between the numbers tried: more than any machine has slots. */
const STEP = 4_096;
const MOST_TRIES = 32;
const SQLITE_BUSY = 5;

/**
 * Reserves the first free id. Without root, or where no lock can be kept (a read-only container, which has its own
 * processes anyway), nothing is reserved and the first id is the answer.
 * @throws when all ids are taken
 */
export async function reserveUid(slot: number, base = DEFAULT_UID_BASE, folder = FOLDER): Promise<ReservedUid> {
  const unlocked = { uidBase: base, release: () => undefined };
  if (process.getuid?.() !== 0) return unlocked;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch {
    return unlocked;
  }
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const uidBase = base + tries * STEP;
    const lock = tryLock(join(folder, `${uidBase + slot}.lock`));
    if (lock !== null) return { uidBase, release: () => lock.close() };
  }
  throw new Error(`no free user id for agents: ${MOST_TRIES} are in use; set HIVE_AGENT_UID_BASE to another range`);
}

/** An empty SQLite file is a lock the kernel ends with its process; nothing is ever stored in it. */
function tryLock(file: string): DatabaseSync | null {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return null;
    throw error;
  }
}

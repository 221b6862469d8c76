/** Where the files of a job are. Job ids are hashed: whatever an id holds, no part of a path is ever made of it. */

import { createHash } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "./ends.ts";

/** The folder of a job's logs and artifacts: two levels, so that no folder gets a million entries. */
export function jobFolder(root: string, jobId: string): string {
  const name = createHash("sha256").update(jobId).digest("hex");
  return join(root, name.slice(0, 2), name.slice(2, 42));
}

/** @throws RangeError for what cannot be a fence */
export function checkFence(fence: number): number {
  if (!Number.isSafeInteger(fence) || fence < 0) throw new RangeError(`${fence} is not a fence`);
  return fence;
}

/** Paths of one attempt. */
export function attemptPaths(root: string, jobId: string, fence: number) {
  const base = join(jobFolder(root, jobId), String(checkFence(fence)).padStart(8, "0"));
  return { log: `${base}.log`, ends: `${base}.ends`, artifacts: `${base}.artifacts` };
}

/** The names in a folder; none when it is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Fences of a job that have a file of this ending (`.log`, `.artifacts`), lowest first. */
export function fencesAmong(names: readonly string[], ending: string): number[] {
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => Number(name.slice(0, -ending.length)))
    .filter(Number.isSafeInteger)
    .sort((a, b) => a - b);
}

/** Makes the names in a folder durable: a new file's bytes are worth nothing without its name. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for a job's folder that may be new itself, with the two above it. */
export async function flushFolders(folder: string): Promise<void> {
  await flushFolder(folder);
  await flushFolder(dirname(folder));
  await flushFolder(dirname(dirname(folder)));
}

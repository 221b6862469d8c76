/** Which files there are: those the operator's patterns name, and their neighbours, for those are where logs are rotated to. */

import type { BigIntStats } from "node:fs";
import { glob, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";

/** A plain file that is there now. */
export interface FoundFile {
  readonly path: string;
  readonly dev: string;
  readonly ino: string;
  readonly size: number;
  readonly changedMs: number;
}

/** Compressed files: what is in them was read before they were compressed. */
const PACKED = /\.(?:gz|bz2|xz|zst|lz4|Z|zip)$/;
/** Entries of one folder that are looked at. */
const NEIGHBOURS_MAX = 10_000;
const NOT_THERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EACCES"]);

/** Files that fit any of the patterns, each once, by name; `more`: there were more than `max`. */
export async function findFiles(
  patterns: readonly string[],
  max: number,
): Promise<{ readonly files: readonly FoundFile[]; readonly more: boolean }> {
  const found = new Map<string, FoundFile>();
  for (const pattern of patterns) {
    for await (const path of glob(pattern)) {
      const file = await statPlain(path);
      if (file === null || found.has(identity(file))) continue;
      if (found.size === max) return { files: byName(found), more: true };
      found.set(identity(file), file);
    }
  }
  return { files: byName(found), more: false };
}

/** Files beside `path` whose names begin as its own does up to the first dot: `app.log` has `app.log.1` and `app-2026.log`. */
export async function neighboursOf(path: string): Promise<readonly FoundFile[]> {
  const folder = dirname(path);
  const stem = stemOf(path);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    // The folder went away with its files, or tells nobody what is in it.
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EACCES"].includes(String(error.code)))
      return [];
    throw error;
  }
  const found: FoundFile[] = [];
  for (const name of names.slice(0, NEIGHBOURS_MAX)) {
    if (!name.startsWith(stem)) continue;
    const file = await statPlain(join(folder, name));
    if (file !== null) found.push(file);
  }
  return found;
}

/** True when a copy of the file at `path` may have this other path. */
export function mayBeCopy(path: string, other: string): boolean {
  return other !== path && dirname(other) === dirname(path) && nameOf(other).startsWith(stemOf(path));
}

async function statPlain(path: string): Promise<FoundFile | null> {
  if (PACKED.test(path)) return null;
  let found: BigIntStats;
  try {
    found = await lstat(path, { bigint: true });
    if (found.isSymbolicLink()) {
      const link = found;
      found = await stat(path, { bigint: true });
      if (!mayLead(link, found)) return null;
    }
  } catch (error) {
    // Rotated away between the listing and the look, or a link to nothing, or to where nobody may look.
    if (error instanceof Error && "code" in error && NOT_THERE.has(String(error.code))) return null;
    throw error;
  }
  if (!found.isFile()) return null;
  const { dev, ino, size, mtimeMs } = found;
  return { path, dev: dev.toString(36), ino: ino.toString(36), size: Number(size), changedMs: Number(mtimeMs) };
}

/**
 * Who may write into a folder of logs could lay a link there to any file that this server may read, its own secrets too,
 * and have it told as a log. So a link leads to what belongs to who laid it, and those of root and of this server anywhere.
 */
function mayLead(link: BigIntStats, target: BigIntStats): boolean {
  return link.uid === target.uid || link.uid === 0n || link.uid === BigInt(process.geteuid?.() ?? 0);
}

function identity({ dev, ino }: FoundFile): string {
  return `${dev}.${ino}`;
}

function byName(found: ReadonlyMap<string, FoundFile>): FoundFile[] {
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function stemOf(path: string): string {
  const name = nameOf(path);
  const dot = name.indexOf(".", 1);
  return dot === -1 ? name : name.slice(0, dot);
}

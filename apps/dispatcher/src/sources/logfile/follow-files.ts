/**
 * Tells what became of the files that were read before: which were renamed, truncated, copied and truncated, replaced or
 * taken away, and where reading goes on. Logs are rotated in two ways. By rename the file goes on under another name and
 * a new one begins: its inode says so. By copy and truncation the rest of what was not read yet is in the copy: a file
 * that begins with the same bytes is no news, and is read from where the original had been read to.
 */

import {
  type FileHead,
  FileMoved,
  type FileRecord,
  fileKey,
  headOf,
  NO_HEAD,
  readAt,
  withFile,
} from "./file-record.ts";
import { type FoundFile, findFiles, mayBeCopy, neighboursOf } from "./find-files.ts";

/** Files one source follows. */
export const FILES_MAX = 1_000;
/** A file that is being renamed may be missing from one listing: it is gone when it was missing from so many in a row. */
const MISSING_MAX = 3;

/** A file to read from, and where it is now. */
export interface FollowedFile {
  readonly record: FileRecord;
  readonly size: number;
  /** Its earlier content was taken away. */
  readonly begunAnew: boolean;
}

/** What is there now. */
export interface Followed {
  readonly files: readonly FollowedFile[];
  /** Files whose earlier content is in no place any more: what of it was held back for more lines never gets them. */
  readonly lost: readonly string[];
  /** Files that are there no more. */
  readonly gone: readonly string[];
  /** What could not be read, for people. */
  readonly notices: readonly string[];
}

/** What is known from before. */
export interface Known {
  readonly records: ReadonlyMap<string, FileRecord>;
  /** In how many looks in a row a file was missing; kept up here. */
  readonly missing: Map<string, number>;
  /** Files found now are read from their end: the source never looked before, and is to begin with what comes. */
  readonly fromEnd: boolean;
}

/**
 * Compares what is known with what is there.
 * @throws FileMoved when files are being rotated at this moment: to be asked again
 */
export async function followFiles(patterns: readonly string[], known: Known): Promise<Followed> {
  const { files: matching, more } = await findFiles(patterns, FILES_MAX);
  const there = new Map(matching.map((file) => [fileKey(file), file]));
  await addRotated(there, known.records);

  const followed = new Map<string, FollowedFile>();
  const gone: string[] = [];
  /** Of files that are not what they were: copies of them begin where they had been read to. */
  const ended = new Map<string, FileRecord>();
  const notices = more ? [`there are more than ${FILES_MAX} files; the others are not read`] : [];
  for (const [key, record] of known.records) {
    const file = there.get(key);
    if (file === undefined) {
      const missing = (known.missing.get(key) ?? 0) + 1;
      known.missing.set(key, missing);
      if (missing < MISSING_MAX) continue;
      gone.push(key);
      ended.set(key, record);
      continue;
    }
    known.missing.delete(key);
    try {
      const head = await headIfSame(file, record);
      const now = head === null ? await newRecord(file, false) : { ...record, path: file.path, head };
      if (head === null) ended.set(key, record);
      followed.set(key, { record: now, size: file.size, begunAnew: head === null });
    } catch (error) {
      passOver(error, file, notices);
    }
  }
  const lost: string[] = [];
  for (const [key, record] of ended) if (!(await addCopy(record, followed, known.records))) lost.push(key);
  for (const file of matching) {
    const key = fileKey(file);
    if (known.records.has(key) || followed.has(key) || file.size === 0) continue;
    try {
      if (await isCopyOfAny(file, followed)) continue;
      followed.set(key, { record: await newRecord(file, known.fromEnd), size: file.size, begunAnew: false });
    } catch (error) {
      passOver(error, file, notices);
    }
  }
  for (const key of gone) known.missing.delete(key);
  return { files: [...followed.values()], lost, gone, notices };
}

/** One file that may not be read must not stop the others. */
function passOver(error: unknown, { path }: FoundFile, notices: string[]): void {
  if (!isForbidden(error)) throw error;
  notices.push(`${path} may not be read`);
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EACCES";
}

/** Files that are known and fit no pattern any more are looked for beside where they were. */
async function addRotated(there: Map<string, FoundFile>, records: ReadonlyMap<string, FileRecord>): Promise<void> {
  const looked = new Set<string>();
  for (const [key, record] of records) {
    if (there.has(key) || looked.has(record.base)) continue;
    looked.add(record.base);
    for (const file of await neighboursOf(record.base)) {
      const neighbour = fileKey(file);
      if (records.has(neighbour) && !there.has(neighbour)) there.set(neighbour, file);
    }
  }
}

/** Its head now; null when it was truncated or is another file with the same inode. */
async function headIfSame(file: FoundFile, record: FileRecord): Promise<FileHead | null> {
  if (file.size < record.position) return null;
  return withFile(file, (handle) => headOf(handle, record.head));
}

/** A file that was truncated, or is gone, may live on in a copy that has what was not read yet. */
async function addCopy(
  record: FileRecord,
  followed: Map<string, FollowedFile>,
  records: ReadonlyMap<string, FileRecord>,
): Promise<boolean> {
  if (record.head.bytes === 0) return false;
  for (const file of await neighboursOf(record.base)) {
    const key = fileKey(file);
    if (followed.has(key) || records.has(key) || !mayBeCopy(record.base, file.path)) continue;
    const head = await headIfSame(file, record).catch((error: unknown) => {
      // A neighbour that is no log of ours may be anything.
      if (isForbidden(error)) return null;
      throw error;
    });
    if (head === null) continue;
    const { dev, ino, path } = file;
    followed.set(key, { record: { ...record, dev, ino, path, head }, size: file.size, begunAnew: false });
    return true;
  }
  return false;
}

/** A copy that is being made, of a file that is not truncated yet: its lines are those of the file. */
async function isCopyOfAny(file: FoundFile, followed: ReadonlyMap<string, FollowedFile>): Promise<boolean> {
  for (const { record, size } of followed.values()) {
    if (record.head.bytes === 0 || !mayBeCopy(record.base, file.path)) continue;
    const bytes = Math.min(record.head.bytes, file.size, size);
    const first = await withFile(file, (handle) => readAt(handle, 0, bytes));
    const same = await withFile(record, async (handle) => {
      const known = await readAt(handle, 0, bytes);
      return (await headOf(handle, record.head)) === null ? null : known;
    });
    // Truncated at this very moment: then the other one is its copy, and has what was not read yet.
    if (same === null || first.length < bytes) throw new FileMoved(record.path);
    if (bytes > 0 && first.equals(same)) return true;
  }
  return false;
}

/** From its beginning, or from its end: then a line that is being written counts for nothing, it began before. */
async function newRecord(file: FoundFile, fromEnd: boolean): Promise<FileRecord> {
  const { path, dev, ino, size } = file;
  return withFile(file, async (handle) => {
    const head = (await headOf(handle, NO_HEAD)) ?? NO_HEAD;
    const last = fromEnd && size > 0 ? (await readAt(handle, size - 1, 1))[0] : 0x0a;
    return { kind: "file", base: path, path, dev, ino, head, position: fromEnd ? size : 0, midLine: last !== 0x0a };
  });
}

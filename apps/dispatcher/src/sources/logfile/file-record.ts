/**
 * How far a file was read. A file is known by its inode and by its first bytes, not by its name: names move when logs are
 * rotated, inodes are used again, and a file that was truncated is another file in the same place.
 */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { z } from "zod";

/** First bytes that a file is known by. */
const HEAD_BYTES = 1_024;

const headSchema = z.object({ bytes: z.int().min(0).max(HEAD_BYTES), hash: z.string() });
/** The first bytes of a file, as far as there were any when it was last looked at. */
export type FileHead = z.infer<typeof headSchema>;

export const fileRecordSchema = z.object({
  kind: z.literal("file"),
  /** Where it was first seen. It is `path` until it is rotated. */
  base: z.string(),
  /** Where it was last seen. */
  path: z.string(),
  dev: z.string(),
  ino: z.string(),
  head: headSchema,
  /** Bytes that are done with: everything before is counted. */
  position: z.int().min(0),
  /** What follows up to the next line's end belongs to a line that was counted already. */
  midLine: z.boolean(),
});
/** A file as remembered, in a memory of its source. */
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** The head of a file nothing is known of. */
export const NO_HEAD: FileHead = { bytes: 0, hash: "" };

/** The id of a file's memory. */
export function fileKey({ dev, ino }: { readonly dev: string; readonly ino: string }): string {
  return `file.${dev}.${ino}`;
}

/** A name now stands for another file than a moment ago: what was found is to be looked at anew. */
export class FileMoved extends Error {
  override readonly name = "FileMoved";
}

/** Where a file is, and which one it is. */
export interface FilePlace {
  readonly path: string;
  readonly dev: string;
  readonly ino: string;
}

/**
 * Opens exactly this file, uses it and closes it. A pipe would wait for ever; it is never waited for.
 * @throws FileMoved when the name stands for another file now, or for none
 */
export async function withFile<T>(place: FilePlace, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle;
  try {
    handle = await open(place.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      throw new FileMoved(`${place.path} is not there any more`, { cause: error });
    throw error;
  }
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    if (dev.toString(36) !== place.dev || ino.toString(36) !== place.ino)
      throw new FileMoved(`${place.path} is another file now`);
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** At most `bytes` from `position`. */
export async function readAt(handle: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let got = 0;
  while (got < bytes) {
    const { bytesRead } = await handle.read(buffer, got, bytes - got, position + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}

/** The head of an open file now; null when it is not the file with this head any more. */
export async function headOf(handle: FileHandle, known: FileHead): Promise<FileHead | null> {
  const first = await readAt(handle, 0, HEAD_BYTES);
  if (first.length < known.bytes || hashOf(first.subarray(0, known.bytes)) !== known.hash) return null;
  return first.length === known.bytes ? known : { bytes: first.length, hash: hashOf(first) };
}

function hashOf(bytes: Buffer): string {
  return bytes.length === 0 ? "" : createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}

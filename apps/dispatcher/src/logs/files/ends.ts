/**
 * How far a log file is known to be on the disk. Beside each log lies a list of short records, one per flush: "so many
 * bytes with this CRC-32 were durable". After a power loss the tail of a file may be missing, zero or garbage; the last
 * record whose CRC fits the file is where it is cut, and the worker sends the rest again.
 */

import { type FileHandle, open, readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";

/** A place where the file was durable. */
export interface End {
  readonly bytes: number;
  readonly crc32: number;
  readonly sealed: boolean;
}

/** An end that the bytes of the file confirm, and how much of the list tells of it and of those before it, in bytes. */
export interface FoundEnd extends End {
  readonly listed: number;
}

const OPEN = 0x486f7065;
const SEALED = 0x48736561;
const RECORD_BYTES = 20;
const PIECE = 1024 * 1024;

/** One record: kind, bytes, CRC-32 of the log so far, CRC-32 of the record itself. */
export function encodeEnd(end: End): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt32LE(end.sealed ? SEALED : OPEN, 0);
  record.writeBigUInt64LE(BigInt(end.bytes), 4);
  record.writeUInt32LE(end.crc32, 12);
  record.writeUInt32LE(crc32(record.subarray(0, 16)), 16);
  return record;
}

/** The whole records of a list, up to the first that is torn or damaged. */
export function decodeEnds(list: Uint8Array): End[] {
  const buffer = Buffer.from(list.buffer, list.byteOffset, list.byteLength);
  const ends: End[] = [];
  for (let at = 0; at + RECORD_BYTES <= buffer.length; at += RECORD_BYTES) {
    const kind = buffer.readUInt32LE(at);
    if (buffer.readUInt32LE(at + 16) !== crc32(buffer.subarray(at, at + 16)) || (kind !== OPEN && kind !== SEALED))
      break;
    ends.push({
      bytes: Number(buffer.readBigUInt64LE(at + 4)),
      crc32: buffer.readUInt32LE(at + 12),
      sealed: kind === SEALED,
    });
  }
  return ends;
}

/**
 * Where a log file can be trusted up to: the last recorded end that its bytes confirm. Nothing is changed on the disk.
 * Null when there is no file.
 */
export async function findEnd(logPath: string, endsPath: string): Promise<FoundEnd | null> {
  let file: FileHandle;
  try {
    file = await open(logPath, "r");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const ends = decodeEnds(await readFile(endsPath).catch(emptyWhenMissing));
    return await confirm(file, ends);
  } finally {
    await file.close();
  }
}

async function confirm(file: FileHandle, ends: readonly End[]): Promise<FoundEnd> {
  let confirmed: FoundEnd = { bytes: 0, crc32: 0, sealed: false, listed: 0 };
  let at = 0;
  let crc = 0;
  const piece = Buffer.allocUnsafe(PIECE);
  for (const end of ends) {
    while (at < end.bytes) {
      const { bytesRead } = await file.read(piece, 0, Math.min(PIECE, end.bytes - at), at);
      if (bytesRead === 0) return confirmed;
      crc = crc32(piece.subarray(0, bytesRead), crc);
      at += bytesRead;
    }
    if (at !== end.bytes || crc !== end.crc32) return confirmed;
    confirmed = { ...end, listed: confirmed.listed + RECORD_BYTES };
  }
  return confirmed;
}

/** True for the error of a file that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function emptyWhenMissing(error: unknown): Buffer {
  if (isMissing(error)) return Buffer.alloc(0);
  throw error;
}

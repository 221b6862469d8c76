/**
 * The bytes of a log in Redis: its beginning is a string, its end the entries of a stream. Read a batch at a time, and
 * compared with the checksums they were written with: memory and files have bits that flip.
 */

import { crc32 } from "node:zlib";
import { StoreCorrupt } from "../../store/contract.ts";
import { READ_PIECE } from "../contract.ts";
import type { GuardedRedis } from "./guarded-redis.ts";

/** Bytes that a batch is meant to have. */
const BATCH_BYTES = 1024 * 1024;
/** Entries of the first batch, and of any. */
const FIRST_ENTRIES = 16;
const MOST_ENTRIES = 1024;

/** Bytes and where in the log they are. */
export interface KeptBytes {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * The beginning of a log from `from` up to but without `to`. `checksum`: of all of that, where it is known; the last
 * batch is given only once it is known to be right. Without one, it ends early where there is no more.
 * @throws StoreCorrupt for other bytes than were written, or too few of them
 */
export async function* headBytes(
  redis: GuardedRedis,
  key: string,
  { from, to, checksum }: { readonly from: number; readonly to: number; readonly checksum: number | null },
): AsyncGenerator<KeptBytes> {
  let sum = 0;
  for (let start = from; start < to; start += BATCH_BYTES) {
    const end = Math.min(start + BATCH_BYTES, to);
    const found = await redis.bytes(["GETRANGE", key, String(start), String(end - 1)]);
    if (!Buffer.isBuffer(found)) throw unexpected();
    sum = crc32(found, sum);
    const isLast = end === to || found.length < end - start;
    if (checksum !== null && isLast && sum !== checksum) throw damaged(from, to);
    for (let at = 0; at < found.length; at += READ_PIECE)
      yield { offset: start + at, bytes: found.subarray(at, at + READ_PIECE) };
    if (isLast) return;
  }
}

/**
 * What is kept of the end of a log, from `from` up to but without `to`, cut to exactly that.
 * @throws StoreCorrupt for a piece with other bytes than were written
 */
export async function* tailBytes(
  redis: GuardedRedis,
  key: string,
  from: number,
  to: number,
): AsyncGenerator<KeptBytes> {
  // The entry that the first byte is in, if it is there.
  const found = entriesIn(await redis.bytes(["XREVRANGE", key, `${from}-1`, "-", "COUNT", "1"]));
  let start = found[0] === undefined ? "-" : `${found[0].offset}-1`;
  for (let count = FIRST_ENTRIES; ; ) {
    const batch = entriesIn(await redis.bytes(["XRANGE", key, start, "+", "COUNT", String(count)]));
    let size = 0;
    for (const { offset, bytes } of batch) {
      if (offset >= to) return;
      size += bytes.length;
      const wanted = bytes.subarray(Math.max(0, from - offset), to - offset);
      if (wanted.length > 0) yield { offset: Math.max(offset, from), bytes: wanted };
    }
    const last = batch.at(-1);
    if (last === undefined || batch.length < count) return;
    start = `(${last.offset}-1`;
    count = Math.min(
      MOST_ENTRIES,
      Math.max(FIRST_ENTRIES, Math.floor((BATCH_BYTES * batch.length) / Math.max(1, size))),
    );
  }
}

function entriesIn(reply: unknown): KeptBytes[] {
  if (!Array.isArray(reply)) throw unexpected();
  return reply.map((entry: unknown) => {
    const [id, fields]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    const [checksum, bytes]: readonly unknown[] = Array.isArray(fields) ? fields : [];
    const [, offset] = /^(\d+)-1$/.exec(Buffer.isBuffer(id) ? id.toString("latin1") : "") ?? [];
    if (offset === undefined || !Buffer.isBuffer(bytes) || !Buffer.isBuffer(checksum)) throw unexpected();
    if (checksum.toString("latin1") !== checksumOf(bytes)) throw damaged(Number(offset), Number(offset) + bytes.length);
    return { offset: Number(offset), bytes };
  });
}

/** As it stands beside a piece. */
function checksumOf(bytes: Buffer): string {
  return crc32(bytes).toString(36);
}

function damaged(from: number, to: number): StoreCorrupt {
  return new StoreCorrupt(`its bytes from ${from} to ${to} are not those that were kept`);
}

function unexpected(): StoreCorrupt {
  return new StoreCorrupt("it has an entry that Hive did not write there");
}

/** Those bytes from `from` up to `to` as entries of at most `size` bytes: id, checksum, bytes; `bytes` begin at `start`. */
export function* toEntries(
  bytes: Uint8Array,
  start: number,
  from: number,
  to: number,
  size: number,
): Generator<[id: string, checksum: string, bytes: Buffer]> {
  const end = Math.min(to, start + bytes.length);
  for (let at = Math.max(from, start); at < end; at += size) {
    const part = bytes.subarray(at - start, Math.min(at + size, end) - start);
    const piece = Buffer.from(part.buffer, part.byteOffset, part.length);
    yield [`${at}-1`, checksumOf(piece), piece];
  }
}

/** The bytes of a log in Redis: its beginning is a string, its end the entries of a stream. Read a batch at a time. */

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

/** The beginning of a log from `from` up to but without `to`; ends early where there is no more. */
export async function* headBytes(
  redis: GuardedRedis,
  key: string,
  from: number,
  to: number,
): AsyncGenerator<KeptBytes> {
  for (let start = from; start < to; start += BATCH_BYTES) {
    const end = Math.min(start + BATCH_BYTES, to);
    const found = await redis.bytes(["GETRANGE", key, String(start), String(end - 1)]);
    if (!Buffer.isBuffer(found)) throw unexpected();
    for (let at = 0; at < found.length; at += READ_PIECE)
      yield { offset: start + at, bytes: found.subarray(at, at + READ_PIECE) };
    if (found.length < end - start) return;
  }
}

/** What is kept of the end of a log, from `from` up to but without `to`, cut to exactly that. */
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
    const bytes: unknown = Array.isArray(fields) ? fields[1] : undefined;
    const [, offset] = /^(\d+)-1$/.exec(Buffer.isBuffer(id) ? id.toString("latin1") : "") ?? [];
    if (offset === undefined || !Buffer.isBuffer(bytes)) throw unexpected();
    return { offset: Number(offset), bytes };
  });
}

function unexpected(): StoreCorrupt {
  return new StoreCorrupt("a log in Redis has an entry that Hive did not write there");
}

/** Those bytes from `from` up to `to` as entries of at most `size` bytes, id and bytes each; `bytes` begin at `start`. */
export function* toEntries(
  bytes: Uint8Array,
  start: number,
  from: number,
  to: number,
  size: number,
): Generator<[id: string, bytes: Buffer]> {
  const end = Math.min(to, start + bytes.length);
  for (let at = Math.max(from, start); at < end; at += size) {
    const part = bytes.subarray(at - start, Math.min(at + size, end) - start);
    yield [`${at}-1`, Buffer.from(part.buffer, part.byteOffset, part.length)];
  }
}

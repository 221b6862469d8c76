/** `Range: bytes=…` with one range, as RFC 9110 says. Anything else is ignored, as it also says. */

import { HiveError } from "@hive/core";

/** From (inclusive) to (exclusive). */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The part a header asks for, of so many bytes; null: everything.
 * @throws HiveError `range_not_satisfiable` when there are no such bytes.
 */
export function readRange(header: string | undefined, size: number): ByteRange | null {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return null;
  // The last bytes of what has none yet: a reader of an end that grows is told "nothing so far", and no error.
  if (first === "" && size === 0) return null;
  const range =
    first === ""
      ? { from: Math.max(0, size - Number(last)), to: size }
      : { from: Number(first), to: last === "" ? size : Math.min(Number(last) + 1, size) };
  // Backwards is no range at all and ignored; beyond the end is one that cannot be had.
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  if (range.from < range.to) return range;
  throw new HiveError("range_not_satisfiable", `There are ${size} bytes, and the range ${header} is beyond them`, {
    size,
  });
}

/**
 * The same bytes, of which there must be `length`: as many as the headers promised. What is being read may be cut or
 * removed meanwhile, and an answer of another length than its `content-length` leaves its reader waiting, or takes the
 * rest for the next answer.
 * @throws in the stream, which ends the connection, before a byte too many is given or when some are missing
 */
export async function* exactly(length: number, stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const bytes of stream) {
    left -= bytes.byteLength;
    if (left < 0) break;
    yield bytes;
  }
  if (left !== 0) throw new Error("what was read has changed meanwhile; it has to be asked for again");
}

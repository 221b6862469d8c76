/**
 * Whole bodies of senders whom nobody knows before their body is there: what they sign is the body. However many send at
 * once, and in however many pieces, all bodies that are arriving hold only so much memory.
 */

import { HiveError } from "@hive/core";

/** Bytes of all bodies that are arriving. Default: a quarter of a gigabyte. */
const MOST_BYTES = 256 * 1_048_576;
/** Bytes that a body is taken to have at first. */
const FIRST_BYTES = 4_096;
/** Milliseconds after which a sender for whom there was no room may come again. */
const AGAIN_MS = 5_000;

/** Gives what reads a body. That throws HiveError `not_ready` where there is no room, and whatever the body throws. */
export function createBodyRoom(most: number = MOST_BYTES): (body: AsyncIterable<Uint8Array>) => Promise<Buffer> {
  let taken = 0;
  return async (body) => {
    let whole = Buffer.alloc(0);
    let size = 0;
    try {
      for await (const chunk of body) {
        const wanted = size + chunk.byteLength;
        if (wanted > whole.byteLength) {
          const bytes = Math.max(FIRST_BYTES, wanted, 2 * whole.byteLength);
          if (taken + bytes - whole.byteLength > most) {
            const message = "Too many deliveries arrive at once; send this again later";
            throw new HiveError("not_ready", message, { retryAfterMs: AGAIN_MS });
          }
          const larger = Buffer.alloc(bytes);
          whole.copy(larger, 0, 0, size);
          taken += bytes - whole.byteLength;
          whole = larger;
        }
        // Copied: a piece of one byte would keep hundreds.
        whole.set(chunk, size);
        size = wanted;
      }
      return whole.subarray(0, size);
    } finally {
      taken -= whole.byteLength;
    }
  };
}

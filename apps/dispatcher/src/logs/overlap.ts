/** The offset rules of `contract.ts`, in one place for every adapter. */

/** What is to be done with a chunk, given how far the stream is. */
export type Placed =
  | { readonly type: "gap" }
  /** The first `repeated` bytes are there already and must be the same; the rest, if any, is new. */
  | { readonly type: "fits"; readonly repeated: number };

/** @param offset already known to be a whole number from 0 */
export function placeChunk(offset: number, length: number, committed: number): Placed {
  if (offset > committed) return { type: "gap" };
  return { type: "fits", repeated: Math.min(length, committed - offset) };
}

/** Sends a text in small writes, each in a turn of its own, so that it arrives cut anywhere, also within a character. */
import { once } from "node:events";
import type { Writable } from "node:stream";

/** False when the other side went away before the end. `bytes` 0: all at once. */
export async function sendPieces(to: Writable, text: string, bytes: number): Promise<boolean> {
  const all = Buffer.from(text);
  const size = bytes === 0 ? Math.max(1, all.length) : bytes;
  for (let at = 0; at < all.length; at += size) {
    if (to.destroyed) return false;
    if (!to.write(all.subarray(at, at + size))) {
      await Promise.race([once(to, "drain"), once(to, "close")]).catch(() => undefined);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return !to.destroyed;
}

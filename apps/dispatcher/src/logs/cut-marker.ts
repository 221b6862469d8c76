/** What readers of a log see where a store kept only its beginning and its end. */

/** The line in place of so many bytes; on a line of its own wherever the cut fell. */
export function cutMarker(bytes: number): Uint8Array {
  const count = bytes.toLocaleString("en-US");
  return Buffer.from(`\n[hive] ${count} bytes of this log were not kept here (HIVE_REDIS_LOG_BYTES)\n`);
}

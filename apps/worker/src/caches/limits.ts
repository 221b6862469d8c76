/** How much one cache may be. Beyond it nothing is kept and nothing restored. */
export const CACHE_LIMITS = {
  /** Bytes on the way, compressed; the dispatcher takes no more. */
  packedBytes: 1_024 ** 3,
  /** Bytes of the archive, unpacked. */
  unpackedBytes: 8 * 1_024 ** 3,
  /** Files, folders and links. */
  entries: 1_000_000,
} as const;

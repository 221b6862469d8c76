/** A backup as it lies on a disk: gzip. */

import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type OpenBackup, openBackup } from "@hive/protocol/backup-file";

/** Reads a backup of these compressed bytes. @throws BackupRefused, and whatever the bytes' own reader throws */
export async function openPacked(compressed: AsyncIterable<Uint8Array>): Promise<OpenBackup> {
  const unpacked = createGunzip();
  // What goes wrong on the way reaches whoever reads the unpacked bytes.
  pipeline(Readable.from(compressed), unpacked, () => {});
  return openBackup(unpacked, createHash("sha256"));
}

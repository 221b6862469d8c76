/** A cache on its way out: packed by tar as the job's user, checked like one that comes in, compressed into a file of ours. */

import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { checkArchive } from "../archives/check-archive.ts";
import { pour } from "../archives/pour.ts";
import { runAsJob } from "../process/run-as-job.ts";
import { CACHE_LIMITS } from "./limits.ts";
import type { CacheJob, CachePlace } from "./job-caches.ts";

/** An archive that is ready to be sent; it goes when it is disposed of. */
export interface PackedCache extends AsyncDisposable {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The fastest: a cache must cost less than it saves. */
const LEVEL = 1;

/** Packs a folder. What could not be restored is not packed either. @throws with the reason */
export async function packCache(job: CacheJob, place: CachePlace): Promise<PackedCache> {
  const file = join(job.folder, `cache-${randomBytes(6).toString("hex")}.tar.zst`);
  const remove = (): Promise<void> => rm(file, { force: true });
  try {
    const { bytes, sha256 } = await pack(job, place, file);
    return { file, bytes, sha256, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function pack(job: CacheJob, place: CachePlace, file: string): Promise<{ bytes: number; sha256: string }> {
  const archive = new PassThrough();
  const broken = new AbortController();
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      bytes += piece.byteLength;
      if (bytes > CACHE_LIMITS.packedBytes)
        throw new Error(`it has more than ${CACHE_LIMITS.packedBytes} bytes packed`);
      hash.update(piece);
      yield piece;
    }
  }
  const rules = { path: place.path, maxBytes: CACHE_LIMITS.unpackedBytes, maxEntries: CACHE_LIMITS.entries };
  const written = pipeline(
    archive,
    (source: AsyncIterable<Uint8Array>) => checkArchive(source, rules),
    createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
    counted,
    createWriteStream(file, { mode: 0o600, flags: "wx" }),
  ).then(
    () => null,
    (error: unknown) => {
      broken.abort();
      return error instanceof Error ? error : new Error("it broke", { cause: error });
    },
  );
  const tar = await runAsJob(job, {
    argv: [
      "tar",
      "-c",
      "-f",
      "-",
      // The form that check-archive.ts reads.
      "--format=gnu",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--hard-dereference",
      "-C",
      place.root,
      "--",
      place.path,
    ],
    signal: AbortSignal.any([job.signal, broken.signal]),
    onOutput: (chunk) => pour(archive, chunk),
  }).finally(() => archive.end());
  const why = await written;
  if (why !== null) throw why;
  if (tar.exitCode !== 0) throw new Error(tar.said || `tar ended with exit code ${tar.exitCode}`);
  return { bytes, sha256: hash.digest("hex") };
}

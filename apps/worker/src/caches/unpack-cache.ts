/** A cache on its way in: checked, unpacked beside its place by tar as the job's user, and moved there once it is whole. */

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdDecompress } from "node:zlib";
import { ArchiveRefused, checkArchive } from "../archives/check-archive.ts";
import { onStage } from "../archives/stage.ts";
import { runAsJob, STEP_MS } from "../process/run-as-job.ts";
import type { StoredCache } from "../report/lease-calls.ts";
import { CACHE_LIMITS } from "./limits.ts";
import type { CacheJob, CachePlace } from "./job-caches.ts";

/** Bytes of the largest window a decoder must hold, as a power of two: 8 MiB. */
const WINDOW_LOG = 23;

// A folder that moves must be writable itself. $1 staging, $2 root, $3 path.
const MOVE = `set -eu
[ "$(realpath -m -- "$2/$3")" = "$(realpath -- "$2")/$3" ] || { echo "a link leads away from it" >&2; exit 9; }
mkdir -p -- "$(dirname -- "$2/$3")"
chmod u+rwx -- "$1/$3"
mv -T -- "$1/$3" "$2/$3"`;

/** Puts a cache in its place, where nothing is yet. Gives how many bytes it had on the way. @throws when it is not taken */
export async function unpackCache(job: CacheJob, place: CachePlace, found: StoredCache): Promise<number> {
  return onStage(job, async (stage) => {
    const bytes = await unpack(job, place, found, stage);
    const moved = await runAsJob(job, {
      argv: ["/bin/sh", "-c", MOVE, "hive-cache", stage, place.root, place.path],
    });
    if (moved.exitCode !== 0) throw new Error(moved.said);
    return bytes;
  });
}

async function unpack(job: CacheJob, place: CachePlace, found: StoredCache, stage: string): Promise<number> {
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of found.stream) {
      bytes += piece.byteLength;
      if (bytes > CACHE_LIMITS.packedBytes)
        throw new ArchiveRefused(`it has more than ${CACHE_LIMITS.packedBytes} bytes`);
      hash.update(piece);
      yield piece;
    }
  }
  const unpacked = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
  // Both ends are watched: the first failure is the reason, whatever tar says of the bytes that are missing then.
  const first: { why: Error | null } = { why: null };
  const note = (error: unknown): void => {
    first.why ??= asError(error);
  };
  const flowing = pipeline(Readable.from(counted(), { objectMode: false }), unpacked, { signal: job.signal }).catch(
    note,
  );
  async function* checked(): AsyncGenerator<Uint8Array> {
    const rules = { path: place.path, maxBytes: CACHE_LIMITS.unpackedBytes, maxEntries: CACHE_LIMITS.entries };
    try {
      yield* checkArchive(unpacked, rules);
    } catch (error) {
      note(error);
      throw error;
    }
  }
  const tar = await runAsJob(job, {
    argv: ["tar", "-x", "-f", "-", "-C", stage, "--no-same-owner", "--no-same-permissions"],
    stdin: checked(),
    signal: AbortSignal.any([job.signal, AbortSignal.timeout(STEP_MS)]),
  });
  unpacked.destroy();
  await flowing;
  if (first.why !== null) throw first.why;
  if (tar.exitCode !== 0) throw new Error(tar.said || `tar ended with exit code ${tar.exitCode}`);
  if (found.sha256 !== null && hash.digest("hex") !== found.sha256)
    throw new Error("its bytes do not match its checksum");
  return bytes;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("it broke", { cause: error });
}

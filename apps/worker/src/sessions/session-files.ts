/**
 * An agent's session on its way between two attempts: a tar archive of the files in the agent's home that make it.
 * They are the agent's, so tar reads and writes them as the job's user, and the supervisor only passes bytes on, each
 * block of them checked before tar sees it.
 *
 * Some agents file their sessions under a name made from the path of the working copy, and that is another in every
 * attempt: in the archive such a name is a placeholder.
 */

import { createReadStream, createWriteStream } from "node:fs";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdCompress, createZstdDecompress } from "node:zlib";
import { checkArchive } from "../archives/check-archive.ts";
import { pour } from "../archives/pour.ts";
import { onStage } from "../archives/stage.ts";
import type { Slot } from "../process/agent-user.ts";
import { type JobProcess, runAsJob } from "../process/run-as-job.ts";

/** How much a session may be. A larger one is not kept: the next attempt begins with a summary. */
export interface SessionLimits {
  /** Bytes of the archive, compressed. */
  readonly packedBytes: number;
  /** Bytes of what is in it. */
  readonly unpackedBytes: number;
  /** Files, folders and links. */
  readonly entries: number;
}

/** Conversations are text: these are hours of work. */
export const SESSION_LIMITS: SessionLimits = {
  packedBytes: 32 * 1_048_576,
  unpackedBytes: 256 * 1_048_576,
  entries: 20_000,
};

/** Whose session it is and where it lives. */
export interface SessionPlace {
  readonly slot: Slot;
  /** Paths relative to the home; some may be missing. */
  readonly files: readonly string[];
  /** Names of files and folders that stand for the path of the working copy. */
  readonly workspaceNames: readonly string[];
  readonly limits: SessionLimits;
  readonly signal: AbortSignal;
}

/** The folder everything in an archive is in. */
const TOP = "session";
const NOTHING_THERE = 3;
const PLAIN_NAME = /^[A-Za-z0-9._-]{1,255}$/;

// $1 home, $2 what tar makes of names; then the files. Only those that are there.
const PACK = `set -eu
cd -- "$1"
names=$2
shift 2
for path; do
  shift
  if [ -e "$path" ] || [ -L "$path" ]; then set -- "$@" "$path"; fi
done
[ "$#" -gt 0 ] || exit ${NOTHING_THERE}
exec tar -c -f - --format=gnu --owner=0 --group=0 --numeric-owner --hard-dereference --transform "$names" -- "$@"`;
// $1 staging, $2 home; then the names that stand for the working copy.
const MOVE = `set -eu
stage=$1
home=$2
shift 2
n=0
for name; do
  find "$stage/${TOP}" -depth -name "hive-workspace-$n" -execdir mv -T -- {} "$name" ";"
  n=$((n + 1))
done
cp -a -- "$stage/${TOP}/." "$home/"`;

/**
 * Packs a session into a file of ours. Gives its bytes; null when there is nothing to pack.
 * @throws Error with the reason when it is too large or not what a session may be
 */
export async function packSession(place: SessionPlace, file: string): Promise<number | null> {
  const { slot, files, limits, signal } = place;
  const archive = new PassThrough();
  const broken = new AbortController();
  let bytes = 0;
  let empty = false;
  async function* bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      bytes += piece.byteLength;
      if (bytes > limits.packedBytes) throw new Error(`it has more than ${limits.packedBytes} bytes packed`);
      yield piece;
    }
  }
  const rules = { path: TOP, maxBytes: limits.unpackedBytes, maxEntries: limits.entries };
  const written = pipeline(
    archive,
    // An archive of nothing has no end either.
    (source: AsyncIterable<Uint8Array>) => unlessEmpty(source, rules, () => void (empty = true)),
    createZstdCompress(),
    bounded,
    createWriteStream(file, { mode: 0o600, flags: "wx" }),
  ).then(
    () => null,
    (error: unknown) => {
      broken.abort();
      return asError(error);
    },
  );
  const tar = await runAsJob(
    { slot, signal },
    {
      argv: ["/bin/sh", "-c", PACK, "hive-session", slot.home, transformOf(place), ...files],
      signal: AbortSignal.any([signal, broken.signal]),
      onOutput: (chunk) => pour(archive, chunk),
    },
  ).finally(() => archive.end());
  const why = await written;
  if (why !== null) throw why;
  if (tar.exitCode === NOTHING_THERE && empty) return null;
  if (tar.exitCode !== 0) throw new Error(tar.said || `tar ended with exit code ${tar.exitCode}`);
  return bytes;
}

/** Puts a packed session into the home. @throws Error with the reason */
export async function unpackSession(place: SessionPlace, file: string): Promise<void> {
  const { slot, limits, signal, workspaceNames } = place;
  const job = { slot, signal };
  await onStage(job, async (stage) => {
    await extract(job, limits, file, stage);
    const names = workspaceNames.map((name) => (PLAIN_NAME.test(name) ? name : "hive-workspace"));
    const moved = await runAsJob(job, {
      argv: ["/bin/sh", "-c", MOVE, "hive-session", stage, slot.home, ...names],
    });
    if (moved.exitCode !== 0) throw new Error(moved.said);
  });
}

async function extract(job: JobProcess, limits: SessionLimits, file: string, stage: string): Promise<void> {
  const unpacked = createZstdDecompress();
  // The first failure is the reason, whatever tar says of the bytes that are missing then.
  const first: { why: Error | null } = { why: null };
  const note = (error: unknown): void => {
    first.why ??= asError(error);
  };
  const flowing = pipeline(createReadStream(file), unpacked, { signal: job.signal }).catch(note);
  async function* checked(): AsyncGenerator<Uint8Array> {
    try {
      yield* checkArchive(unpacked, { path: TOP, maxBytes: limits.unpackedBytes, maxEntries: limits.entries });
    } catch (error) {
      note(error);
      throw error;
    }
  }
  const tar = await runAsJob(job, {
    argv: ["tar", "-x", "-f", "-", "-C", stage, "--no-same-owner", "--no-same-permissions"],
    stdin: checked(),
  });
  unpacked.destroy();
  await flowing;
  if (first.why !== null) throw first.why;
  if (tar.exitCode !== 0) throw new Error(tar.said || `tar ended with exit code ${tar.exitCode}`);
}

/** What tar makes of each name: below the one folder, with a placeholder for what stands for the working copy. Links stay. */
function transformOf({ workspaceNames }: SessionPlace): string {
  const places = workspaceNames.map((name, n) =>
    PLAIN_NAME.test(name) ? `s,/${name.replaceAll(".", "\\.")}\\(/\\|$\\),/hive-workspace-${n}\\1,g` : "",
  );
  return ["flags=rSH", `s,^,${TOP}/,`, ...places].filter((part) => part !== "").join(";");
}

async function* unlessEmpty(
  source: AsyncIterable<Uint8Array>,
  rules: Parameters<typeof checkArchive>[1],
  onEmpty: () => void,
): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  const first = await pieces.next();
  if (first.done === true) return onEmpty();
  const rest = { [Symbol.asyncIterator]: () => pieces };
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first.value;
    yield* rest;
  }
  yield* checkArchive(all(), rules);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("it broke", { cause: error });
}

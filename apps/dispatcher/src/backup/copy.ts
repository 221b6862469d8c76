/**
 * Copies everything a running Hive keeps. The documents are read in pages while the queue goes on; what was committed
 * meanwhile is written down behind the page it fell into, and the last of it at the end, so that the copy is what the
 * store was at one moment, the one when the pages were through. Logs and files follow: they only grow, so what a job
 * speaks of is there.
 */

import { COLLECTIONS, docKey, HiveError, type Change, type Job } from "@hive/core";
import { BACKUP_PIECE, type BackupLine } from "@hive/protocol/backup-file";
import type { ArtifactStore, LogStore } from "../logs/contract.ts";
import { roughBytes } from "../queue/batch.ts";
import type { Queue } from "../queue/contract.ts";
import { everyDocument, everyPage } from "../store/every-document.ts";

/** Bytes of changed documents that wait for whoever takes the copy: a page, and what a busy server commits meanwhile. */
const MOST_WAITING_BYTES = 256 * 1024 * 1024;

export interface CopyOptions {
  readonly queue: Queue;
  readonly logs: Pick<LogStore, "fences" | "read">;
  readonly artifacts: Pick<ArtifactStore, "listArtifacts" | "readArtifact">;
  /** Bytes of changes kept until they are taken; more end the copy. Default 256 MiB. */
  readonly waitingBytes?: number;
}

/**
 * What goes into a backup, in the order it is to be written.
 * @throws HiveError `not_ready`, and `store_failed` when the store was lost on the way, or whoever takes the copy is so
 * much slower than the server that the changes cannot be kept: then the copy is worth nothing
 */
export async function* copyAll(options: CopyOptions): AsyncGenerator<BackupLine> {
  const { queue } = options;
  const changed = new ChangedDocuments(options.waitingBytes ?? MOST_WAITING_BYTES);
  let lost = false;
  const unlisten = queue.onChanges((changes) => changed.add(changes));
  const unwatch = queue.onEffect((effect) => {
    if (effect.type === "reloaded") lost = true;
  });
  let jobsBelow: number;
  try {
    // Nothing that was committed before this is unknown to us afterwards.
    await queue.read(() => null);
    for (const { name } of COLLECTIONS) {
      for await (const items of everyPage(queue.documents, { collection: name })) {
        for (const { id, doc } of items) {
          yield { kind: "document", collection: name, id, doc };
          if (lost) throw storeLost();
        }
        // Here and nowhere else: a page that was read before a change must not be written behind it.
        for (const change of changed.take()) yield { kind: "document", ...change };
      }
    }
    // A page may have seen a commit that we have not heard of yet: this waits for it.
    jobsBelow = await queue.read((state) => state.nextSeq);
    if (lost) throw storeLost();
    unlisten();
    for (const change of changed.take()) yield { kind: "document", ...change };
  } finally {
    unlisten();
    unwatch();
  }
  yield* copyFiles(options, jobsBelow);
}

/** What was committed and is not in the copy yet: of each document the last word. */
class ChangedDocuments {
  readonly #most: number;
  #changes = new Map<string, Change>();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(changes: readonly Change[]): void {
    if (this.#bytes > this.#most) return;
    for (const change of changes) {
      const key = docKey(change);
      const before = this.#changes.get(key);
      this.#bytes += roughBytes(change.doc) - (before === undefined ? 0 : roughBytes(before.doc));
      this.#changes.set(key, change);
    }
    // Nobody may ever ask for them again: whoever takes the copy may have stopped without hanging up.
    if (this.#bytes > this.#most) this.#changes = new Map();
  }

  /** All of them; from now on they are the taker's. @throws HiveError `store_failed` when there were too many to keep */
  take(): Iterable<Change> {
    if (this.#bytes > this.#most) throw tooSlow(this.#most);
    const taken = this.#changes;
    this.#changes = new Map();
    this.#bytes = 0;
    return taken.values();
  }
}

function tooSlow(most: number): HiveError {
  const message = `more than ${most} bytes changed while a page of the backup was taken; take it over a faster line`;
  return new HiveError("store_failed", message);
}

/** A commit whose outcome is unknown may be in some pages and not in others, and was told to nobody. */
function storeLost(): HiveError {
  return new HiveError("store_failed", "the store was lost while it was copied; make the backup again");
}

/** Of the jobs that the copy has: what those write that came later would belong to nobody in a restored store. */
async function* copyFiles({ queue, logs, artifacts }: CopyOptions, jobsBelow: number): AsyncGenerator<BackupLine> {
  const copied = { collection: "jobs", index: "all", equals: {}, below: jobsBelow };
  for await (const { doc } of everyDocument(queue.documents, copied)) {
    const stored: unknown = doc;
    const { id: jobId, run } = stored as Job;
    if (run === null) continue;
    const files = await artifacts.listArtifacts({ jobId });
    const withLog = await logs.fences(jobId);
    // In order of the fence, the log first: a store refuses what comes under a fence that is older than one it has seen.
    for (const fence of new Set([...withLog, ...files.map((file) => file.fence)].toSorted((a, b) => a - b))) {
      if (withLog.includes(fence)) {
        yield { kind: "log", jobId, fence };
        yield* pieces(logs.read({ jobId, fence }));
      }
      for (const { name, bytes, sha256 } of files.filter((file) => file.fence === fence)) {
        const found = await artifacts.readArtifact({ jobId, fence, name });
        if (found === null) continue;
        yield { kind: "file", jobId, fence, name, bytes, sha256 };
        yield* pieces(found.stream);
      }
    }
  }
}

/**
 * What is damaged is said to be so, and the rest goes on: one damaged file is no reason for no backup.
 * @throws HiveError when the store is away: then all that follows would be called damaged
 */
async function* pieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<BackupLine> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  let whole = true;
  const reader = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await reader.next().catch(nullWhenDamaged);
      whole = next !== null;
      if (next === null || next.done === true) break;
      gathered.push(next.value);
      length += next.value.byteLength;
      if (length < BACKUP_PIECE) continue;
      yield { kind: "bytes", bytes: Buffer.concat(gathered) };
      gathered = [];
      length = 0;
    }
  } finally {
    await reader.return?.();
  }
  if (length > 0) yield { kind: "bytes", bytes: Buffer.concat(gathered) };
  yield { kind: "end", whole };
}

function nullWhenDamaged(error: unknown): null {
  if (error instanceof HiveError) throw error;
  return null;
}

/**
 * Copies everything a running Hive keeps. The documents are read in pages while the queue goes on; what was committed
 * meanwhile is written down and laid over them at the end, so that the copy is what the store was at one moment, the one
 * when the pages were through. Logs and files follow: they only grow, so what a job speaks of is there.
 */

import { COLLECTIONS, docKey, HiveError, type Change, type Job } from "@hive/core";
import { BACKUP_PIECE, type BackupLine } from "@hive/protocol/backup-file";
import type { ArtifactStore, LogStore } from "../logs/contract.ts";
import type { Queue } from "../queue/contract.ts";
import type { Cursor, Query } from "../store/contract.ts";

const PAGE = 500;

export interface CopyOptions {
  readonly queue: Queue;
  readonly logs: Pick<LogStore, "fences" | "read">;
  readonly artifacts: Pick<ArtifactStore, "listArtifacts" | "readArtifact">;
}

/**
 * What goes into a backup, in the order it is to be written.
 * @throws HiveError `not_ready`, and `store_failed` when the store was lost on the way: then the copy is worth nothing
 */
export async function* copyAll(options: CopyOptions): AsyncGenerator<BackupLine> {
  const { queue } = options;
  const changed = new Map<string, Change>();
  let lost = false;
  const unlisten = queue.onChanges((changes) => {
    for (const change of changes) changed.set(docKey(change), change);
  });
  const unwatch = queue.onEffect((effect) => {
    if (effect.type === "reloaded") lost = true;
  });
  try {
    // Nothing that was committed before this is unknown to us afterwards.
    await queue.read(() => null);
    for (const { name } of COLLECTIONS) {
      for await (const { id, doc } of every(queue, { collection: name })) {
        yield { kind: "document", collection: name, id, doc };
        if (lost) throw storeLost();
      }
    }
    // A page may have seen a commit that we have not heard of yet: this waits for it.
    await queue.read(() => null);
    if (lost) throw storeLost();
    unlisten();
    for (const { collection, id, doc } of changed.values()) yield { kind: "document", collection, id, doc };
    changed.clear();
  } finally {
    unlisten();
    unwatch();
  }
  yield* copyFiles(options);
}

/** A commit whose outcome is unknown may be in some pages and not in others, and was told to nobody. */
function storeLost(): HiveError {
  return new HiveError("store_failed", "the store was lost while it was copied; make the backup again");
}

async function* copyFiles({ queue, logs, artifacts }: CopyOptions): AsyncGenerator<BackupLine> {
  for await (const { doc } of every(queue, { collection: "jobs", index: "all", equals: {} })) {
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

/** What cannot be read to its end is said to be so, and the rest goes on: one damaged file is no reason for no backup. */
async function* pieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<BackupLine> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  let whole = true;
  const reader = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await reader.next().catch(() => null);
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

async function* every(queue: Queue, query: Omit<Query, "after" | "limit">) {
  for (let after: Cursor | undefined; ; ) {
    const page = await queue.documents.list({ ...query, limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    if (page.next === null) return;
    after = page.next;
  }
}

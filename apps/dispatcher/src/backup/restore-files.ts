/** Puts the logs and files of a backup into a log store, and hands its documents on. */

import { crc32 } from "node:zlib";
import { BackupRefused, type BackupLine } from "@hive/protocol/backup-file";
import type { ArtifactStore, LogKey, LogStore } from "../logs/contract.ts";

type Of<K extends BackupLine["kind"]> = Extract<BackupLine, { readonly kind: K }>;

export interface RestoreFilesOptions {
  readonly lines: AsyncIterable<BackupLine>;
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
  readonly document: (line: Of<"document">) => Promise<void>;
}

/**
 * Takes every line. Gives what could not be taken over, a sentence each: a file that was damaged when it was copied, or is
 * larger than this store takes.
 */
export async function restoreFiles({ lines, logs, artifacts, document }: RestoreFilesOptions): Promise<string[]> {
  const skipped: string[] = [];
  const reader = lines[Symbol.asyncIterator]();
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
    const line = next.value;
    switch (line.kind) {
      case "document":
        await document(line);
        break;
      case "log": {
        const problem = await restoreLog(logs, line, reader);
        if (problem !== null) skipped.push(`the log of attempt ${line.fence} of job ${line.jobId}: ${problem}`);
        break;
      }
      case "file": {
        const problem = await restoreFile(artifacts, line, reader);
        if (problem !== null) skipped.push(`${line.name} of attempt ${line.fence} of job ${line.jobId}: ${problem}`);
        break;
      }
      case "bytes":
      case "end":
        throw new BackupRefused("the backup has bytes that belong to nothing; take another one");
    }
  }
  return skipped;
}

/** The log as its readers saw it. It is sealed, for nobody goes on with it. Gives why it is not whole; null: it is. */
async function restoreLog(logs: LogStore, key: LogKey, reader: AsyncIterator<BackupLine>): Promise<string | null> {
  const { jobId, fence } = key;
  let offset = 0;
  let crc = 0;
  let problem: string | null = null;
  for await (const bytes of piecesOf(reader, () => (problem ??= "it was damaged when it was copied"))) {
    if (problem !== null) continue;
    const appended = await logs.append({ jobId, fence, offset, bytes });
    if (!appended.ok) {
      problem = `it was not taken (${appended.code})`;
      continue;
    }
    offset += bytes.byteLength;
    crc = crc32(bytes, crc);
  }
  if (offset === 0) return problem;
  const sealed = await logs.seal({ jobId, fence, bytes: offset, crc32: crc });
  return problem ?? (sealed.ok ? null : `it was not taken (${sealed.code})`);
}

/** Gives why the file was not taken over; null: it was. */
async function restoreFile(
  artifacts: ArtifactStore,
  { jobId, fence, name, bytes, sha256 }: Of<"file">,
  reader: AsyncIterator<BackupLine>,
): Promise<string | null> {
  let damaged = false;
  const stream = piecesOf(reader, () => (damaged = true));
  const put = await artifacts.putArtifact({ jobId, fence, name, stream, sha256, bytes });
  // A store that refuses does not read to the end.
  for await (const piece of stream) void piece;
  if (damaged) return "it was damaged when it was copied";
  return put.ok ? null : `it was not taken (${put.code})`;
}

/** The bytes up to the `end` of what was named last; told when they are not whole. Can be gone through in parts. */
function piecesOf(reader: AsyncIterator<BackupLine>, onDamaged: () => void): AsyncIterable<Uint8Array> {
  let over = false;
  return {
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<Uint8Array>> {
        if (over) return { done: true, value: undefined };
        const { done, value: line } = await reader.next();
        if (done === true || (line.kind !== "bytes" && line.kind !== "end")) {
          throw new BackupRefused("the backup has a log or file without its end; take another one");
        }
        if (line.kind === "bytes") return { done: false, value: line.bytes };
        over = true;
        if (!line.whole) onDamaged();
        return { done: true, value: undefined };
      },
    }),
  };
}

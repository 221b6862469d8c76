/**
 * The promises of the log store and the artifact store: what an attempt said, byte for byte, and the files it left.
 * They are beside the store of documents because bytes by the megabyte do not belong in transactions.
 *
 * A log is one stream of bytes per (job, fence). The worker keeps every byte until its attempt is over, so the server
 * may at any time ask it to go back ("rewind"), and after a crash it does.
 *
 * 1. `committed` counts the bytes the store has taken, without a gap, from the first on. Readers never get more.
 * 2. A chunk that begins beyond `committed` is refused with the offset where it has to go on. One that begins below it
 *    is a repeat: the part already there is compared, and only the rest is taken. Bytes that differ are refused, never
 *    overwritten: what a reader has seen stays true.
 * 3. After `seal` resolved with ok, exactly that many bytes with that CRC-32 are on the disk and nothing is ever added.
 *    Before `seal`, a power loss may take the newest bytes: `committed` is then lower, never wrong.
 * 4. A fence lower than one already seen for the job is refused (the caller checks the fence at the queue first; this
 *    catches the request that slept in between). Readers of lower fences go on reading.
 * 5. A store may keep only the beginning and the end of a long log (`LogSize.cut`): offsets, `committed` and CRC-32 still
 *    count what was said, readers get one marker line (`cut-marker.ts`) where bytes are missing, and a repeat of bytes
 *    that are gone is not compared; the CRC-32 of the seal tells of it.
 * 6. A refusal is an answer, not an exception. An exception means the disk failed: nothing was taken, the same call may
 *    be made again.
 *
 * Calls for one stream are carried out in the order they were made. `contract.suite.ts` holds every adapter to this.
 */

/** One attempt's stream. */
export interface LogKey {
  readonly jobId: string;
  readonly fence: number;
}

/** Why bytes were not taken. The codes are those of `ERRORS` where a caller hears of them. */
export type LogRefusal =
  /** A gap: go on at `expected`. */
  | { readonly ok: false; readonly code: "wrong_offset"; readonly expected: number }
  /** Other bytes than these are at this place, or the log is sealed and shorter: the worker has another log in mind. */
  | { readonly ok: false; readonly code: "log_differs"; readonly expected: number }
  | { readonly ok: false; readonly code: "log_too_large"; readonly limit: number }
  /** A higher fence was seen. */
  | { readonly ok: false; readonly code: "lease_lost"; readonly fence: number };

export type Appended = { readonly ok: true; readonly committed: number } | LogRefusal;

export type Sealed =
  | { readonly ok: true }
  /** Bytes are missing: send them from `expected` on, then seal again. */
  | { readonly ok: false; readonly code: "log_incomplete"; readonly expected: number }
  | Exclude<LogRefusal, { readonly code: "wrong_offset" } | { readonly code: "log_too_large" }>;

/** How far a stream is. */
export interface LogSize {
  /** All that the attempt said, whether it is still kept or not. */
  readonly bytes: number;
  readonly sealed: boolean;
  /** The bytes this store no longer has, from `from` up to but without `to`. Absent: it has all. */
  readonly cut?: { readonly from: number; readonly to: number };
}

export interface LogStore {
  /** Takes bytes that begin at `offset`. The bytes may be reused by the caller once this resolved. */
  append(chunk: LogKey & { readonly offset: number; readonly bytes: Uint8Array }): Promise<Appended>;
  /** Ends the stream, durably, if it is exactly this long with this CRC-32. The same seal again answers the same. */
  seal(end: LogKey & { readonly bytes: number; readonly crc32: number }): Promise<Sealed>;
  /** Null for a stream nobody wrote to. */
  size(key: LogKey): Promise<LogSize | null>;
  /**
   * The committed bytes from `from` (default 0) up to but without `to` (default: all), in pieces of at most 64 KiB. Where
   * they were cut, a marker line in their place.
   */
  read(range: LogKey & { readonly from?: number; readonly to?: number }): AsyncIterable<Uint8Array>;
  /**
   * As `read`, and then every new byte as it comes; also of a stream that does not exist yet. Ends when the stream is
   * sealed, a higher fence is seen, the signal is aborted or the store is closed.
   * @param range.over aborted when nothing more will come: what is there is still given, then it ends
   */
  follow(
    range: LogKey & { readonly from?: number; readonly signal: AbortSignal; readonly over?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** The fences of a job that have a log, lowest first. */
  fences(jobId: string): Promise<readonly number[]>;
  /** Makes everything taken so far durable. Happens by itself about once a second. */
  flush(): Promise<void>;
  /** Forgets logs and artifacts of a job. */
  remove(jobId: string): Promise<void>;
  /** Flushes and lets go. Safe to call twice. */
  close(): Promise<void>;
}

/** A file an attempt left. */
export interface Artifact {
  readonly fence: number;
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export type ArtifactPut =
  | { readonly ok: true; readonly artifact: Artifact }
  /** The bytes that came are not those announced; nothing was kept. */
  | { readonly ok: false; readonly code: "artifact_mismatch"; readonly bytes: number; readonly sha256: string }
  /** The name is taken by a file with other bytes. */
  | { readonly ok: false; readonly code: "artifact_exists"; readonly sha256: string }
  | { readonly ok: false; readonly code: "artifact_too_large"; readonly limit: number }
  /** This attempt left as many files as it may. */
  | { readonly ok: false; readonly code: "too_many_artifacts"; readonly limit: number }
  /** The name is not one of `ARTIFACT_NAME`. */
  | { readonly ok: false; readonly code: "bad_name" }
  | { readonly ok: false; readonly code: "lease_lost"; readonly fence: number };

export interface ArtifactStore {
  /**
   * Keeps a file: whole, verified and durable when this resolves with ok, else not at all. The same file again is ok.
   * @param put.sha256 what the bytes must hash to, lower-case hex; @param put.bytes how many there must be, if known
   */
  putArtifact(
    put: LogKey & {
      readonly name: string;
      readonly stream: AsyncIterable<Uint8Array>;
      readonly sha256: string;
      readonly bytes?: number;
    },
  ): Promise<ArtifactPut>;
  /** Null when there is none. @throws in the stream when the file is damaged: its last bytes are then withheld. */
  readArtifact(
    key: LogKey & { readonly name: string },
  ): Promise<{ readonly artifact: Artifact; readonly stream: AsyncIterable<Uint8Array> } | null>;
  /** Files of one attempt, or of all attempts of the job without a fence; by fence, then name. */
  listArtifacts(key: { readonly jobId: string; readonly fence?: number }): Promise<readonly Artifact[]>;
}

/** Sizes a log store keeps to. */
export interface LogLimits {
  /** Bytes of one stream. Default 256 MiB. */
  readonly logBytes: number;
  /** Bytes of one artifact. Default 256 MiB. */
  readonly artifactBytes: number;
  /** Artifacts of one attempt. Default 256. */
  readonly artifacts: number;
}

export const DEFAULT_LOG_LIMITS: LogLimits = {
  logBytes: 256 * 1024 * 1024,
  artifactBytes: 256 * 1024 * 1024,
  artifacts: 256,
};

/** What an artifact may be called: no separators and no leading dot, so that a name is never a path. */
export const ARTIFACT_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Bytes in one piece of a `read`. */
export const READ_PIECE: number = 64 * 1024;

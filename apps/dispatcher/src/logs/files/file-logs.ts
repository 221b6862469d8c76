/**
 * Logs as plain files under `<data>/logs`: a folder per job, a file per attempt. A person can read them with `less`, and
 * a backup is a copy of the folder. Durability costs one flush a second per growing log, not one per chunk.
 */

import {
  type Appended,
  type LogKey,
  type LogSize,
  type LogStore,
  type Sealed,
  DEFAULT_LOG_LIMITS,
  type ArtifactStore,
  type LogLimits,
} from "../contract.ts";
import { FileArtifacts } from "./file-artifacts.ts";
import { fencesAmong, jobFolder, namesIn } from "./folders.ts";
import { Jobs } from "./jobs.ts";

export interface FileLogsOptions {
  /** The folder; made when missing. */
  readonly folder: string;
  readonly limits?: Partial<LogLimits>;
  /** Milliseconds between flushes of growing logs: what a power loss may take. Default 1,000. */
  readonly flushMs?: number;
  /** Files kept open for writing. Default 256. */
  readonly openFiles?: number;
  /** Jobs remembered without a look at the disk. Default 2,000. */
  readonly jobsKept?: number;
  /** Called when the flush by the timer fails; the next one tries again. */
  readonly onTrouble?: (message: string, error: unknown) => void;
}

/** Opens the log store and the artifact store of one folder. */
export function openFileLogs(options: FileLogsOptions): { readonly logs: FileLogs; readonly artifacts: ArtifactStore } {
  const jobs = new Jobs({
    root: options.folder,
    limits: { ...DEFAULT_LOG_LIMITS, ...options.limits },
    openFiles: options.openFiles ?? 256,
    jobsKept: options.jobsKept ?? 2000,
  });
  return { logs: new FileLogs(jobs, options), artifacts: new FileArtifacts(jobs) };
}

export class FileLogs implements LogStore {
  readonly #jobs: Jobs;
  readonly #flushMs: number;
  readonly #onTrouble: (message: string, error: unknown) => void;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  /** Use `openFileLogs`. */
  constructor(jobs: Jobs, { flushMs = 1000, onTrouble = () => {} }: FileLogsOptions) {
    this.#jobs = jobs;
    this.#flushMs = flushMs;
    this.#onTrouble = onTrouble;
  }

  /** How many files are open for writing: for metrics and tests. */
  get openFiles(): number {
    return this.#jobs.openFiles;
  }

  async append({ jobId, fence, offset, bytes }: LogKey & { offset: number; bytes: Uint8Array }): Promise<Appended> {
    this.#checkOpen();
    using job = await this.#jobs.hold(jobId);
    const highest = job.see(fence);
    if (fence < highest) return { ok: false, code: "lease_lost", fence: highest };
    const appended = await job.stream(fence).append(offset, bytes);
    this.#flushSoon();
    return appended;
  }

  async seal({ jobId, fence, bytes, crc32 }: LogKey & { bytes: number; crc32: number }): Promise<Sealed> {
    this.#checkOpen();
    using job = await this.#jobs.hold(jobId);
    const highest = job.see(fence);
    if (fence < highest) return { ok: false, code: "lease_lost", fence: highest };
    return await job.stream(fence).seal(bytes, crc32);
  }

  async size({ jobId, fence }: LogKey): Promise<LogSize | null> {
    using job = await this.#jobs.hold(jobId);
    const end = await job.stream(fence).end();
    return end === null ? null : { bytes: end.bytes, sealed: end.sealed };
  }

  async *read({
    jobId,
    fence,
    from = 0,
    to = Infinity,
  }: LogKey & { from?: number; to?: number }): AsyncGenerator<Uint8Array> {
    using job = await this.#jobs.hold(jobId);
    const stream = job.stream(fence);
    const end = await stream.end();
    if (end !== null) yield* stream.read(from, Math.min(to, end.bytes));
  }

  async *follow({
    jobId,
    fence,
    from = 0,
    signal,
    over,
  }: LogKey & { from?: number; signal: AbortSignal; over?: AbortSignal }): AsyncGenerator<Uint8Array> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const stopOrOver = over === undefined ? stop : AbortSignal.any([stop, over]);
    using job = await this.#jobs.hold(jobId);
    const stream = job.stream(fence);
    let at = from;
    let wasThere = false;
    while (!stop.aborted) {
      // In this order: what happens after these looks is a change since `version`.
      const version = stream.version;
      const isOver = stream.isOver || over?.aborted === true;
      const end = await stream.end();
      if (end !== null && end.bytes > at) {
        wasThere = true;
        for await (const piece of stream.read(at, end.bytes)) {
          at += piece.length;
          yield piece;
          if (stop.aborted) return;
        }
      } else if (isOver || end?.sealed || (wasThere && end === null)) {
        return;
      } else {
        wasThere ||= end !== null;
        await stream.changedSince(version, stopOrOver);
      }
    }
  }

  async fences(jobId: string): Promise<readonly number[]> {
    return fencesAmong(await namesIn(jobFolder(this.#jobs.root, jobId)), ".log");
  }

  async flush(): Promise<void> {
    for (const stream of this.#jobs.dirty()) await stream.flush();
  }

  async remove(jobId: string): Promise<void> {
    await this.#jobs.remove(jobId);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#jobs.finishAll();
    try {
      await this.flush();
    } finally {
      await this.#jobs.close();
    }
  }

  #flushSoon(): void {
    if (this.#timer !== null || this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.flush()
        .catch((error: unknown) => this.#onTrouble("logs could not be flushed to the disk; trying again", error))
        .finally(() => {
          this.#timer = null;
          if (!this.#jobs.dirty().next().done) this.#flushSoon();
        });
    }, this.#flushMs);
    this.#timer.unref();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new Error("the log store is closed");
  }
}

/**
 * The jobs whose files are in use: the highest fence seen of each, and its open streams. What is here can always be read
 * from the disk again, so entries that nobody uses are dropped.
 */

import { rm } from "node:fs/promises";
import type { LogLimits } from "../contract.ts";
import { attemptPaths, checkFence, fencesAmong, jobFolder, namesIn } from "./folders.ts";
import { Handles } from "./handles.ts";
import { LogFile } from "./log-file.ts";

interface JobEntry {
  highest: number;
  readonly streams: Map<number, LogFile>;
  /** Calls that hold the entry right now. */
  holders: number;
  ready: Promise<void>;
}

/** A job's entry while a call uses it; `using` lets it go. */
export interface HeldJob extends Disposable {
  /** The highest fence seen, raised to `fence` by a call that writes. */
  see(fence: number): number;
  stream(fence: number): LogFile;
}

export class Jobs {
  readonly root: string;
  readonly limits: LogLimits;
  readonly #handles: Handles;
  readonly #kept: number;
  /** In order of last use. There is never more than one entry of a job: two would write over each other. */
  readonly #entries = new Map<string, JobEntry>();

  constructor(options: { root: string; limits: LogLimits; openFiles: number; jobsKept: number }) {
    this.root = options.root;
    this.limits = options.limits;
    this.#handles = new Handles(options.openFiles);
    this.#kept = options.jobsKept;
  }

  get openFiles(): number {
    return this.#handles.size;
  }

  async hold(jobId: string): Promise<HeldJob> {
    const entry = this.#entry(jobId);
    entry.holders += 1;
    const letGo = () => {
      entry.holders -= 1;
      this.#dropIdle();
    };
    try {
      await entry.ready;
    } catch (error) {
      entry.ready = this.#look(jobId, entry);
      entry.ready.catch(() => {});
      letGo();
      throw error;
    }
    return {
      see: (fence) => see(entry, fence),
      stream: (fence) => this.#stream(jobId, entry, fence),
      [Symbol.dispose]: letGo,
    };
  }

  /** Every stream with bytes that are not durable yet. */
  *dirty(): Generator<LogFile> {
    for (const { streams } of this.#entries.values()) {
      for (const stream of streams.values()) if (stream.isDirty) yield stream;
    }
  }

  /** Ends every follower, for good. */
  finishAll(): void {
    for (const { streams } of this.#entries.values()) for (const stream of streams.values()) stream.finish();
  }

  /** Deletes a job's files. Calls that still write to it make new ones. */
  async remove(jobId: string): Promise<void> {
    const streams = [...(this.#entries.get(jobId)?.streams.values() ?? [])];
    for (const stream of streams) stream.finish();
    for (const stream of streams) await stream.forget();
    await rm(jobFolder(this.root, jobId), { recursive: true, force: true });
    for (const stream of streams) await stream.forget();
  }

  async close(): Promise<void> {
    await this.#handles.closeAll();
  }

  #entry(jobId: string): JobEntry {
    let entry = this.#entries.get(jobId);
    if (entry === undefined) {
      entry = { highest: 0, streams: new Map(), holders: 0, ready: Promise.resolve() };
      entry.ready = this.#look(jobId, entry);
    }
    this.#entries.delete(jobId);
    this.#entries.set(jobId, entry);
    return entry;
  }

  async #look(jobId: string, entry: JobEntry): Promise<void> {
    const names = await namesIn(jobFolder(this.root, jobId));
    const fences = [...fencesAmong(names, ".log"), ...fencesAmong(names, ".artifacts")];
    entry.highest = Math.max(entry.highest, ...fences);
  }

  #stream(jobId: string, entry: JobEntry, fence: number): LogFile {
    let stream = entry.streams.get(fence);
    if (stream === undefined) {
      stream = new LogFile(attemptPaths(this.root, jobId, fence), this.limits.logBytes, this.#handles);
      if (fence < entry.highest) stream.finish();
      entry.streams.set(fence, stream);
    }
    return stream;
  }

  #dropIdle(): void {
    if (this.#entries.size <= this.#kept) return;
    for (const [jobId, { streams, holders }] of this.#entries) {
      if (holders === 0 && [...streams.values()].every((stream) => !stream.isDirty)) this.#entries.delete(jobId);
      if (this.#entries.size <= this.#kept) return;
    }
  }
}

function see(entry: JobEntry, fence: number): number {
  checkFence(fence);
  if (fence > entry.highest) {
    entry.highest = fence;
    for (const [lower, stream] of entry.streams) if (lower < fence) stream.finish();
  }
  return entry.highest;
}

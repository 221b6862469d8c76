/**
 * Logs and artifacts in memory: for the simulation and for tests that need no disk. `crash` takes what was not flushed,
 * as a power loss does.
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import {
  type Appended,
  ARTIFACT_NAME,
  type Artifact,
  type ArtifactPut,
  type ArtifactStore,
  DEFAULT_LOG_LIMITS,
  type LogKey,
  type LogLimits,
  type LogSize,
  type LogStore,
  READ_PIECE,
  type Sealed,
} from "../contract.ts";
import { placeChunk } from "../overlap.ts";

interface Stream {
  bytes: Buffer;
  durable: number;
  sealed: boolean;
}

interface Job {
  highest: number;
  readonly streams: Map<number, Stream>;
  readonly artifacts: { readonly artifact: Artifact; readonly bytes: Buffer }[];
}

export class MemoryLogs implements LogStore, ArtifactStore {
  readonly #limits: LogLimits;
  #jobs = new Map<string, Job>();
  readonly #followers = new Set<() => void>();
  #closed = false;

  constructor(limits: Partial<LogLimits> = {}) {
    this.#limits = { ...DEFAULT_LOG_LIMITS, ...limits };
  }

  async append({ jobId, fence, offset, bytes }: LogKey & { offset: number; bytes: Uint8Array }): Promise<Appended> {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${offset} is not an offset`);
    const job = this.#see(jobId, fence);
    if (fence < job.highest) return { ok: false, code: "lease_lost", fence: job.highest };
    const stream = job.streams.get(fence) ?? { bytes: Buffer.alloc(0), durable: 0, sealed: false };
    const expected = stream.bytes.length;
    const placed = placeChunk(offset, bytes.length, expected);
    if (placed.type === "gap") return { ok: false, code: "wrong_offset", expected };
    const { repeated } = placed;
    const differs = !stream.bytes.subarray(offset, offset + repeated).equals(bytes.subarray(0, repeated));
    if (differs || (stream.sealed && repeated < bytes.length)) return { ok: false, code: "log_differs", expected };
    if (repeated < bytes.length && offset + bytes.length > this.#limits.logBytes) {
      return { ok: false, code: "log_too_large", limit: this.#limits.logBytes };
    }
    if (repeated < bytes.length) {
      stream.bytes = Buffer.concat([stream.bytes, bytes.subarray(repeated)]);
      job.streams.set(fence, stream);
    }
    this.#notify();
    return { ok: true, committed: stream.bytes.length };
  }

  async seal({ jobId, fence, bytes, crc32: checksum }: LogKey & { bytes: number; crc32: number }): Promise<Sealed> {
    const job = this.#see(jobId, fence);
    if (fence < job.highest) return { ok: false, code: "lease_lost", fence: job.highest };
    const stream = job.streams.get(fence) ?? { bytes: Buffer.alloc(0), durable: 0, sealed: false };
    const expected = stream.bytes.length;
    if (bytes > expected && !stream.sealed) return { ok: false, code: "log_incomplete", expected };
    if (bytes !== expected || crc32(stream.bytes) !== checksum) return { ok: false, code: "log_differs", expected };
    stream.sealed = true;
    stream.durable = expected;
    job.streams.set(fence, stream);
    this.#notify();
    return { ok: true };
  }

  async size({ jobId, fence }: LogKey): Promise<LogSize | null> {
    const stream = this.#jobs.get(jobId)?.streams.get(fence);
    return stream === undefined ? null : { bytes: stream.bytes.length, sealed: stream.sealed };
  }

  async *read({
    jobId,
    fence,
    from = 0,
    to = Infinity,
  }: LogKey & { from?: number; to?: number }): AsyncGenerator<Uint8Array> {
    const bytes = this.#jobs.get(jobId)?.streams.get(fence)?.bytes ?? Buffer.alloc(0);
    yield* pieces(bytes.subarray(from, Math.max(from, Math.min(to, bytes.length))));
  }

  async *follow({
    jobId,
    fence,
    from = 0,
    signal,
    over,
  }: LogKey & { from?: number; signal: AbortSignal; over?: AbortSignal }): AsyncGenerator<Uint8Array> {
    const wake = over === undefined ? signal : AbortSignal.any([signal, over]);
    let at = from;
    let wasThere = false;
    while (!signal.aborted && !this.#closed) {
      const job = this.#jobs.get(jobId);
      const stream = job?.streams.get(fence);
      if (stream === undefined && wasThere) return;
      wasThere = stream !== undefined;
      if (stream !== undefined && stream.bytes.length > at) {
        for (const piece of pieces(stream.bytes.subarray(at))) {
          at += piece.length;
          yield piece;
          if (signal.aborted) return;
        }
      } else if (stream?.sealed || over?.aborted || (job !== undefined && job.highest > fence)) {
        return;
      } else {
        await this.#change(wake);
      }
    }
  }

  async fences(jobId: string): Promise<readonly number[]> {
    return [...(this.#jobs.get(jobId)?.streams.keys() ?? [])].sort((a, b) => a - b);
  }

  async flush(): Promise<void> {
    for (const { streams } of this.#jobs.values())
      for (const stream of streams.values()) stream.durable = stream.bytes.length;
  }

  async remove(jobId: string): Promise<void> {
    this.#jobs.delete(jobId);
    this.#notify();
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    this.#notify();
  }

  /** A new store over the same content: what a restart finds. */
  reopen(limits: Partial<LogLimits> = {}): MemoryLogs {
    const next = new MemoryLogs(limits);
    next.#jobs = this.#jobs;
    return next;
  }

  /** The machine loses power: streams end where they were last flushed, and this store is closed. */
  crash(): void {
    for (const { streams } of this.#jobs.values()) {
      for (const [fence, stream] of streams) {
        stream.bytes = stream.bytes.subarray(0, stream.durable);
        if (stream.durable === 0 && !stream.sealed) streams.delete(fence);
      }
    }
    this.#closed = true;
    this.#notify();
  }

  async putArtifact(put: Parameters<ArtifactStore["putArtifact"]>[0]): Promise<ArtifactPut> {
    const { jobId, fence, name } = put;
    if (!ARTIFACT_NAME.test(name)) return { ok: false, code: "bad_name" };
    const before = this.#see(jobId, fence);
    if (fence < before.highest) return { ok: false, code: "lease_lost", fence: before.highest };
    const limit = this.#limits.artifactBytes;
    if ((put.bytes ?? 0) > limit) return { ok: false, code: "artifact_too_large", limit };
    const received: Uint8Array[] = [];
    let size = 0;
    for await (const piece of put.stream) {
      size += piece.length;
      if (size > limit) return { ok: false, code: "artifact_too_large", limit };
      received.push(Buffer.from(piece));
    }
    const bytes = Buffer.concat(received);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (sha256 !== put.sha256 || (put.bytes !== undefined && put.bytes !== size)) {
      return { ok: false, code: "artifact_mismatch", bytes: size, sha256 };
    }
    const job = this.#see(jobId, fence);
    if (fence < job.highest) return { ok: false, code: "lease_lost", fence: job.highest };
    const there = job.artifacts.filter((each) => each.artifact.fence === fence);
    const same = there.find((each) => each.artifact.name === name)?.artifact;
    if (same !== undefined) {
      return same.sha256 === sha256
        ? { ok: true, artifact: same }
        : { ok: false, code: "artifact_exists", sha256: same.sha256 };
    }
    if (there.length >= this.#limits.artifacts)
      return { ok: false, code: "too_many_artifacts", limit: this.#limits.artifacts };
    const artifact: Artifact = { fence, name, bytes: size, sha256 };
    job.artifacts.push({ artifact, bytes });
    return { ok: true, artifact };
  }

  async readArtifact({ jobId, fence, name }: LogKey & { name: string }) {
    const found = this.#jobs
      .get(jobId)
      ?.artifacts.find(({ artifact }) => artifact.fence === fence && artifact.name === name);
    return found === undefined ? null : { artifact: found.artifact, stream: asyncPieces(found.bytes) };
  }

  async listArtifacts({ jobId, fence }: { jobId: string; fence?: number }): Promise<readonly Artifact[]> {
    const found = (this.#jobs.get(jobId)?.artifacts ?? []).map(({ artifact }) => artifact);
    return found
      .filter((artifact) => fence === undefined || artifact.fence === fence)
      .sort((a, b) => a.fence - b.fence || (a.name < b.name ? -1 : 1));
  }

  #see(jobId: string, fence: number): Job {
    if (this.#closed) throw new Error("the log store is closed");
    if (!Number.isSafeInteger(fence) || fence < 0) throw new RangeError(`${fence} is not a fence`);
    let job = this.#jobs.get(jobId);
    if (job === undefined) this.#jobs.set(jobId, (job = { highest: fence, streams: new Map(), artifacts: [] }));
    if (fence > job.highest) {
      job.highest = fence;
      this.#notify();
    }
    return job;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#followers.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#followers.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  #notify(): void {
    for (const done of this.#followers) done();
  }
}

function* pieces(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += READ_PIECE) yield Buffer.from(bytes.subarray(at, at + READ_PIECE));
}

async function* asyncPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield* pieces(bytes);
}

/**
 * One stream of bytes on the disk. Chunks that arrive while a write is running are written together by the next one, so
 * many small chunks cost few system calls; the disk is flushed by a timer and at the seal, not per chunk.
 */

import { type FileHandle, mkdir, open, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { type Appended, READ_PIECE, type Sealed } from "../contract.ts";
import { placeChunk } from "../overlap.ts";
import { type End, encodeEnd, findEnd, isMissing } from "./ends.ts";
import { flushFolders } from "./folders.ts";
import type { Handles } from "./handles.ts";

interface Waiting {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: Error) => void;
}

/** Bytes gathered for one write. */
const WRITE_BYTES = 4 * 1024 * 1024;

export class LogFile {
  readonly #paths: { readonly log: string; readonly ends: string };
  readonly #limit: number;
  readonly #handles: Handles;
  readonly #followers = new Set<() => void>();
  #version = 0;
  #waiting: Waiting[] = [];
  #pumping: Promise<void> | null = null;
  /** Work on the file, one after the other. */
  #line: Promise<void> = Promise.resolve();
  #end: End = { bytes: 0, crc32: 0, sealed: false };
  #durable = 0;
  #exists = false;
  #named = false;
  /** Set when the file on the disk may differ from what this object believes: looked at again before the next use. */
  #unsure = true;
  #over = false;

  constructor(paths: { readonly log: string; readonly ends: string }, limit: number, handles: Handles) {
    this.#paths = paths;
    this.#limit = limit;
    this.#handles = handles;
  }

  /** How far the stream is; null when nobody wrote to it. */
  async end(): Promise<End | null> {
    if (this.#unsure) await this.#inLine(() => this.#find());
    return this.#exists ? this.#end : null;
  }

  append(offset: number, bytes: Uint8Array): Promise<Appended> {
    if (!Number.isSafeInteger(offset) || offset < 0)
      return Promise.reject(new RangeError(`${offset} is not an offset`));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ offset, bytes, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  async #pump(): Promise<void> {
    // What arrives in the same turn of the event loop is written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#inLine(() => this.#takeWaiting());
    this.#pumping = null;
  }

  async #takeWaiting(): Promise<void> {
    const answers: { readonly waiting: Waiting; readonly answer: Appended }[] = [];
    let end = this.#end;
    try {
      await this.#find();
      end = this.#end;
      const pieces: Uint8Array[] = [];
      for (let gathered = 0; gathered < WRITE_BYTES; ) {
        const waiting = this.#waiting[0];
        if (waiting === undefined) break;
        const placed = placeChunk(waiting.offset, waiting.bytes.length, end.bytes);
        const repeated = placed.type === "gap" ? 0 : placed.repeated;
        // A repeat is compared with the file: first let the file have what this round gathered.
        if (repeated > 0 && pieces.length > 0) break;
        this.#waiting.shift();
        const refusal: Appended | null =
          placed.type === "gap"
            ? { ok: false, code: "wrong_offset", expected: end.bytes }
            : await this.#refusal(waiting, repeated);
        if (refusal === null && repeated < waiting.bytes.length) {
          const fresh = waiting.bytes.subarray(repeated);
          end = { bytes: end.bytes + fresh.length, crc32: crc32(fresh, end.crc32), sealed: false };
          pieces.push(fresh);
          gathered += fresh.length;
        }
        answers.push({ waiting, answer: refusal ?? { ok: true, committed: end.bytes } });
      }
      if (pieces.length > 0) await this.#write(pieces);
    } catch (error) {
      const failed = error instanceof Error ? error : new Error(String(error));
      for (const { waiting } of answers) waiting.reject(failed);
      // Nothing could even be looked at: whoever waits hears of it now instead of one after the other.
      if (answers.length === 0) for (const waiting of this.#waiting.splice(0)) waiting.reject(failed);
      return;
    }
    this.#end = end;
    this.#notify();
    for (const { waiting, answer } of answers) waiting.resolve(answer);
  }

  /** Null: the chunk is taken. It begins at or below the committed end. */
  async #refusal({ offset, bytes }: Waiting, repeated: number): Promise<Appended | null> {
    const expected = this.#end.bytes;
    if (repeated > 0) {
      const there = await this.#readExactly(offset, repeated);
      if (!there.equals(bytes.subarray(0, repeated))) return { ok: false, code: "log_differs", expected };
    }
    if (repeated === bytes.length) return null;
    if (this.#end.sealed) return { ok: false, code: "log_differs", expected };
    if (offset + bytes.length > this.#limit) return { ok: false, code: "log_too_large", limit: this.#limit };
    return null;
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    await this.#handles.use(
      this.#paths.log,
      () => this.#create(),
      async (file) => {
        this.#exists = true;
        let at = this.#end.bytes;
        let left: readonly Uint8Array[] = pieces;
        try {
          while (left.length > 0) {
            // The system takes at most 1,024 pieces in one call.
            const { bytesWritten } = await file.writev(left.slice(0, 1024), at);
            at += bytesWritten;
            left = withoutFirst(left, bytesWritten);
          }
        } catch (error) {
          // Half a chunk on a full disk: what was committed before stays, the rest is as if it never came.
          this.#unsure = true;
          await file.truncate(this.#end.bytes);
          this.#unsure = false;
          throw error;
        }
      },
    );
  }

  async #create(): Promise<FileHandle> {
    await mkdir(dirname(this.#paths.log), { recursive: true, mode: 0o700 });
    // "a+" would ignore positions; "r+" fails where there is no file yet.
    return await open(this.#paths.log, this.#exists ? "r+" : "w+", 0o600);
  }

  async seal(bytes: number, checksum: number): Promise<Sealed> {
    // Chunks that came before the seal belong under it.
    await this.#pumping;
    return this.#inLine(async () => {
      await this.#find();
      const { bytes: committed, crc32: actual, sealed } = this.#end;
      if (bytes > committed && !sealed) return { ok: false, code: "log_incomplete", expected: committed };
      if (bytes !== committed || checksum !== actual) return { ok: false, code: "log_differs", expected: committed };
      if (sealed) return { ok: true };
      await this.#flush(true);
      this.#notify();
      return { ok: true };
    });
  }

  /** Makes what was taken durable, and says so in the list of ends. */
  async flush(): Promise<void> {
    if (this.#exists && !this.#end.sealed && this.#durable < this.#end.bytes)
      await this.#inLine(() => this.#flush(false));
  }

  get isDirty(): boolean {
    return this.#durable < this.#end.bytes;
  }

  async #flush(sealed: boolean): Promise<void> {
    try {
      const end: End = { ...this.#end, sealed };
      await this.#handles.use(
        this.#paths.log,
        () => this.#create(),
        (file) => file.datasync(),
      );
      const ends = await open(this.#paths.ends, "a", 0o600);
      try {
        await ends.write(encodeEnd(end));
        await ends.datasync();
      } finally {
        await ends.close();
      }
      if (!this.#named) await flushFolders(dirname(this.#paths.log));
      this.#named = true;
      this.#exists = true;
      this.#end = end;
      this.#durable = end.bytes;
      if (sealed) await this.#handles.close(this.#paths.log);
    } catch (error) {
      // After a failed flush nobody knows what the disk has: read it again.
      this.#unsure = true;
      throw error;
    }
  }

  /** Looks at the disk when this object does not know it (any more), and cuts off what cannot be trusted. */
  async #find(): Promise<void> {
    if (!this.#unsure) return;
    await this.#handles.close(this.#paths.log);
    const found = await findEnd(this.#paths.log, this.#paths.ends);
    const { listed = 0, ...end } = found ?? { bytes: 0, crc32: 0, sealed: false };
    if (found !== null) await truncate(this.#paths.log, end.bytes).catch(nothingWhenMissing);
    // What is written behind a record that cannot be trusted would never be found.
    await truncate(this.#paths.ends, listed).catch(nothingWhenMissing);
    this.#exists = found !== null;
    this.#end = end;
    this.#durable = this.#end.bytes;
    this.#unsure = false;
  }

  async #readExactly(from: number, length: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.read(from, from + length)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** The committed bytes of a range, as far as there are any. */
  async *read(from: number, to: number): AsyncGenerator<Uint8Array> {
    if (!this.#exists || from >= to) return;
    // A job that is being removed has no bytes any more.
    const file = await open(this.#paths.log, "r").catch(nothingWhenMissing);
    if (file === null) return;
    try {
      for (let at = from; at < to; ) {
        const piece = Buffer.allocUnsafe(Math.min(READ_PIECE, to - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  /** The file is being deleted: closes it, looks again before the next use and may begin anew. */
  forget(): Promise<void> {
    return this.#inLine(async () => {
      this.#over = false;
      this.#unsure = true;
      this.#durable = 0;
      this.#end = { bytes: 0, crc32: 0, sealed: false };
      await this.#handles.close(this.#paths.log);
      this.#notify();
    });
  }

  /** No bytes will ever be added by this object: a higher fence was seen, or the store is closing. */
  finish(): void {
    this.#over = true;
    this.#notify();
  }

  get isOver(): boolean {
    return this.#over || this.#end.sealed;
  }

  /** Rises with every change that a follower wants to hear of. */
  get version(): number {
    return this.#version;
  }

  /** Resolves once the stream changed since it had this version, or when the signal is aborted. */
  changedSince(version: number, signal: AbortSignal): Promise<void> {
    if (version !== this.#version || signal.aborted) return Promise.resolve();
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
    this.#version += 1;
    for (const done of this.#followers) done();
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work);
    this.#line = done.then(
      () => {},
      () => {},
    );
    return done;
  }
}

function nothingWhenMissing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}

function withoutFirst(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [i, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(i + 1)];
    left -= piece.length;
  }
  return [];
}

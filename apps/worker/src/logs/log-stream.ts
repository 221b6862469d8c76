/**
 * The log of one attempt on its way from the agent to the dispatcher: redacted, written to a file, sent from there. The
 * file is why a slow or absent dispatcher costs disk instead of memory and never a byte; the redaction comes before the
 * file, so that no secret is ever on disk.
 *
 * A log is raw bytes as the programs wrote them. The supervisor adds lines of its own that begin with `##[`:
 * `##[phase] NAME` where a phase begins (readers fold by them) and `##[cut] …` where bytes were left out. They are marks
 * for people, not facts: a program may print such lines too.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { createRedactor, type Redactor } from "@hive/core";
import type { Clock } from "../loops/clock.ts";
import { type Upload, uploadSpool } from "./upload-spool.ts";

/** Where bytes come from. Each is redacted by itself first, so that two mixed streams cannot cut a secret in two. */
export type LogSource = "stdout" | "stderr" | "hive";

/** How a log is kept and sent. */
export interface LogStreamOptions {
  /** File for the redacted bytes; made new. */
  readonly spoolPath: string;
  /** Never shown. More can follow with `hide`. */
  readonly secrets: readonly string[];
  readonly upload: Upload;
  /** Bytes of the largest chunk sent. */
  readonly chunkBytes: number;
  /** Bytes of the whole log. Beyond them the middle is left out; the last 64 KiB (or a quarter) are kept. */
  readonly maxBytes: number;
  /** Milliseconds that bytes may wait for more before they are sent. */
  readonly flushMs: number;
  readonly clock: Clock;
  /** Aborted: stop sending at once. */
  readonly signal: AbortSignal;
}

/** What the whole log is, as the finish call says it. */
export interface LogEnd {
  readonly bytes: number;
  readonly crc32: number;
  /** `complete`: the dispatcher has every byte. Else why not. */
  readonly sent: "complete" | "stale" | "stopped" | "diverged";
}

/** One attempt's log. */
export interface LogStream {
  /** Adds bytes. Await it: that is how a flood of output is slowed to the disk's speed. @throws when the disk is full */
  write(bytes: Uint8Array | string, source?: LogSource): Promise<void>;
  /** Adds a phase line. */
  phase(name: string): Promise<void>;
  /** Adds one line of the supervisor's own. */
  say(line: string): Promise<void>;
  /** From here on these are hidden too. */
  hide(secrets: readonly string[]): Promise<void>;
  /** Ends the log and waits until the dispatcher has all of it, the lease is over or the signal is aborted. */
  finish(): Promise<LogEnd>;
  /** Closes the file; with `keep` it stays for a later replay. Safe to call twice. */
  close(options?: { readonly keep?: boolean }): Promise<void>;
}

const TAIL_BYTES = 64 * 1_024;
const CUT_LINE_BYTES = 128;

/** Opens the log of an attempt; sending begins at once. */
export async function openLogStream(options: LogStreamOptions): Promise<LogStream> {
  // Read by us alone: even redacted logs are nobody else's business.
  const file = await open(options.spoolPath, "w+", 0o600);
  return new SpooledLog(options, file);
}

class SpooledLog implements LogStream {
  readonly #options: LogStreamOptions;
  readonly #file: FileHandle;
  readonly #sending: Promise<LogEnd["sent"]>;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #secrets: readonly string[];
  #bySource = new Map<LogSource, Redactor>();
  #combined: Redactor;
  /** Writes come from several streams but go to the file one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #bytes = 0;
  #crc = 0;
  #lastByte = 0x0a;
  #cut = false;
  #leftOut = 0;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #complete = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: LogStreamOptions, file: FileHandle) {
    this.#options = options;
    this.#file = file;
    this.#secrets = options.secrets;
    this.#combined = createRedactor(this.#secrets);
    const { upload, chunkBytes, clock } = options;
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    this.#sending = uploadSpool({
      file,
      upload,
      chunkBytes,
      clock,
      signal,
      available: (sent) => this.#available(sent),
    });
    // Whoever waits in `finish` hears of an error; closing in the middle of a chunk is none.
    this.#sending.catch(() => {});
  }

  write(bytes: Uint8Array | string, source: LogSource = "hive"): Promise<void> {
    return this.#inOrder(() => this.#take(bytes, source));
  }

  phase(name: string): Promise<void> {
    return this.say(`##[phase] ${name}`);
  }

  say(line: string): Promise<void> {
    return this.#inOrder(async () => {
      await this.#release();
      if (this.#lastByte !== 0x0a) await this.#store(Buffer.from("\n"));
      await this.#take(`${line}\n`, "hive");
    });
  }

  hide(secrets: readonly string[]): Promise<void> {
    return this.#inOrder(async () => {
      await this.#release();
      this.#secrets = [...this.#secrets, ...secrets];
      this.#bySource = new Map();
      this.#combined = createRedactor(this.#secrets);
    });
  }

  async finish(): Promise<LogEnd> {
    await this.#inOrder(async () => {
      if (this.#complete) return;
      await this.#release();
      await this.#storeTail();
      this.#complete = true;
    });
    this.#wake?.();
    const sent = await this.#sending;
    return { bytes: this.#bytes, crc32: this.#crc, sent };
  }

  async close(options: { readonly keep?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort();
    await this.#queue.catch(() => {});
    await this.#file.close();
    if (!options.keep) await rm(this.#options.spoolPath, { force: true });
  }

  #inOrder(act: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => {}); // the caller hears of it; the next write is tried all the same
    return done;
  }

  async #take(bytes: Uint8Array | string, source: LogSource): Promise<void> {
    let redactor = this.#bySource.get(source);
    if (!redactor) {
      redactor = createRedactor(this.#secrets);
      this.#bySource.set(source, redactor);
    }
    await this.#store(this.#combined.push(redactor.push(bytes)));
  }

  /** Stores what the redactors hold back: nothing that begins before this point can end behind it. */
  async #release(): Promise<void> {
    for (const redactor of this.#bySource.values()) await this.#store(this.#combined.push(redactor.end()));
    await this.#store(this.#combined.end());
  }

  async #store(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#lastByte = bytes[bytes.length - 1] ?? 0;
    const room = this.#cut ? 0 : Math.max(0, this.#options.maxBytes - this.#tailLimit() - CUT_LINE_BYTES - this.#bytes);
    if (bytes.length <= room) return this.#append(bytes);
    this.#cut = true;
    if (room > 0) await this.#append(bytes.subarray(0, room));
    this.#keepTail(new Uint8Array(bytes.subarray(room))); // a copy: the chunk is not ours to keep
  }

  #keepTail(bytes: Uint8Array): void {
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    // A flood comes in many small chunks: whole ones are dropped at the front, the exact cut is made at the end.
    for (
      let first = this.#tail[0];
      first && this.#tailBytes - first.length >= this.#tailLimit();
      first = this.#tail[0]
    ) {
      this.#tail.shift();
      this.#tailBytes -= first.length;
      this.#leftOut += first.length;
    }
  }

  async #storeTail(): Promise<void> {
    if (!this.#cut) return;
    const kept = Buffer.concat(this.#tail);
    const over = Math.max(0, kept.length - this.#tailLimit());
    const leftOut = this.#leftOut + over;
    this.#tail = [];
    if (leftOut > 0) await this.#append(Buffer.from(`\n##[cut] ${leftOut} bytes left out: the log is too long\n`));
    await this.#append(kept.subarray(over));
  }

  #tailLimit(): number {
    return Math.min(TAIL_BYTES, Math.floor(this.#options.maxBytes / 4));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, offset, bytes.length - offset, this.#bytes + offset);
      offset += bytesWritten;
    }
    this.#crc = crc32(bytes, this.#crc);
    this.#bytes += bytes.length;
    this.#wake?.();
  }

  async #available(sent: number): Promise<{ bytes: number; complete: boolean }> {
    const { flushMs, chunkBytes, clock } = this.#options;
    const over = (): boolean => this.#complete || this.#signal.aborted;
    while (sent === this.#bytes && !over()) await this.#woken();
    let due = false;
    const takeBack = clock.after(flushMs, () => {
      due = true;
      this.#wake?.();
    });
    while (this.#bytes - sent < chunkBytes && !due && !over()) await this.#woken();
    takeBack();
    return { bytes: this.#bytes, complete: this.#complete };
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

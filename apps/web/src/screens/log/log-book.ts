/**
 * One attempt's log as far as it is known here: an index of its lines, and the bytes of those that somebody looked at
 * lately. What is not in hand is asked for by its byte range when it is wanted. However long the log is, memory is not.
 */
import { type Block, BLOCK_KEPT, type BlockBytes, blockBytes, LineIndex } from "./line-index.ts";

/** A line as far as it is shown. */
export interface LineText {
  /** With its escapes; at most `SHOWN_BYTES` of them. */
  readonly text: string;
  /** Where it begins, and how long it really is without its end. */
  readonly from: number;
  readonly bytes: number;
  readonly isCut: boolean;
}

export interface Phase {
  readonly line: number;
  readonly name: string;
}

/** `reading`: there is more than came so far. `live`: it grows. `lost`: the server does not answer. `over`: this is all. */
export type BookState = "reading" | "live" | "lost" | "over";

/** Bytes of a line that are shown unless all are asked for. */
export const SHOWN_BYTES = 4_096;
/** Bytes of blocks kept, and block requests at once. */
const KEPT_BYTES = 16 * 1_048_576;
const AT_ONCE = 3;
const MOST_WANTED = 12;
/** Folds beyond this many are no help: a program prints what looks like them. */
const MOST_PHASES = 1_000;
const TELL_MS = 50;

const PHASE = "##[phase] ";

interface Kept extends BlockBytes {
  readonly texts: (LineText | undefined)[];
}

export class LogBook {
  /** Gives the bytes of a range; null: the server has them no more. */
  readonly #read: (from: number, to: number) => Promise<Uint8Array | null>;
  readonly #index: LineIndex;
  readonly #kept = new Map<number, Kept>();
  readonly #asked = new Set<number>();
  readonly #gone = new Set<number>();
  readonly #listeners = new Set<() => void>();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #wanted: number[] = [];
  #keptBytes = 0;
  #phases: readonly Phase[] = [];
  #state: BookState = "reading";
  #version = 0;
  #toldAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last: LineText | null = null;
  #openTexts: { readonly at: number; readonly texts: (LineText | undefined)[] } = { at: -1, texts: [] };

  constructor(read: (from: number, to: number) => Promise<Uint8Array | null>) {
    this.#read = read;
    this.#index = new LineIndex({
      onBlock: (at, bytes) => this.#keep(at, bytes),
      onMark: (line, bytes) => this.#mark(line, bytes),
    });
  }

  get lines(): number {
    return this.#index.lines;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  get state(): BookState {
    return this.#state;
  }

  get phases(): readonly Phase[] {
    return this.#phases;
  }

  /** Changes with everything above, and when lines came that were asked for. */
  readonly version = (): number => this.#version;

  /** Returns how to take it back. Told at most some times a second. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add(bytes: Uint8Array): void {
    this.#last = null;
    this.#index.add(bytes);
    this.#tell();
  }

  skip(to: number): void {
    this.#index.skip(to);
    this.#tell();
  }

  become(state: BookState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell();
  }

  /** A line, from 0. Null: it was asked for and comes later. */
  line(line: number): LineText | null {
    const block = this.#index.blockOf(line);
    if (block === null) return null;
    if (block.isGap) return gapText(block);
    if (this.#gone.has(block.at))
      return { text: "[hive] this line is not kept any more", from: block.from, bytes: 0, isCut: false };
    const isOpen = block.at === this.#index.blocks - 1;
    if (isOpen && line === this.lines - 1) return (this.#last ??= this.#textIn(block, this.#index.openBytes(), line));
    const kept = isOpen ? this.#openKept(block) : this.#touch(block.at);
    if (kept === null) {
      this.#want(block.at);
      return null;
    }
    return (kept.texts[line - block.line] ??= this.#textIn(block, kept, line));
  }

  /** A line, once its bytes came. */
  async lineWhenThere(line: number): Promise<LineText> {
    for (let tried = 0; tried < 100; tried += 1) {
      const found = this.line(line);
      if (found !== null) return found;
      await pause(TELL_MS);
    }
    throw new Error(`Line ${line + 1} did not come`);
  }

  /** The parts of the log that the server has, behind `from`. */
  parts(from: number): readonly { readonly from: number; readonly to: number; readonly line: number }[] {
    const all: { from: number; to: number; line: number }[] = [];
    let begun: { from: number; line: number } | null = null;
    for (let at = 0; at < this.#index.blocks; at += 1) {
      const block = this.#index.block(at);
      if (block.isGap) {
        if (begun !== null) all.push({ ...begun, to: block.from });
        begun = null;
      } else if (begun === null && block.to > from) begun = { from: block.from, line: block.line };
    }
    if (begun !== null) all.push({ ...begun, to: this.#index.bytes });
    return all;
  }

  /** Reads a range past the blocks. */
  read(from: number, to: number): Promise<Uint8Array | null> {
    return this.#read(from, to);
  }

  #openKept(block: Block): Kept {
    // The lines before the last do not change: their texts stay the same objects.
    if (this.#openTexts.at !== block.at) this.#openTexts = { at: block.at, texts: [] };
    return { ...this.#index.openBytes(), texts: this.#openTexts.texts };
  }

  #textIn(block: Block, { bytes, starts }: BlockBytes, line: number): LineText {
    const place = line - block.line;
    const start = starts[place] ?? 0;
    const isLastOfBlock = place === block.lines - 1;
    const next = isLastOfBlock ? block.to - block.from : (starts[place + 1] ?? bytes.length);
    const isEnded = next > bytes.length || bytes[next - 1] === 10;
    const length = Math.max(0, next - start - (isEnded ? 1 : 0));
    const isCut = length > SHOWN_BYTES;
    const shown = bytes.subarray(start, start + Math.min(length, SHOWN_BYTES));
    // A character that the cut went through is left out.
    const text = isCut
      ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(shown, { stream: true })
      : this.#decoder.decode(shown);
    return { text: text.replace(/\r+$/, ""), from: block.from + start, bytes: length, isCut };
  }

  #touch(at: number): Kept | null {
    const kept = this.#kept.get(at);
    if (kept === undefined) return null;
    this.#kept.delete(at);
    this.#kept.set(at, kept);
    return kept;
  }

  #keep(at: number, { bytes, starts }: BlockBytes): void {
    const texts = this.#openTexts.at === at ? this.#openTexts.texts : [];
    this.#kept.set(at, { bytes, starts, texts });
    this.#keptBytes += bytes.length;
    for (const [oldest, { bytes: old }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || oldest === at) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= old.length;
    }
  }

  #want(at: number): void {
    if (this.#asked.has(at)) return;
    // What was wanted last is looked at now.
    this.#wanted = [...this.#wanted.filter((each) => each !== at).slice(-MOST_WANTED), at];
    this.#ask();
  }

  #ask(): void {
    while (this.#asked.size < AT_ONCE) {
      const at = this.#wanted.pop();
      if (at === undefined) return;
      if (this.#kept.has(at)) continue;
      this.#asked.add(at);
      const { from, to } = this.#index.block(at);
      this.#read(from, Math.min(to, from + BLOCK_KEPT))
        .then(
          (bytes) => {
            if (bytes === null) this.#gone.add(at);
            else this.#keep(at, blockBytes(bytes));
          },
          // Whoever still looks at it asks again.
          () => pause(1_000),
        )
        .finally(() => {
          this.#asked.delete(at);
          this.#tell();
          this.#ask();
        })
        .catch(() => undefined);
    }
  }

  #mark(line: number, bytes: Uint8Array): void {
    if (this.#phases.length >= MOST_PHASES) return;
    const text = this.#decoder.decode(bytes.subarray(0, 128));
    if (!text.startsWith(PHASE)) return;
    this.#phases = [...this.#phases, { line, name: text.slice(PHASE.length).trim().slice(0, 64) }];
  }

  #tell(): void {
    if (this.#timer !== undefined) return;
    const tell = (): void => {
      this.#timer = undefined;
      this.#toldAt = performance.now();
      this.#version += 1;
      for (const listener of this.#listeners) listener();
    };
    this.#timer = setTimeout(tell, Math.max(0, this.#toldAt + TELL_MS - performance.now()));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function gapText({ from, to }: Block): LineText {
  const text = `[hive] ${(to - from).toLocaleString("en-US")} bytes of this log were not kept (HIVE_REDIS_LOG_BYTES)`;
  return { text, from, bytes: 0, isCut: false };
}

/**
 * Reads entries out of one file: bytes become lines, lines become entries. What is counted for good is everything before
 * `position`; an entry that may still get lines is held back, and read again after a restart.
 */

import type { EntryLines } from "@hive/core";

/** Bytes of one line that are read; the rest of it is passed over. */
export const LINE_MAX = 65_536;
/** Bytes of one entry that are kept. */
const ENTRY_KEPT = 32_768;
const NEWLINE = 0x0a;

/** One entry of a file. */
export interface FileEntry {
  readonly text: string;
  /** Where the next one begins. */
  readonly end: number;
  /** It ends in the middle of a line: the rest of that line belongs to it and is passed over. */
  readonly midLine: boolean;
}

interface Held {
  readonly parts: string[];
  bytes: number;
  lines: number;
  end: number;
}

/** How entries are made of lines. */
export interface EntryRules {
  readonly lines: EntryLines;
  readonly maxLines: number;
}

/** The reader of one file. Not to be used again after a poll whose result was not committed. */
export class EntryReader {
  readonly #rules: EntryRules;
  #readTo: number;
  #midLine: boolean;
  #held: Held | null = null;
  /** When it last got a line, wall milliseconds. */
  #grownAt = 0;

  constructor(rules: EntryRules, position: number, midLine: boolean) {
    this.#rules = rules;
    this.#readTo = position;
    this.#midLine = midLine;
  }

  /** From where bytes are wanted. */
  get readTo(): number {
    return this.#readTo;
  }

  /** True while `readTo` is within a line that was taken already. */
  get midLine(): boolean {
    return this.#midLine;
  }

  /** True while an entry is held back. */
  get holds(): boolean {
    return this.#held !== null;
  }

  /**
   * Takes bytes that stand at `readTo`, and gives entries to `take` until it says stop. `last`: nothing will ever follow
   * these bytes, so the line they end in is whole.
   */
  read(bytes: Buffer, now: number, last: boolean, take: (entry: FileEntry) => "more" | "stop"): void {
    const from = this.#readTo;
    let at = 0;
    while (at < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline === -1 ? bytes.length : newline;
      const whole = newline !== -1 || last;
      if (!whole && end - at < LINE_MAX && !this.#midLine) return;
      const next = newline === -1 ? bytes.length : newline + 1;
      const line = this.#midLine ? null : lineOf(bytes.subarray(at, Math.min(end, at + LINE_MAX)));
      this.#grownAt = now;
      if (line !== null && this.#begins(line)) {
        // The entry before is whole. It is taken before this line is read, so that one may stop between them.
        const done = this.#release();
        if (done !== null && take(done) === "stop") {
          this.#rules.lines.end();
          return;
        }
      }
      if (line !== null) this.#add(line, end - at);
      this.#midLine = !whole;
      this.#readTo = from + next;
      if (this.#held !== null) this.#held.end = this.#readTo;
      at = next;
    }
  }

  /** The entry that is held back, when it got no line for so long. */
  flush(now: number, afterMs: number): FileEntry | null {
    if (this.#held === null || now - this.#grownAt < afterMs) return null;
    this.#rules.lines.end();
    return this.#release();
  }

  #begins(line: string): boolean {
    const goesOn = this.#rules.lines.continues(line);
    return this.#held === null || !goesOn || this.#held.lines >= this.#rules.maxLines;
  }

  #add(line: string, bytes: number): void {
    // Blank lines between entries are nothing that happened.
    if (this.#held === null && line.trim() === "") {
      this.#rules.lines.end();
      return;
    }
    this.#held ??= { parts: [], bytes: 0, lines: 0, end: this.#readTo };
    if (this.#held.bytes < ENTRY_KEPT) this.#held.parts.push(line.slice(0, ENTRY_KEPT - this.#held.bytes));
    this.#held.bytes += bytes;
    this.#held.lines += 1;
  }

  #release(): FileEntry | null {
    if (this.#held === null) return null;
    const { parts, end } = this.#held;
    this.#held = null;
    return { text: parts.join("\n").trimEnd(), end, midLine: this.#midLine };
  }
}

/** A line as text, without its carriage return; bytes that are no UTF-8 become the sign for that. */
function lineOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}

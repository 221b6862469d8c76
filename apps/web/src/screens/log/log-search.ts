/**
 * Finds a text in the whole log, wherever its bytes are: they are read once more and let go. Case does not count, escapes
 * are no part of the text. What is found are lines; those that come later are found when they come.
 */
import { plainText } from "./ansi.ts";
import type { LogBook } from "./log-book.ts";

const STEP_BYTES = 1_048_576;
/** Of a line so much is looked through at once; what lies across two such parts is found in the second. */
const OVERLAP = 1_024;
const LOOK_MS = 300;

export interface Found {
  /** Lines, lowest first. */
  readonly lines: Uint32Array;
  /** Share of the log that was looked through, 0 to 1. */
  readonly done: number;
}

export const NOTHING: Found = { lines: new Uint32Array(), done: 1 };

/** Looks for `words` until `signal` aborts, and tells what it has so far. */
export async function searchLog(
  book: LogBook,
  words: string,
  signal: AbortSignal,
  onFound: (found: Found) => void,
): Promise<void> {
  const low = words.toLowerCase();
  let found = new Uint32Array(256);
  let count = 0;
  const add = (line: number): void => {
    if (count > 0 && found[count - 1] === line) return;
    if (count === found.length) {
      const more = new Uint32Array(count * 2);
      more.set(found);
      found = more;
    }
    found[count] = line;
    count += 1;
  };
  let from = 0;
  let line = 0;
  while (!signal.aborted) {
    for (const part of book.parts(from)) {
      if (part.from > from || from === 0) ({ from, line } = part);
      while (from < part.to) {
        const bytes = await book.read(from, Math.min(part.to, from + STEP_BYTES));
        if (signal.aborted) return;
        if (bytes === null || bytes.length === 0) {
          from = part.to;
          break;
        }
        const isEnd = from + bytes.length >= part.to;
        // Up to the last whole line, unless there is none.
        const newline = bytes.lastIndexOf(10);
        const used = isEnd ? bytes.length : newline === -1 ? Math.max(1, bytes.length - OVERLAP) : newline + 1;
        line = lookThrough(bytes.subarray(0, used), line, low, add);
        from += used;
        onFound({ lines: found.slice(0, count), done: Math.min(1, from / Math.max(1, book.bytes)) });
        await pause(0);
      }
    }
    onFound({ lines: found.slice(0, count), done: 1 });
    if (book.state === "over" && from >= book.bytes) return;
    const seen = book.version();
    while (!signal.aborted && book.version() === seen) await pause(LOOK_MS);
    // A line that was not whole is looked through again when it is.
    if (count > 0 && found[count - 1] === line) count -= 1;
    const last = book.line(line)?.from ?? null;
    if (last !== null) from = last;
  }
}

/** Lines of `bytes` that have the text. Gives the line behind them. */
function lookThrough(bytes: Uint8Array, first: number, low: string, add: (line: number) => void): number {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let line = first;
  if (text.includes("\u001b") || text.includes("\r")) {
    const lines = text.split("\n");
    for (const [at, each] of lines.entries()) if (plainText(each).toLowerCase().includes(low)) add(first + at);
    return first + lines.length - 1;
  }
  const all = text.toLowerCase();
  let at = 0;
  for (;;) {
    const hit = all.indexOf(low, at);
    const until = hit === -1 ? all.length : hit;
    for (
      let newline = all.indexOf("\n", at);
      newline !== -1 && newline < until;
      newline = all.indexOf("\n", newline + 1)
    )
      line += 1;
    if (hit === -1) return line;
    add(line);
    const end = all.indexOf("\n", hit);
    if (end === -1) return line;
    at = end + 1;
    line += 1;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

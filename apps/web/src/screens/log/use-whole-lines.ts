import { useState } from "react";
import type { LogBook } from "./log-book.ts";

/** Of a line at most so much is shown at all, and so many long lines at once: what is behind them is in the download. */
const MOST_BYTES = 2 * 1_048_576;
const MOST_LINES = 4;

export interface WholeLines {
  readonly texts: ReadonlyMap<number, string>;
  /** Reads a long line. @throws when the server does not have it */
  readonly show: (line: number) => Promise<void>;
}

export function useWholeLines(book: LogBook): WholeLines {
  const [texts, setTexts] = useState<ReadonlyMap<number, string>>(new Map());
  return {
    texts,
    async show(line) {
      const found = book.line(line);
      if (found === null) return;
      const bytes = await book.read(found.from, found.from + Math.min(found.bytes, MOST_BYTES));
      if (bytes === null) throw new Error("The server does not keep this line any more");
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      const more = found.bytes > MOST_BYTES ? " … the rest is in the download" : "";
      setTexts((now) => new Map([...[...now].slice(1 - MOST_LINES), [line, text + more]]));
    },
  };
}

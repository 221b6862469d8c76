import { useEffect, useState } from "react";
import type { LogBook } from "./log-book.ts";
import { type Found, NOTHING, searchLog } from "./log-search.ts";

const TYPING_MS = 200;

/** The lines with these words, as they are found. */
export function useSearch(book: LogBook, words: string): Found {
  const [found, setFound] = useState<Found>(NOTHING);
  useEffect(() => {
    setFound(words === "" ? NOTHING : { ...NOTHING, done: 0 });
    if (words === "") return;
    const closing = new AbortController();
    const timer = setTimeout(() => void search(), TYPING_MS);
    const search = async (): Promise<void> => {
      while (!closing.signal.aborted) {
        try {
          return await searchLog(book, words, closing.signal, setFound);
        } catch {
          // The server does not answer: begin again in a moment.
          await new Promise((resolve) => {
            setTimeout(resolve, 1_000);
          });
        }
      }
    };
    return () => {
      clearTimeout(timer);
      closing.abort();
    };
  }, [book, words]);
  return found;
}

/** The place of the first found line at or behind `line`; `-1`: there is none. */
export function placeAt({ lines }: Found, line: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) < line) low = middle + 1;
    else high = middle;
  }
  return low === lines.length ? -1 : low;
}

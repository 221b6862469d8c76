import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useStreamState } from "../../live/use-live.ts";
import type { LogBook } from "./log-book.ts";
import { openBook, readLog } from "./read-log.ts";

export interface OpenBook {
  readonly book: LogBook;
  /** What the server refused with; nothing is read any more. */
  readonly error: Error | null;
}

/** The log of an attempt, read while the component is there. The component is drawn again when it grows. */
export function useBook(jobId: string, fence: number): OpenBook {
  const [book] = useState(() => openBook(jobId, fence));
  const [error, setError] = useState<Error | null>(null);
  const again = useRef<() => void>(() => undefined);
  useSyncExternalStore(book.subscribe, book.version);

  useEffect(() => {
    const closing = new AbortController();
    readLog(book, {
      jobId,
      fence,
      signal: closing.signal,
      onAgain: (next) => {
        again.current = next;
      },
    }).catch((thrown: unknown) => setError(thrown instanceof Error ? thrown : new Error(String(thrown))));
    return () => closing.abort();
  }, [book, jobId, fence]);

  // A followed log may rightly be silent for hours. The event stream is not: when it was lost, so is this one.
  const stream = useStreamState();
  const before = useRef(stream);
  useEffect(() => {
    if (before.current === "lost" && stream === "live") again.current();
    before.current = stream;
  }, [stream]);
  return { book, error };
}

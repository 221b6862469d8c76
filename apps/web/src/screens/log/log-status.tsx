import { bytes, number } from "../../ui/facts.tsx";
import type { LogBook } from "./log-book.ts";

/** How much there is, and whether more comes. */
export function LogStatus({ book, isRunning }: { readonly book: LogBook; readonly isRunning: boolean }) {
  const { state, lines } = book;
  const isLost = state === "lost";
  const words = isLost
    ? "Connection lost, trying again"
    : state === "over"
      ? "Complete"
      : isRunning
        ? "Live"
        : "Reading";
  return (
    <footer className="flex items-center gap-3 border-t border-line px-3 py-1 text-xs text-soft">
      <span role="status" className="flex items-center gap-1.5">
        <span
          aria-hidden
          className={`size-2 rounded-full ${isLost ? "bg-bad" : isRunning ? "bg-good" : "bg-strong"}`}
        />
        {words}
      </span>
      <span className="tabular ml-auto">{`${number(lines)} ${lines === 1 ? "line" : "lines"}, ${bytes(book.bytes)}`}</span>
    </footer>
  );
}

/**
 * The lines around what is looked at, and room for the others. Rows may be of any height (wrapped and whole lines are):
 * what is above the first row that is seen is an estimate, and when it changes, the scroll position changes with it, so
 * that what is read stays where it is. Browsers end at some million pixels: beyond them the room is smaller than the rows.
 */
import {
  type ClipboardEvent,
  type CSSProperties,
  type MouseEvent,
  type Ref,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import type { Folds } from "./folds.ts";
import type { LogBook } from "./log-book.ts";
import { LogLine, type LogLineProps } from "./log-line.tsx";
import { copiedText, type Lines, useSelectedLines } from "./selected-lines.ts";

const ROW_PX = 20;
const MOST_PX = 12_000_000;
/** Rows that a selection keeps on the page. */
const MOST_PINNED = 5_000;

export interface LogViewHandle {
  /** Shows a line, from 0: at the top or in the middle. */
  readonly reveal: (line: number, place: "top" | "middle") => void;
  readonly scrollBy: (pages: number, rows: number) => void;
  /** The first line that is seen. */
  readonly topLine: () => number;
}

export interface LogViewProps {
  readonly ref: Ref<LogViewHandle>;
  readonly label: string;
  readonly book: LogBook;
  readonly folds: Folds;
  /** The end is shown, whatever comes. */
  readonly isFollowing: boolean;
  /** Somebody looks at something else than the end. */
  readonly onLeave: () => void;
  readonly wraps: boolean;
  readonly onChoose: (line: number, isRange: boolean) => void;
  readonly onFold: (line: number) => void;
  /** All of a long line is wanted. */
  readonly onWhole: (line: number) => void;
  readonly propsOf: (line: number) => Omit<LogLineProps, "line" | "text">;
}

interface Jump {
  readonly line: number;
  readonly place: "top" | "middle" | "end";
  /** Pixels of the row above the edge. */
  readonly offset: number;
}

export function LogView(props: LogViewProps) {
  const { ref, label, book, folds, isFollowing, onLeave, wraps, propsOf } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ readonly line: string; readonly top: number } | null>(null);
  const jump = useRef<Jump | null>(null);
  const followedTop = useRef(0);
  const [size, setSize] = useState({ width: 800, height: 600 });
  // An object, so that the same line wanted again is drawn again.
  const [{ wanted }, setWanted] = useState({ wanted: 0 });
  const pinned = useSelectedLines(body, onLeave);

  const { rows } = folds;
  const seen = Math.ceil(size.height / ROW_PX);
  const estimate = Math.min(ROW_PX, MOST_PX / Math.max(1, rows));
  const [from, to] = windowOf(isFollowing ? rows - 2 * seen : folds.rowOf(wanted) - seen, 3 * seen, folds, pinned);

  /** Shows the rows around this line, with it where the jump says. */
  function go(there: Jump): void {
    jump.current = there;
    setWanted({ wanted: there.line });
  }

  useImperativeHandle(ref, () => ({
    // Whether a fold hides the line is known when it is drawn.
    reveal: (line, place) => go({ line, place, offset: 0 }),
    scrollBy(pages, by) {
      scroller.current?.scrollBy({ top: pages * (size.height - ROW_PX) + by * ROW_PX });
    },
    topLine: () => Number(firstSeen(scroller.current, body.current)?.dataset["line"] ?? 0),
  }));

  function remember(): void {
    const row = firstSeen(scroller.current, body.current);
    anchor.current = row === null ? null : { line: row.dataset["line"] ?? "", top: row.offsetTop };
  }

  function onScroll(): void {
    const [view, shown] = [scroller.current, body.current];
    if (view === null || shown === null) return;
    const { scrollTop: top, clientHeight: height } = view;
    const below = view.scrollHeight - height - top;
    if (isFollowing) {
      // Shorter content moves it too; only somebody's hand moves it away from the end.
      if (top >= followedTop.current - 2 || below <= 2) return;
      remember();
      flushSync(() => {
        setWanted({ wanted: Number(anchor.current?.line ?? folds.lineOf(from)) });
        onLeave();
      });
      return;
    }
    const begin = shown.offsetTop;
    const end = begin + shown.offsetHeight;
    if (top + height < begin || top > end) {
      const row = Math.max(0, Math.min(rows - 1, Math.floor(top / estimate)));
      const place = below <= 1 ? "end" : "top";
      const offset = estimate === ROW_PX ? top - row * ROW_PX : 0;
      flushSync(() => go({ line: folds.lineOf(row), place, offset }));
      return;
    }
    remember();
    const isNearEdge = (from > 0 && top < begin + height / 2) || (to < rows && top + height > end - height / 2);
    if (!isNearEdge || anchor.current === null) return;
    const next = Number(anchor.current.line);
    flushSync(() => setWanted({ wanted: next }));
  }

  useLayoutEffect(() => {
    const [view, shown] = [scroller.current, body.current];
    if (view === null || shown === null) return;
    if (isFollowing) {
      view.scrollTop = view.scrollHeight;
      followedTop.current = view.scrollTop;
      return;
    }
    const there = jump.current;
    jump.current = null;
    if (there !== null) {
      const row = rowWith(shown, String(folds.lineOf(folds.rowOf(there.line))));
      if (there.place === "end") view.scrollTop = view.scrollHeight;
      else if (row !== null) {
        const room = there.place === "middle" ? Math.max(0, (view.clientHeight - row.offsetHeight) / 2) : 0;
        view.scrollTop = row.offsetTop - room + there.offset;
      }
      remember();
      return;
    }
    const row = anchor.current === null ? null : rowWith(shown, anchor.current.line);
    if (row === null || anchor.current === null) return;
    const moved = row.offsetTop - anchor.current.top;
    // By what it moved, and not to where it was: somebody may have scrolled since.
    if (Math.abs(moved) > 0.5) view.scrollTop += moved;
    anchor.current = { line: anchor.current.line, top: row.offsetTop };
  });

  useEffect(() => {
    const view = scroller.current;
    if (view === null) return;
    const observer = new ResizeObserver(() => setSize({ width: view.clientWidth, height: view.clientHeight }));
    observer.observe(view);
    return () => observer.disconnect();
  }, []);

  function onClick(event: MouseEvent): void {
    const act = (event.target as HTMLElement).closest<HTMLElement>("[data-act]");
    if (act === null) return;
    const line = lineOf(act);
    switch (act.dataset["act"]) {
      case "fold":
        props.onFold(line);
        break;
      case "whole":
        props.onWhole(line);
        break;
      default:
        if (event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        props.onChoose(line, event.shiftKey);
    }
  }

  function onCopy(event: ClipboardEvent): void {
    const text = copiedText(book, folds);
    if (text === null) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
  }

  const shown: number[] = [];
  for (let row = from; row < to; row += 1) shown.push(folds.lineOf(row));
  const style = { "--digits": String(Math.max(3, String(book.lines).length)), "--view-width": `${size.width}px` };

  return (
    <div
      ref={scroller}
      role="log"
      aria-live="off"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
      onClick={onClick}
      // Shift chooses lines and not what lies between two clicks.
      onMouseDown={(event) => {
        if (event.shiftKey && (event.target as HTMLElement).closest(".log-number") !== null) event.preventDefault();
      }}
      onCopy={onCopy}
      style={style as CSSProperties}
      className={`log-view relative min-h-0 flex-1 overflow-auto bg-panel text-ink ${wraps ? "log-wrap" : ""}`}
    >
      <div style={{ height: from * estimate }} />
      <div ref={body} className="log-rows">
        {shown.map((line) => (
          <LogLine key={line} line={line} text={book.line(line)} {...propsOf(line)} />
        ))}
      </div>
      <div style={{ height: (rows - to) * estimate }} />
    </div>
  );
}

/** Which rows are made: so many from the wanted one on, and those of the selection if they are not too many. */
function windowOf(wanted: number, count: number, folds: Folds, pinned: Lines | null): readonly [number, number] {
  const from = Math.max(0, Math.min(wanted, folds.rows - Math.ceil(count / 3)));
  const to = Math.min(folds.rows, from + count);
  if (pinned === null) return [from, to];
  const first = Math.min(from, folds.rowOf(pinned.from));
  const last = Math.max(to, Math.min(folds.rows, folds.rowOf(pinned.to) + 1));
  return last - first > MOST_PINNED ? [from, to] : [first, last];
}

/** The first row of which something is seen. */
function firstSeen(view: HTMLElement | null, shown: HTMLElement | null): HTMLElement | null {
  if (view === null || shown === null) return null;
  const all = shown.children;
  let low = 0;
  let high = all.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = all[middle] as HTMLElement;
    if (row.offsetTop + row.offsetHeight > view.scrollTop) high = middle;
    else low = middle + 1;
  }
  return (all[low] as HTMLElement | undefined) ?? null;
}

function rowWith(shown: HTMLElement, line: string): HTMLElement | null {
  return shown.querySelector(`:scope > [data-line="${line}"]`);
}

function lineOf(inside: Element): number {
  return Number(inside.closest<HTMLElement>("[data-line]")?.dataset["line"] ?? 0);
}

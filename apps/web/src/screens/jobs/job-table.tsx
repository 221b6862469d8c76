import type { JobSummary } from "@hive/protocol";
import { defaultRangeExtractor, useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import { useKeys } from "../../shell/keys.ts";
import { useMedia } from "../../ui/media.ts";
import { CARD_HEIGHT, COLUMNS, JobCard, JobRow, ROW_HEIGHT } from "./job-row.tsx";
import type { JobList } from "./use-job-list.ts";

/** So many rows before the end the next ones are asked for. */
const AHEAD = 200;
const HEADS = [
  ["Status"],
  ["Job"],
  ["Repository"],
  ["Task, role"],
  ["Agent", "wide"],
  ["Age"],
  ["At work"],
  ["Worker", "wide"],
] as const;

export interface JobTableProps {
  readonly list: JobList;
  readonly selected: ReadonlyMap<string, JobSummary>;
  /** `range`: all between it and the one before are meant. */
  readonly onSelect: (job: JobSummary, place: number, range: boolean) => void;
  readonly onSelectAll: () => void;
  readonly onMenu: (job: JobSummary, anchor: HTMLElement) => void;
  readonly onOpen: (jobId: string) => void;
}

/** The rows in sight of as many as there are, a table on a desk and cards on a phone. */
export function JobTable({ list, selected, onSelect, onSelectAll, onMenu, onOpen }: JobTableProps) {
  const isPhone = useMedia("(max-width: 767px)");
  const { rows, more, see } = list;
  const place = useRef<HTMLDivElement>(null);
  const top = useTopOf(place);
  const [current, setCurrent] = useState(-1);
  const wantsFocus = useRef(false);
  const height = isPhone ? CARD_HEIGHT : ROW_HEIGHT;

  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => height,
    overscan: 15,
    scrollMargin: top,
    scrollPaddingStart: 48,
    scrollPaddingEnd: 96,
    // The row with the focus stays in the page.
    rangeExtractor: (range) => {
      const inRange = defaultRangeExtractor(range);
      if (current < 0 || current >= rows.length || inRange.includes(current)) return inRange;
      return [...inRange, current].sort((one, other) => one - other);
    },
  });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  const shown = virtual.getVirtualItems();
  const first = virtual.range?.startIndex ?? 0;
  const last = virtual.range?.endIndex ?? 0;
  useEffect(() => see(first, last), [see, first, last]);
  const isNearEnd = last >= rows.length - AHEAD;
  const onNearEnd = useEffectEvent(more);
  useEffect(() => {
    if (isNearEnd) onNearEnd();
  }, [isNearEnd, rows, list.isFetchingMore]);

  function go(to: number): void {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    if (rows.length === 0) return;
    wantsFocus.current = true;
    setCurrent(next);
    virtual.scrollToIndex(next, { align: "auto" });
  }
  const elementOf = (selector: string): HTMLElement | null =>
    place.current?.querySelector<HTMLElement>(`[data-place="${current}"] ${selector}`) ?? null;
  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    elementOf("a")?.focus({ preventScroll: true });
  });
  const job = rows[current];
  useKeys([
    { keys: "j", about: "Next job", run: () => go(current + 1) },
    { keys: "k", about: "Job before", run: () => go(current - 1) },
    { keys: "Enter", about: "Open it", run: () => elementOf("a")?.click() },
    { keys: "x", about: "Select it, or not", run: () => job !== undefined && onSelect(job, current, false) },
    { keys: "m", about: "What can be done with it", run: () => elementOf('[aria-haspopup="menu"]')?.click() },
  ]);

  const isAll = rows.length > 0 && selected.size >= rows.length;
  const Row = isPhone ? JobCard : JobRow;
  return (
    <div
      role={isPhone ? "list" : "table"}
      aria-label="Jobs"
      {...(isPhone ? {} : { "aria-rowcount": list.isWhole ? rows.length + 1 : -1 })}
      className={`${isPhone ? "" : "rounded-lg border border-line bg-panel"} ${list.isOld ? "opacity-60" : ""}`}
    >
      {!isPhone && (
        <div role="rowgroup" className="sticky top-0 z-20 rounded-t-lg bg-panel">
          <div role="row" aria-rowindex={1} className={`${COLUMNS} h-9 border-b border-line px-1 text-xs text-soft`}>
            <div role="columnheader">
              <label className="grid size-8 place-items-center">
                <input
                  type="checkbox"
                  aria-label="Select all rows"
                  checked={isAll}
                  onChange={onSelectAll}
                  className="size-4 accent-(--honey)"
                />
              </label>
            </div>
            {HEADS.map(([name, wide]) => (
              <div
                key={name}
                role="columnheader"
                className={`truncate font-medium ${wide === undefined ? "" : "max-xl:hidden"}`}
              >
                {name}
              </div>
            ))}
            <div role="columnheader">
              <span className="sr-only">Actions</span>
            </div>
          </div>
        </div>
      )}
      <div
        ref={place}
        {...(isPhone ? { role: "presentation" } : { role: "rowgroup" })}
        className="relative"
        style={{ height: virtual.getTotalSize() }}
      >
        {shown.map(({ index, key, start, size }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <div
              key={key}
              data-place={index}
              {...(isPhone
                ? { role: "listitem", "aria-posinset": index + 1, "aria-setsize": list.isWhole ? rows.length : -1 }
                : { role: "row", "aria-rowindex": index + 2 })}
              onFocus={() => setCurrent(index)}
              className="absolute inset-x-0 top-0 contain-layout contain-size contain-style"
              style={{ height: size, transform: `translateY(${start - top}px)` }}
            >
              <Row
                job={list.rowNow(row)}
                place={index}
                isSelected={selected.has(row.jobId)}
                isGone={list.isGone(row)}
                onSelect={onSelect}
                onMenu={onMenu}
                onOpen={onOpen}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** How far below the top of the page an element begins, in pixels, also after what is above it changed. */
function useTopOf(element: { readonly current: HTMLElement | null }): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => {
      if (element.current !== null) setTop(Math.round(element.current.getBoundingClientRect().top + scrollY));
    };
    measure();
    const watching = new ResizeObserver(measure);
    const screen = document.querySelector("#screen");
    if (screen !== null) watching.observe(screen);
    return () => watching.disconnect();
  }, [element]);
  return top;
}

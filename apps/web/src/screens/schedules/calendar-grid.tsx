import { type KeyboardEvent, useEffect, useRef } from "react";
import { type Appointment, daysLater, type Line, linesOf, periodsLater, textOf, type View } from "./calendar-days.ts";
import { countWords, type Slot, SlotMark } from "./slot-look.tsx";

const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const whole = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Lines a day has room for, and slots of one schedule that have lines of their own. */
const ROOM: Readonly<Record<View, { readonly lines: number; readonly own: number }>> = {
  week: { lines: 14, own: 6 },
  month: { lines: 4, own: 2 },
};

export interface CalendarGridProps {
  /** Whole weeks. */
  readonly days: readonly Date[];
  readonly view: View;
  readonly chosen: Date;
  /** Such as 2026-11-24. */
  readonly today: string;
  readonly appointments: ReadonlyMap<string, readonly Appointment[]>;
  readonly onChoose: (day: Date) => void;
}

/** The weeks as a grid. The arrows go from day to day; what the chosen day has stands below the grid. */
export function CalendarGrid({ days, view, chosen, today, appointments, onChoose }: CalendarGridProps) {
  const grid = useRef<HTMLTableElement>(null);
  const byKeys = useRef(false);
  const at = textOf(chosen);
  useEffect(() => {
    if (!byKeys.current) return;
    byKeys.current = false;
    grid.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
  }, [at]);

  function onKeyDown(event: KeyboardEvent): void {
    const next = dayFor(event.key, chosen, view);
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    byKeys.current = true;
    onChoose(next);
  }

  const weeks = Array.from({ length: days.length / 7 }, (_, week) => days.slice(week * 7, week * 7 + 7));
  return (
    <table
      ref={grid}
      role="grid"
      aria-label={view === "week" ? "A week of slots" : "A month of slots"}
      onKeyDown={onKeyDown}
      className="w-full table-fixed border-separate border-spacing-0 overflow-hidden rounded-lg border border-line bg-panel"
    >
      <thead>
        <tr>
          {weeks[0]?.map((day) => (
            <th
              key={textOf(day)}
              scope="col"
              className="border-b border-line px-2 py-1.5 text-left text-xs font-medium text-soft"
            >
              {weekday.format(day)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeks.map((week) => (
          <tr key={textOf(week[0] ?? chosen)}>
            {week.map((day) => {
              const text = textOf(day);
              const mine = appointments.get(text) ?? [];
              const words = mine.length === 0 ? "nothing" : countWords(mine.map(({ slot }) => slot));
              const isOther = view === "month" && day.getMonth() !== chosen.getMonth();
              return (
                <td
                  key={text}
                  role="gridcell"
                  tabIndex={text === at ? 0 : -1}
                  aria-selected={text === at}
                  aria-current={text === today ? "date" : undefined}
                  onClick={() => onChoose(day)}
                  className={`cursor-pointer border-r border-b border-line p-1.5 align-top last:border-r-0 -outline-offset-2! aria-selected:bg-raised ${view === "week" ? "h-72" : "h-28"} ${isOther ? "bg-ground" : ""}`}
                >
                  <span className="sr-only">
                    {whole.format(day)}: {words}
                  </span>
                  <span
                    aria-hidden
                    className={`tabular inline-block min-w-6 rounded-full px-1.5 text-center text-xs ${text === today ? "bg-honey font-semibold text-honey-ink" : "text-soft"}`}
                  >
                    {day.getDate()}
                  </span>
                  <Lines lines={linesOf(mine, ROOM[view].own)} room={ROOM[view].lines} />
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Where a key goes to; null: nowhere. */
function dayFor(key: string, from: Date, view: View): Date | null {
  switch (key) {
    case "ArrowLeft":
      return daysLater(from, -1);
    case "ArrowRight":
      return daysLater(from, 1);
    case "ArrowUp":
      return daysLater(from, -7);
    case "ArrowDown":
      return daysLater(from, 7);
    case "PageUp":
      return periodsLater(from, view, -1);
    case "PageDown":
      return periodsLater(from, view, 1);
    default:
      return null;
  }
}

function Lines({ lines, room }: { readonly lines: readonly Line[]; readonly room: number }) {
  const shown = lines.length > room ? lines.slice(0, room - 1) : lines;
  return (
    <span aria-hidden className="mt-1 flex flex-col gap-0.5 text-xs">
      {shown.map((line) =>
        line.kind === "one" ? (
          <span
            key={`${line.appointment.schedule} ${line.appointment.slot.slot}`}
            className="flex min-w-0 items-center gap-1"
          >
            <SlotMark slot={line.appointment.slot} />
            <span className="tabular shrink-0 text-soft">{clock.format(line.appointment.slot.slot)}</span>
            <span className="truncate">{line.appointment.schedule}</span>
          </span>
        ) : (
          <span key={line.schedule} className="flex min-w-0 items-center gap-1">
            <Proportion slots={line.slots} />
            <span className="tabular shrink-0 text-soft">×{line.slots.length}</span>
            <span className="truncate">{line.schedule}</span>
          </span>
        ),
      )}
      {lines.length > shown.length && <span className="text-soft">and {lines.length - shown.length} more</span>}
    </span>
  );
}

/** One mark for many slots: the worst of them decides how it looks. */
function Proportion({ slots }: { readonly slots: readonly Slot[] }) {
  const worst =
    slots.find(({ jobStatus }) => jobStatus === "failed") ??
    slots.find(({ state }) => state === "skipped") ??
    slots.find(({ state }) => state !== "coming") ??
    slots[0];
  return worst === undefined ? null : <SlotMark slot={worst} />;
}

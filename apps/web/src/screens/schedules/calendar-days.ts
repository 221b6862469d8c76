/** The days of a calendar, on the viewer's own clock: a day may have 23 hours. Pure. */
import type { ScheduleCalendar } from "@hive/protocol";
import type { Slot } from "./slot-look.tsx";

export type View = "week" | "month";

export interface CalendarSearch {
  /** Default: week. */
  readonly view?: View;
  /** The chosen day, such as 2026-11-24. Default: today. */
  readonly day?: string;
  /** Only this schedule. Default: all. */
  readonly schedule?: string;
}

/** What an address says of the calendar; what cannot be read is as if it were not there. */
export function calendarSearch(said: Readonly<Record<string, unknown>>): CalendarSearch {
  const { view, day, schedule } = said;
  return {
    ...(view === "month" || view === "week" ? { view } : {}),
    ...(typeof day === "string" && dayOf(day) !== null ? { day } : {}),
    ...(typeof schedule === "string" && schedule !== "" ? { schedule } : {}),
  };
}

/** The midnight a day begins with; null where the text is no day. */
export function dayOf(text: string): Date | null {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return null;
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  return textOf(date) === text ? date : null;
}

/** Such as 2026-11-24. */
export function textOf(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** So many days later, on the calendar and not on the clock. */
export function daysLater(date: Date, days: number): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

/** So many weeks or months later; the last day of a month where the other has fewer. */
export function periodsLater(date: Date, view: View, count: number): Date {
  if (view === "week") return daysLater(date, 7 * count);
  const last = new Date(date.getFullYear(), date.getMonth() + count + 1, 0).getDate();
  return new Date(date.getFullYear(), date.getMonth() + count, Math.min(date.getDate(), last));
}

/** The days that are shown: whole weeks. `firstDay`: 1 is Monday, 7 is Sunday. */
export function shownDays(chosen: Date, view: View, firstDay: number): readonly Date[] {
  const begin = view === "week" ? chosen : new Date(chosen.getFullYear(), chosen.getMonth(), 1);
  const monday = daysLater(begin, -((begin.getDay() - firstDay + 7) % 7));
  const end = view === "week" ? monday : new Date(chosen.getFullYear(), chosen.getMonth() + 1, 0);
  const days: Date[] = [];
  for (let day = monday; days.length % 7 !== 0 || day <= end || days.length === 0; day = daysLater(day, 1))
    days.push(day);
  return days;
}

/** A slot and whose it is. */
export interface Appointment {
  readonly schedule: string;
  readonly timezone: string;
  readonly slot: Slot;
}

/** Everything of a calendar by its day, in order of time. */
export function byDay({ schedules }: Pick<ScheduleCalendar, "schedules">): ReadonlyMap<string, readonly Appointment[]> {
  const all = schedules.flatMap(({ id, timezone, slots }) =>
    slots.map((slot): Appointment => ({ schedule: id, timezone, slot })),
  );
  return Map.groupBy(
    all.toSorted((a, b) => a.slot.slot - b.slot.slot || a.schedule.localeCompare(b.schedule)),
    ({ slot }) => textOf(new Date(slot.slot)),
  );
}

/** One line of a day: a slot by itself, or many of the same schedule together. */
export type Line =
  | { readonly kind: "one"; readonly appointment: Appointment }
  | { readonly kind: "many"; readonly schedule: string; readonly slots: readonly Slot[] };

/** The lines of a day. A schedule with more than `most` slots in it has one line for all of them. */
export function linesOf(appointments: readonly Appointment[], most: number): readonly Line[] {
  const lines: Line[] = [];
  for (const [schedule, mine] of Map.groupBy(appointments, (each) => each.schedule)) {
    if (mine.length > most) lines.push({ kind: "many", schedule, slots: mine.map(({ slot }) => slot) });
    else lines.push(...mine.map((appointment): Line => ({ kind: "one", appointment })));
  }
  return lines.toSorted((a, b) => firstOf(a) - firstOf(b));
}

function firstOf(line: Line): number {
  return line.kind === "one" ? line.appointment.slot.slot : (line.slots[0]?.slot ?? 0);
}

/** When a pool may start workers: `Mo-Fr 08:00-18:00 Europe/Berlin`, or several of those. */

const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"] as const;
const DAY_MINUTES = 1_440;
const FORM = /^(?:([A-Za-z,-]+) )?(\d\d):(\d\d)-(\d\d):(\d\d)(?: (\S+))?$/;

/** One span of time that comes every week. */
export interface Span {
  /** Days it begins on, 0 for Monday. */
  readonly days: ReadonlySet<number>;
  /** Minutes after midnight. */
  readonly from: number;
  /** Minutes after that midnight, up to a day more than `from`: a night's span ends on the next day. */
  readonly to: number;
  readonly zone: string | undefined;
}

export type ParsedHours =
  | { readonly ok: true; readonly spans: readonly Span[] }
  | { readonly ok: false; readonly message: string };

/** Reads the texts of a pool's `hours`. None: always open. */
export function parseHours(texts: readonly string[]): ParsedHours {
  const spans: Span[] = [];
  for (const text of texts) {
    const span = parseSpan(text.trim().replace(/\s+/g, " "));
    if (typeof span === "string") return { ok: false, message: `"${text}" ${span}` };
    spans.push(span);
  }
  return { ok: true, spans };
}

/** Is it within one of the spans at this instant (milliseconds since 1970)? Without spans it always is. */
export function isOpen(spans: readonly Span[], wall: number): boolean {
  return spans.length === 0 || spans.some((span) => isWithin(span, wall));
}

function isWithin({ days, from, to, zone }: Span, wall: number): boolean {
  const { day, minute } = weekTime(wall, zone);
  const yesterday = (day + 6) % 7;
  const today = days.has(day) && minute >= from && minute < to;
  return today || (days.has(yesterday) && minute + DAY_MINUTES < to);
}

const formats = new Map<string | undefined, Intl.DateTimeFormat>();

function formatIn(zone: string | undefined): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const parts = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    format = new Intl.DateTimeFormat("en-GB", zone === undefined ? parts : { ...parts, timeZone: zone });
    formats.set(zone, format);
  }
  return format;
}

function weekTime(wall: number, zone: string | undefined): { readonly day: number; readonly minute: number } {
  const parts = new Map(
    formatIn(zone)
      .formatToParts(wall)
      .map(({ type, value }) => [type, value]),
  );
  const day = DAYS.findIndex((name) => parts.get("weekday")?.startsWith(name));
  return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
}

/** A span, or what is wrong with the text. */
function parseSpan(text: string): Span | string {
  const [, dayText, fromHour, fromMinute, toHour, toMinute, zone] = FORM.exec(text) ?? [];
  if (fromHour === undefined) return 'is no span of hours; write it like "Mo-Fr 08:00-18:00 Europe/Berlin"';
  const days = dayText === undefined ? new Set(DAYS.keys()) : parseDays(dayText);
  if (days === null) return `names days as ${dayText}; write Mo, Tu, We, Th, Fr, Sa, Su, as in Mo-Fr or Mo,We`;
  const from = minutes(fromHour, fromMinute);
  const to = minutes(toHour, toMinute);
  if (from === null || from === DAY_MINUTES || to === null) return "names a time that no day has";
  if (zone !== undefined && !isZone(zone)) return `names the time zone ${zone}, which does not exist`;
  return { days, from, to: to <= from ? to + DAY_MINUTES : to, zone };
}

function parseDays(text: string): Set<number> | null {
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const ends = part.split("-").map((name) => DAYS.findIndex((day) => day.toLowerCase() === name.toLowerCase()));
    const [first = -1, last = first] = ends;
    if (first < 0 || last < 0 || ends.length > 2) return null;
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

function minutes(hour: string | undefined, minute: string | undefined): number | null {
  const total = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && total <= DAY_MINUTES ? total : null;
}

function isZone(zone: string): boolean {
  try {
    formatIn(zone);
    return true;
  } catch {
    return false;
  }
}

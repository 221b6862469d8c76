/** What clocks on the wall of a time zone show. Pure; the zones are those of the platform. */

/** One formatter for each zone: making one costs a thousand times what using it does. Zones are few. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      ...{ timeZone: zone, hourCycle: "h23" },
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** False when the platform does not know the zone. */
export function isTimeZone(zone: string): boolean {
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds that the wall clock of the zone is ahead of UTC at this instant. */
export function offsetAt(zone: string, instant: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return wall - Math.floor(instant / 1000) * 1000;
}

/** The wall clock with its offset: `2026-03-29T03:00:00+02:00`. */
export function localText(zone: string, instant: number): string {
  const offset = offsetAt(zone, instant);
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (number: number): string => String(number).padStart(2, "0");
  const shown = `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${new Date(instant + offset).toISOString().replace(/\.000Z$|Z$/, "")}${shown}`;
}

/**
 * The instant of a text as settings have it: with an offset as it says, without one on the wall clock of the zone. A local
 * time that comes twice is the first; one that does not exist is as far after the gap as it is into it. Null: no such date.
 */
export function readInstant(text: string, zone: string): number | null {
  const hasOffset = /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  const wall = Date.parse(hasOffset ? text : `${text}Z`);
  // Parsers take 30 February for 2 March.
  const day = Number(text.slice(8, 10));
  const [year, month] = [Number(text.slice(0, 4)), Number(text.slice(5, 7))];
  if (Number.isNaN(wall) || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  if (hasOffset) return wall;
  const DAY_MS = 86_400_000;
  const before = wall - offsetAt(zone, wall - DAY_MS);
  const after = wall - offsetAt(zone, wall + DAY_MS);
  const fits = [before, after].filter((instant) => instant + offsetAt(zone, instant) === wall);
  return fits.length > 0 ? Math.min(...fits) : before;
}

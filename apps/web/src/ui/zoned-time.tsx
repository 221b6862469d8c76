/** Instants of something that has a time zone of its own. */
import { exactTime, relativeTime, useNow } from "./time.tsx";

const formatters = new Map<string, Intl.DateTimeFormat>();

/** The zone of this browser. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    const how = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const;
    try {
      formatter = new Intl.DateTimeFormat(undefined, { ...how, hourCycle: "h23", timeZone: zone });
    } catch {
      // A zone this browser does not know yet.
      formatter = new Intl.DateTimeFormat(undefined, {
        ...how,
        hourCycle: "h23",
        timeZone: "UTC",
        timeZoneName: "short",
      });
    }
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** Such as "Tue, 24 Nov, 02:30": on the wall clock of a zone. */
export function wallTime(at: number, zone: string = HERE): string {
  return formatterOf(zone).format(at);
}

/** Where the viewer is, and where the schedule is when its clock shows something else; how far away it is, too. */
export function ZonedTime({ at, zone }: { readonly at: number; readonly zone: string }) {
  const now = useNow();
  const here = wallTime(at);
  const there = wallTime(at, zone);
  return (
    <span className="tabular">
      <time dateTime={new Date(at).toISOString()} title={exactTime(at)}>
        {here}
      </time>{" "}
      <span className="text-soft">({relativeTime(at, now)})</span>
      {here !== there && (
        <span className="block text-xs text-soft">
          {there} in {zone}
        </span>
      )}
    </span>
  );
}

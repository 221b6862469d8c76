/**
 * Times of the day on the wall of a time zone: when it is quiet, and when the digest is due. A time that summer time
 * takes away is as far after the gap as it was into it; one that comes twice is the first of the two.
 */

import { offsetAt, readInstant } from "../schedules/local-time.ts";

const DAY_MS = 86_400_000;

/** Two times of the day, `22:00` and `07:00`; quiet from the first up to the second, on the next day where it is earlier. */
export interface QuietHours {
  readonly from: string;
  readonly to: string;
}

/** The end of the quiet hours that this instant is part of; null: it is not quiet. */
export function quietUntil({ from, to }: QuietHours, zone: string, wall: number): number | null {
  for (const days of [-1, 0]) {
    const begins = instantOf(from, zone, wall, days);
    const ends = instantOf(to, zone, wall, to <= from ? days + 1 : days);
    if (begins <= wall && wall < ends) return ends;
  }
  return null;
}

/** The next instant after this one at which the clocks of the zone show this time. */
export function nextTime(time: string, zone: string, wall: number): number {
  for (const days of [0, 1]) {
    const instant = instantOf(time, zone, wall, days);
    if (instant > wall) return instant;
  }
  return instantOf(time, zone, wall, 2);
}

/** When clocks show this time on the local day of `wall`, or so many days later. */
function instantOf(time: string, zone: string, wall: number, days: number): number {
  const noon = Math.floor((wall + offsetAt(zone, wall)) / DAY_MS) * DAY_MS + DAY_MS / 2 + days * DAY_MS;
  const date = new Date(noon).toISOString().slice(0, 10);
  const instant = readInstant(`${date}T${time}:00`, zone);
  if (instant === null) throw new RangeError(`${time} is no time of the day`);
  return instant;
}

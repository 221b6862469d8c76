/** When a schedule fires, in words, where that is easy to say. A wrong sentence would be worse than none. */

import type { ScheduleSpec } from "@hive/protocol";
import { DEFAULT_ZONE } from "./calendar.ts";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
};

/** Such as `at 02:30 on Monday to Friday (Europe/Berlin)`; null where there are no easy words. */
export function describeSpec(spec: Pick<ScheduleSpec, "cron" | "every" | "at" | "timezone">): string | null {
  const zone = spec.timezone ?? DEFAULT_ZONE;
  if (spec.every !== undefined) return `every ${spec.every}, counted from 1970 in UTC`;
  if (spec.at !== undefined) return `once, at ${spec.at} (${zone})`;
  const words = cronWords(spec.cron ?? "");
  return words === null ? null : `${words} (${zone})`;
}

function cronWords(pattern: string): string | null {
  const known = NICKNAMES[pattern.trim().toLowerCase()] ?? pattern;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = known.trim().split(/\s+/);
  if (month !== "*" || (day !== "*" && weekday !== "*")) return null;
  const time = timeWords(minute, hour);
  const on = day === "*" ? weekdayWords(weekday) : /^\d{1,2}$/.test(day) ? ` on day ${Number(day)} of the month` : null;
  return time === null || on === null ? null : `${time}${on}`;
}

function timeWords(minute: string, hour: string): string | null {
  const two = (text: string): string => text.padStart(2, "0");
  if (/^\d{1,2}$/.test(minute) && /^\d{1,2}$/.test(hour)) return `at ${two(hour)}:${two(minute)}`;
  if (hour !== "*") return null;
  if (minute === "*") return "every minute";
  if (/^\d{1,2}$/.test(minute)) return `every hour at minute ${Number(minute)}`;
  const step = Number(/^\*\/(\d{1,2})$/.exec(minute)?.[1]);
  return 60 % step === 0 ? `every ${step} minutes` : null;
}

function weekdayWords(weekday: string): string | null {
  if (weekday === "*") return "";
  const names = weekday.split("-").map(dayName);
  if (names.some((name) => name === undefined) || names.length > 2) return null;
  // From Sunday to Sunday may be one day, or all.
  if (names.length === 2 && names[0] === names[1]) return null;
  return ` on ${names.join(" to ")}`;
}

function dayName(text: string): string | undefined {
  if (/^[0-7]$/.test(text)) return DAYS[Number(text) % 7];
  return /^[a-z]{3}$/i.test(text)
    ? DAYS.find((name) => name.slice(0, 3).toLowerCase() === text.toLowerCase())
    : undefined;
}

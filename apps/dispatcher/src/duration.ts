/** Settings that are spans of time: written `90s`, `10m`, `1h30m`, `7d`, and milliseconds from there on. */

import { durationMs, durationText } from "@hive/protocol";
import { z } from "zod";

const DAY_MS = 86_400_000;

/** Gives milliseconds. `min` and `max` are milliseconds, both part of it; a year at most where nothing else is said. */
export function duration({ min = 0, max = 366 * DAY_MS }: { readonly min?: number; readonly max?: number } = {}) {
  return z.string("must be a span of time such as 30s, 10m, 4h or 7d").transform((text, context): number => {
    const ms = durationMs(text);
    if (ms !== null && ms >= min && ms <= max) return ms;
    const message =
      ms === null
        ? `"${text}" is no span of time; write it like 30s, 10m, 4h or 7d`
        : `"${text}" is ${ms < min ? `less than ${durationText(min)}` : `more than ${durationText(max)}`}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

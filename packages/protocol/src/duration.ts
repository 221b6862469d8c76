/** Lengths of time as people write them in settings: `90s`, `15m`, `1h30m`, `7d`. */

import { z } from "zod";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const WHOLE = /^(?:\d{1,9}(?:ms|s|m|h|d))+$/;

/** Milliseconds of such a text; null when it is none. */
export function durationMs(text: string): number | null {
  if (!WHOLE.test(text)) return null;
  let sum = 0;
  for (const [, count = "", unit = ""] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    sum += Number(count) * UNITS[unit as keyof typeof UNITS];
  }
  return sum;
}

/** A text that is a length of time between the two, both in milliseconds and part of it; it stays a text. */
export function durationSchema(least: number, most: number): z.ZodString {
  return z
    .string()
    .max(32)
    .refine((text) => durationMs(text) !== null, 'must be a time such as "90s", "15m", "1h30m" or "7d"')
    .refine(
      (text) => {
        const ms = durationMs(text);
        return ms === null || (ms >= least && ms <= most);
      },
      `must be ${durationText(least)} to ${durationText(most)}`,
    );
}

/** The shortest way to write it: `90m` is `1h30m`. */
export function durationText(ms: number): string {
  if (ms === 0) return "0s";
  let rest = ms;
  let text = "";
  for (const [unit, size] of Object.entries(UNITS).toReversed()) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

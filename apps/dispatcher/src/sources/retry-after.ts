/** What a server means by `Retry-After`: seconds, or a date. */

/** A server that asks for more gets this much. */
const MAX_MS = 24 * 3_600_000;

/** Milliseconds from `now` (wall) that it asks to be left alone, at most a day; null: it does not ask. */
export function retryAfterMs(headers: Headers, now: number): number | null {
  const value = headers.get("retry-after")?.trim() ?? "";
  // A date begins with the name of its day; the parser takes much else for one.
  const date = /^[A-Z][a-z]/.test(value) ? Date.parse(value) : Number.NaN;
  const until = /^\d{1,10}$/.test(value) ? now + Number(value) * 1000 : date;
  return Number.isFinite(until) ? Math.min(MAX_MS, Math.max(0, until - now)) : null;
}

/** When a callback is tried again, and when it is given up. */

/** Milliseconds before each try: at once, then over three and a half days, as Standard Webhooks suggests. */
const DELAYS_MS = [
  0, 5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
] as const;

/** The longest wait a receiver may ask for with `Retry-After`. */
const RETRY_AFTER_MAX_MS = 86_400_000;

export type Verdict = { readonly state: "delivered" | "dead" } | { readonly state: "pending"; readonly waitMs: number };

/**
 * What follows from a try. `tries` counts the one just made; `status` is null when no answer came. Only 2xx is success;
 * 410 means the receiver wants no more of it.
 */
export function judge(
  tries: number,
  status: number | null,
  retryAfterMs: number | null,
  random: () => number,
): Verdict {
  if (status !== null && status >= 200 && status < 300) return { state: "delivered" };
  if (status === 410) return { state: "dead" };
  const delay = DELAYS_MS[tries];
  if (delay === undefined) return { state: "dead" };
  // A fifth of jitter, so that a receiver that came back is not met by everybody at once.
  const jittered = delay * (0.9 + random() * 0.2);
  return { state: "pending", waitMs: Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS)) };
}

/** Milliseconds a `Retry-After` header asks for: seconds or an HTTP date; null when it says nothing usable. */
export function parseRetryAfter(header: string | undefined, wall: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - wall;
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

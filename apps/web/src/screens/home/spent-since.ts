import type { Digest } from "@hive/protocol";
import type { Look } from "../../attention/last-look.ts";
import { usd } from "../../ui/facts.tsx";

/**
 * What was spent since a look. Money is kept by day, so the day of the look is told apart only where this browser knows
 * what that day had cost until then; else the sum begins at its midnight, and says so.
 */
export function spentSince(
  days: Digest["days"],
  { since, spent }: Pick<Look, "since" | "spent">,
): { readonly usd: number | null; readonly about: string } {
  const known = days.filter((day) => day.usd !== null);
  const unpriced = days.reduce((sum, day) => sum + day.unpricedCalls, 0);
  const guess = unpriced === 0 ? "" : ` ${unpriced} calls have no known price and count at the dearest.`;
  const total = known.reduce((sum, day) => sum + (day.usd ?? 0), 0);
  const [first] = days;
  const dayOfLook = new Date(since).toISOString().slice(0, 10);
  if (known.length === 0) return { usd: null, about: "No model was paid for." };
  const today = days.at(-1)?.usd ?? 0;
  const soFar = `${usd(today)} today.`;
  if (first !== undefined && spent !== null && spent.day === dayOfLook && first.day === dayOfLook)
    return { usd: Math.max(0, total - spent.usd), about: `${soFar}${guess}` };
  return { usd: total, about: `Since ${first?.day ?? dayOfLook} 00:00 UTC; ${soFar}${guess}` };
}

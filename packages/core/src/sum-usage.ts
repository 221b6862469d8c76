/** What several jobs used together, such as the candidates of one. */

import { nanoOf, usdOf } from "./budget.ts";
import type { Usage } from "./job.ts";

/** The sum; null when none of them used anything. The cost is what is known of it, and null when of none anything is. */
export function sumUsage(parts: readonly (Usage | null)[]): Usage | null {
  const used = parts.filter((one) => one !== null);
  if (used.length === 0) return null;
  const sum = (of: (usage: Usage) => number): number => used.reduce((total, one) => total + of(one), 0);
  const known = used.flatMap(({ costUsd }) => (costUsd === null ? [] : [nanoOf(costUsd)]));
  return {
    calls: sum(({ calls }) => calls),
    inputTokens: sum(({ inputTokens }) => inputTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    cacheReadTokens: sum(({ cacheReadTokens }) => cacheReadTokens),
    cacheWriteTokens: sum(({ cacheWriteTokens }) => cacheWriteTokens),
    // Whole nano-USD: a sum of fractions would not be the sum of the bills.
    costUsd: known.length === 0 ? null : usdOf(known.reduce((total, nano) => total + nano, 0)),
    unpricedCalls: sum(({ unpricedCalls = 0 }) => unpricedCalls),
    uncertainCalls: sum(({ uncertainCalls = 0 }) => uncertainCalls),
  };
}

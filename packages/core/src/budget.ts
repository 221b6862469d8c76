/**
 * What a job, a day or a project may use, and how money is counted. Inside Hive money is a whole number of nano-USD
 * (a billionth of a dollar), so that sums are exact and the same in any order; only the wire shows dollars. Nine million
 * dollars still fit a safe integer.
 */

/** Limits of one account. Null: no limit of that kind; 0: nothing of it. */
export interface BudgetLimits {
  /** US dollars. A call whose price is not known counts at the dearest known price. */
  readonly usd: number | null;
  /** Tokens in and out, cached ones too. */
  readonly tokens: number | null;
  /** Minutes that attempts ran, all of a generation together. Only jobs have this limit. */
  readonly minutes: number | null;
  /** Calls to a model. */
  readonly turns: number | null;
}

/** Nothing is limited. */
export const NO_LIMITS: BudgetLimits = { usd: null, tokens: null, minutes: null, turns: null };

/** Nano-USD in a dollar. */
const NANO = 1_000_000_000;

/** Dollars as whole nano-USD. */
export function nanoOf(usd: number): number {
  return Math.round(usd * NANO);
}

/** Nano-USD as dollars, for people and the wire. */
export function usdOf(nano: number): number {
  return nano / NANO;
}

/** An amount as people read it: `$0.42`, `$0.0031`; never rounded down to nothing. */
export function dollars(nano: number): string {
  const usd = usdOf(nano);
  const digits = usd === 0 || Math.abs(usd) >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(Math.abs(usd))));
  return `$${usd.toFixed(digits)}`;
}

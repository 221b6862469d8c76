/**
 * What models cost, as their providers published it, in US dollars per million tokens (searches: per thousand). This is
 * the one file to change when a price does; `prices` in hive.yaml overrides it without a new version. A model that is not
 * here has no known price. `seen` is the day the page said so.
 */

import type { Price } from "./price.ts";

/** Models of one price. */
export interface ListedPrice {
  /** Names as the API takes them, without dates. */
  readonly models: readonly string[];
  readonly price: Price;
}

/** Claude: https://platform.claude.com/docs/en/about-claude/pricing */
const ANTHROPIC: readonly ListedPrice[] = [];

export const PRICE_LIST: readonly ListedPrice[] = [...ANTHROPIC];

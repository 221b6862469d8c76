/**
 * What models cost, as their providers published it, in US dollars per million tokens (searches: per thousand). This is
 * the one file to change when a price does; `prices` in hive.yaml overrides it without a new version. A model that is not
 * here has no known price, and neither has one whose price was published for a time that is over. Where a provider's
 * price of cache reads could not be found, none is given, and they count like any other input.
 *
 * Standard processing only: the dearer and cheaper modes of some providers (fast, priority, flex, batch, one region
 * only) are not known from what an answer says of its tokens.
 */

import type { Price } from "./price.ts";

/** Models of one price. */
export interface ListedPrice {
  /** Names as the API takes them, without dates. */
  readonly models: readonly string[];
  readonly price: Price;
  /** The first day of this price, in UTC; absent: always. */
  readonly from?: string;
  /** The last day this price was published for, in UTC; absent: none was said. */
  readonly until?: string;
}

/** A Claude price: cache writes cost 1.25 times the input for five minutes and twice for an hour; $10 per thousand searches. */
function claude(input: number, output: number, cacheRead: number): Price {
  return { ...claudeRates(input, output, cacheRead), webSearch: 10 };
}

function claudeRates(input: number, output: number, cacheRead: number): Omit<Price, "long" | "webSearch"> {
  return { input, output, cacheRead, cacheWrite: input * 1.25, cacheWrite1h: input * 2 };
}

/**
 * https://platform.claude.com/docs/en/about-claude/pricing and the models' own pages
 * (https://platform.claude.com/docs/en/models/haiku-5-5/overview, …). As of October 2026.
 */
const ANTHROPIC: readonly ListedPrice[] = [
  { models: ["claude-fable-5-1", "claude-mythos-5-1"], price: claude(10, 50, 0.25) },
  { models: ["claude-fable-5", "claude-mythos-5"], price: claude(10, 50, 1) },
  { models: ["claude-opus-5-5"], price: claude(4, 20, 0.2) },
  {
    models: ["claude-opus-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5"],
    price: claude(5, 25, 0.5),
  },
  { models: ["claude-opus-4-1", "claude-opus-4", "claude-opus-4-0"], price: claude(15, 75, 1.5) },
  { models: ["claude-sonnet-5-5"], price: claude(2, 10, 0.1) },
  { models: ["claude-sonnet-5"], price: claude(2, 10, 0.2) },
  { models: ["claude-sonnet-4-6"], price: claude(3, 15, 0.3) },
  {
    models: ["claude-sonnet-4-5", "claude-sonnet-4", "claude-sonnet-4-0"],
    price: { ...claude(3, 15, 0.3), long: { above: 200_000, ...claudeRates(6, 22.5, 0.6) } },
  },
  { models: ["claude-3-7-sonnet"], price: claude(3, 15, 0.3) },
  {
    models: ["claude-haiku-5-5"],
    price: { ...claude(0.1, 0.5, 0.01), long: { above: 100_000, ...claudeRates(0.5, 2.5, 0.05) } },
  },
  { models: ["claude-haiku-4-5"], price: claude(1, 5, 0.1) },
  { models: ["claude-3-5-haiku"], price: claude(0.8, 4, 0.08) },
];

/** US dollars per thousand searches of OpenAI's own tool; what is found counts as input. */
const OPENAI_SEARCH = 10;

/** From 272,001 tokens of input on, the input and the caches cost twice as much and the output half as much again. */
const OPENAI_LONG = 272_000;

/** An OpenAI price with that rule. Without a price of their own, cache writes count like any other input. */
function openai(
  input: number,
  output: number,
  cacheRead: number,
  writes: { short?: number; long?: number } = {},
): Price {
  const rates = (times: number): Omit<Price, "long" | "webSearch"> => ({
    input: input * times,
    output,
    cacheRead: cacheRead * times,
    ...(writes.short === undefined ? {} : { cacheWrite: writes.short * times }),
    ...(writes.long === undefined ? {} : { cacheWrite1h: writes.long * times }),
  });
  return { ...rates(1), webSearch: OPENAI_SEARCH, long: { above: OPENAI_LONG, ...rates(2), output: output * 1.5 } };
}

/** https://developers.openai.com/api/docs/pricing and the models' own pages. As of November 2026. */
const OPENAI: readonly ListedPrice[] = [
  // What is kept for 12 hours is told apart like what others keep for one.
  { models: ["gpt-6.2-sol"], price: openai(2, 10, 0.1, { short: 2.5, long: 5 }) },
  { models: ["gpt-6.2-astra"], price: openai(8, 40, 0.4, { short: 10, long: 16 }) },
  { models: ["gpt-6.1-sol"], price: openai(2, 10, 0.1, { short: 2.5 }) },
  { models: ["gpt-6-astra"], price: openai(10, 50, 1, { short: 12.5 }) },
  { models: ["gpt-6-sol"], price: openai(2, 10, 0.2, { short: 2.5 }) },
  { models: ["gpt-6-luna"], price: openai(0.1, 0.5, 0.01, { short: 0.125 }) },
  { models: ["gpt-5.6-sol", "gpt-5.6"], price: openai(4, 20, 0.4, { short: 5 }), until: "2026-11-21" },
  { models: ["gpt-5.6-terra"], price: openai(2, 12, 0.2, { short: 2.5 }) },
  { models: ["gpt-5.6-luna"], price: openai(0.2, 1.2, 0.02, { short: 0.25 }) },
  { models: ["gpt-5.5"], price: openai(5, 30, 0.5) },
  { models: ["gpt-5.5-pro", "gpt-5.4-pro"], price: { input: 30, output: 180, webSearch: OPENAI_SEARCH } },
  { models: ["gpt-5.4"], price: openai(2.5, 15, 0.25) },
  { models: ["gpt-5.4-mini"], price: { input: 0.75, output: 4.5, cacheRead: 0.075, webSearch: OPENAI_SEARCH } },
  { models: ["gpt-5.4-nano"], price: { input: 0.2, output: 1.25, cacheRead: 0.02, webSearch: OPENAI_SEARCH } },
  {
    models: ["gpt-5.3-codex", "gpt-5.2-codex", "gpt-5.2"],
    price: { input: 1.75, output: 14, cacheRead: 0.175, webSearch: OPENAI_SEARCH },
  },
  {
    models: ["gpt-5.1-codex", "gpt-5.1", "gpt-5-codex", "gpt-5"],
    price: { input: 1.25, output: 10, cacheRead: 0.125, webSearch: OPENAI_SEARCH },
  },
  { models: ["gpt-5-mini"], price: { input: 0.25, output: 2, cacheRead: 0.025, webSearch: OPENAI_SEARCH } },
  { models: ["gpt-4.1"], price: { input: 2, output: 8, cacheRead: 0.5, webSearch: OPENAI_SEARCH } },
];

/** Prompts longer than this cost more with the Pro models. */
const GEMINI_LONG = 200_000;

/** https://ai.google.dev/gemini-api/docs/pricing, the paid tier, for text. As of October 2026. */
const GEMINI: readonly ListedPrice[] = [
  { models: ["gemini-3.8-flash"], price: { input: 0.75, output: 3.75, webSearch: 14 }, until: "2026-12-31" },
  { models: ["gemini-3.8-flash"], price: { input: 1.5, output: 7.5, webSearch: 14 }, from: "2027-01-01" },
  { models: ["gemini-3.5-flash"], price: { input: 1.5, output: 9, cacheRead: 0.15, webSearch: 14 } },
  { models: ["gemini-3.5-flash-lite"], price: { input: 0.3, output: 2.5, webSearch: 14 } },
  {
    models: ["gemini-3.1-pro-preview"],
    price: {
      ...{ input: 2, output: 12, cacheRead: 0.2, webSearch: 14 },
      long: { above: GEMINI_LONG, input: 4, output: 18, cacheRead: 0.4 },
    },
  },
  { models: ["gemini-3.1-flash-lite"], price: { input: 0.25, output: 1.5, webSearch: 14 } },
  { models: ["gemini-3-flash-preview"], price: { input: 0.5, output: 3, webSearch: 14 } },
  {
    models: ["gemini-2.5-pro"],
    price: {
      ...{ input: 1.25, output: 10, cacheRead: 0.125, webSearch: 35 },
      long: { above: GEMINI_LONG, input: 2.5, output: 15, cacheRead: 0.25 },
    },
  },
  { models: ["gemini-2.5-flash"], price: { input: 0.3, output: 2.5, cacheRead: 0.03, webSearch: 35 } },
  { models: ["gemini-2.5-flash-lite"], price: { input: 0.1, output: 0.4, cacheRead: 0.01, webSearch: 35 } },
];

/** Every price Hive comes with, by whom its models are from. */
export const PRICE_LIST = { anthropic: ANTHROPIC, openai: OPENAI, gemini: GEMINI } as const;

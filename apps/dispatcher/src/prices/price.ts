/**
 * What a model costs, and what one call to it comes to. Prices are written as the providers publish them, in US dollars
 * per million tokens; sums are exact: a price is a whole number of pico-USD per token (a millionth of a millionth of a
 * dollar), and only the sum of a call is rounded, once, to nano-USD.
 */

import { z } from "zod";

const perMillion = z.number().min(0).max(100_000);

const rateFields = {
  /** US dollars per million tokens that were neither read from a cache nor written to one. */
  input: perMillion,
  output: perMillion,
  /** Tokens read from the provider's cache. Default: as input. */
  cacheRead: perMillion.optional(),
  /** Tokens written to the provider's cache for five minutes, or for as long as it keeps them. Default: as input. */
  cacheWrite: perMillion.optional(),
  /** Tokens written to the provider's cache for an hour. Default: as `cacheWrite`. */
  cacheWrite1h: perMillion.optional(),
};

/** The price of one model, as hive.yaml and the price list have it. */
export const priceSchema = z.strictObject({
  ...rateFields,
  /** Other prices for every token of a call whose input, cached or not, is longer than `above` tokens. */
  long: z.strictObject({ above: z.int().min(1), ...rateFields }).optional(),
  /** US dollars per thousand searches of the web that the provider makes. Default: 0. */
  webSearch: perMillion.optional(),
});
export type Price = z.output<typeof priceSchema>;

/** The section `prices` of hive.yaml: prices by the model's name. */
export const pricesSchema = z.record(z.string().min(1).max(256), priceSchema).default({});
type Rates = Omit<Price, "long" | "webSearch">;

/** What one call used. Input, cache reads and cache writes do not overlap; `cacheWrite1hTokens` is a part of the writes. */
export interface CallFigures {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly webSearches: number;
}

/** The most one call can use: every token of the input may be of the dearest kind. */
export interface WorstFigures {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly webSearches: number;
}

/** Pico-USD per token in a dollar per million tokens. */
const PICO_PER_TOKEN = 1_000_000;
/** Pico-USD per search in a dollar per thousand searches. */
const PICO_PER_SEARCH = 1_000_000_000;
const PICO_PER_NANO = 1_000n;

/** What a call cost, in whole nano-USD, rounded to the nearest. */
export function costNano(price: Price, call: CallFigures): number {
  const prompt = call.inputTokens + call.cacheReadTokens + call.cacheWriteTokens;
  const rates = ratesFor(price, prompt);
  const hour = Math.min(call.cacheWrite1hTokens, call.cacheWriteTokens);
  const cacheWrite = rates.cacheWrite ?? rates.input;
  const pico =
    part(call.inputTokens, rates.input) +
    part(call.outputTokens, rates.output) +
    part(call.cacheReadTokens, rates.cacheRead ?? rates.input) +
    part(call.cacheWriteTokens - hour, cacheWrite) +
    part(hour, rates.cacheWrite1h ?? cacheWrite) +
    searches(price, call.webSearches);
  return Number((pico + PICO_PER_NANO / 2n) / PICO_PER_NANO);
}

/** The most a call can cost, in whole nano-USD, rounded up. No call within these figures costs more. */
export function worstNano(price: Price, worst: WorstFigures): number {
  // A shorter input than foreseen may be in the other tier: the dearer one counts.
  const tiers = price.long === undefined || worst.inputTokens <= price.long.above ? [price] : [price, price.long];
  const dearest = tiers.map((rates) => {
    const input = Math.max(rates.input, rates.cacheRead ?? 0, rates.cacheWrite ?? 0, rates.cacheWrite1h ?? 0);
    return part(worst.inputTokens, input) + part(worst.outputTokens, rates.output);
  });
  const tokens = dearest.reduce((most, one) => (one > most ? one : most), 0n);
  return Number((tokens + searches(price, worst.webSearches) + PICO_PER_NANO - 1n) / PICO_PER_NANO);
}

function ratesFor(price: Price, promptTokens: number): Rates {
  return price.long !== undefined && promptTokens > price.long.above ? price.long : price;
}

function part(tokens: number, usdPerMillion: number): bigint {
  return BigInt(tokens) * BigInt(Math.round(usdPerMillion * PICO_PER_TOKEN));
}

function searches(price: Price, count: number): bigint {
  return BigInt(count) * BigInt(Math.round((price.webSearch ?? 0) * PICO_PER_SEARCH));
}

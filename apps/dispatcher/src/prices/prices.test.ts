import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CallFigures, costNano, type Price, priceSchema, worstNano } from "./price.ts";
import { createPriceBook } from "./price-book.ts";
import { type ListedPrice, PRICE_LIST } from "./price-list.ts";

const NOW = Date.UTC(2026, 10, 23);
const NOTHING: CallFigures = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  webSearches: 0,
};
const SONNET: Price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6, webSearch: 10 };
const MILLION = 1_000_000;
const LISTED: readonly ListedPrice[] = Object.values(PRICE_LIST).flat();

function book(own: Parameters<typeof createPriceBook>[0] = {}, now = NOW) {
  return createPriceBook(own, () => now);
}

describe("what a call cost", () => {
  it("prices every kind of token by itself, and searches", () => {
    const call: CallFigures = {
      inputTokens: 1_000,
      outputTokens: 100,
      cacheReadTokens: 10_000,
      cacheWriteTokens: 3_000,
      cacheWrite1hTokens: 1_000,
      webSearches: 2,
    };
    // 1,000 × 3 + 100 × 15 + 10,000 × 0.3 + 2,000 × 3.75 + 1,000 × 6, in millionths of a dollar; and 2 cents.
    expect(costNano(SONNET, call)).toBe((3_000 + 1_500 + 3_000 + 7_500 + 6_000) * 1_000 + 20_000_000);
  });

  it("takes caches without a price of their own for plain input", () => {
    const price: Price = { input: 2, output: 8 };
    expect(costNano(price, { ...NOTHING, cacheReadTokens: 10, cacheWriteTokens: 10, cacheWrite1hTokens: 5 })).toBe(
      40_000,
    );
  });

  it("rounds once, to the nearest billionth of a dollar", () => {
    const price: Price = { input: 0.0375, output: 0.0004 };
    expect(costNano(price, { ...NOTHING, inputTokens: 1 })).toBe(38);
    expect(costNano(price, { ...NOTHING, inputTokens: 3, outputTokens: 1 })).toBe(113);
  });

  it("has another price for every token of a long prompt, and what was cached makes it long too", () => {
    const price: Price = { ...SONNET, long: { above: 200_000, input: 6, output: 22.5 } };
    const call = { ...NOTHING, inputTokens: 1, outputTokens: 1, cacheReadTokens: 199_999 };
    expect(costNano(price, call)).toBe(3_000 + 15_000 + 199_999 * 300);
    expect(costNano(price, { ...call, inputTokens: 2 })).toBe(200_001 * 6_000 + 22_500);
  });

  it("stays exact where floating point would not", () => {
    expect(costNano({ input: 0.1, output: 0.7 }, { ...NOTHING, inputTokens: 3 * MILLION, outputTokens: MILLION })).toBe(
      1_000_000_000,
    );
  });
});

describe("the worst a call can cost", () => {
  it("is what no call within the same figures passes, whatever the model", () => {
    const tokens = fc.nat(400_000);
    const prices = fc.constantFrom(...LISTED.map(({ price }) => price));
    fc.assert(
      fc.property(
        prices,
        tokens,
        tokens,
        tokens,
        tokens,
        fc.nat(100_000),
        fc.nat(5),
        (price, a, b, c, d, out, searches) => {
          const call: CallFigures = {
            inputTokens: a,
            outputTokens: out,
            cacheReadTokens: b,
            cacheWriteTokens: c + d,
            cacheWrite1hTokens: d,
            webSearches: searches,
          };
          const worst = { inputTokens: a + b + c + d, outputTokens: out, webSearches: searches };
          expect(worstNano(price, worst)).toBeGreaterThanOrEqual(costNano(price, call));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("counts the whole input as if it were written to the dearest cache", () => {
    expect(worstNano(SONNET, { inputTokens: 1_000, outputTokens: 100, webSearches: 1 })).toBe(
      6_000_000 + 1_500_000 + 10_000_000,
    );
  });
});

describe("finding a price", () => {
  const MTOK = { ...NOTHING, inputTokens: MILLION / 100 };

  it.each([
    ["claude-sonnet-4-6", 0.03],
    ["claude-sonnet-4-5-20250929", 0.03],
    ["claude-haiku-4-5-20251001", 0.01],
    ["claude-sonnet-4-5[1m]", 0.03],
    ["gpt-5-2025-08-07", 0.0125],
    ["gpt-5-codex", 0.0125],
    ["models/gemini-2.5-pro", 0.0125],
    ["claude-opus-4-latest", 0.15],
  ])("knows %s", (model, usd) => {
    expect(book().cost("anthropic", model, MTOK)).toEqual({ nano: Math.round(usd * 1e9), known: true });
  });

  it.each([["gpt-5-pro"], ["claude-sonnet-9"], ["gemini-2.5-pro-exp-03-25"], [""], ["constructor"], [null]])(
    "does not take %s for a model it knows: it counts at the dearest price, and says so",
    (model) => {
      const { nano, known } = book().cost("openai", model, MTOK);
      const dearest = Math.max(...PRICE_LIST.openai.map(({ price }) => price.input));
      expect([nano, known]).toEqual([Math.round(dearest * 1e7), false]);
    },
  );

  it("asks hive.yaml first, for a date too", () => {
    const mine = book({ "claude-haiku-4-5": { input: 9, output: 9 }, "my-model": { input: 1, output: 1 } });
    expect(mine.cost("anthropic", "claude-haiku-4-5-20251001", MTOK)).toEqual({ nano: 90_000_000, known: true });
    expect(mine.cost("openai", "my-model", MTOK)).toEqual({ nano: 10_000_000, known: true });
  });

  it("gives a model on the operator's own machine for nothing, unless hive.yaml says what it costs", () => {
    expect(book().cost("local", "gpt-5", MTOK)).toEqual({ nano: 0, known: true });
    expect(book().worst("local", null, { inputTokens: 5, outputTokens: 5, webSearches: 0 })).toEqual({
      nano: 0,
      known: true,
    });
    expect(book({ qwen: { input: 1, output: 1 } }).cost("local", "qwen", MTOK)).toMatchObject({ nano: 10_000_000 });
  });

  it("knows a price for the days it was published for, and none after", () => {
    const on = (day: string) => book({}, Date.parse(`${day}T12:00:00Z`)).cost("gemini", "gemini-3.8-flash", MTOK);
    expect([on("2026-12-31"), on("2027-01-01")]).toEqual([
      { nano: 7_500_000, known: true },
      { nano: 15_000_000, known: true },
    ]);
    const ended = book({}, Date.parse("2026-11-22T00:00:00Z")).cost("openai", "gpt-5.6-sol", MTOK);
    expect(ended.known).toBe(false);
  });

  it("counts searches without a price of their own at the dearest one known, and says that they are not known", () => {
    const mine = book({ mine: { input: 1, output: 1 } });
    const searched = { ...MTOK, webSearches: 1 };
    expect(mine.cost("openai", "mine", searched)).toEqual({ nano: 10_000_000 + 10_000_000, known: false });
    expect(mine.cost("openai", "mine", MTOK)).toEqual({ nano: 10_000_000, known: true });
    // It may search, so that much is set aside; most calls do not.
    const worst = { inputTokens: 10_000, outputTokens: 0, webSearches: 10 };
    expect(mine.worst("openai", "mine", worst)).toEqual({ nano: 10_000_000 + 100_000_000, known: true });
    expect(book().cost("anthropic", "claude-sonnet-4-6", searched)).toEqual({ nano: 40_000_000, known: true });
  });
});

describe("the price list", () => {
  it("has each model once a day, with prices as hive.yaml may write them", () => {
    const days = ["2026-01-01", "2026-11-21", "2026-11-22", "2026-12-31", "2027-01-01"];
    for (const day of days) {
      const names = LISTED.filter(({ from = day, until = day }) => from <= day && day <= until).flatMap(
        ({ models }) => models,
      );
      expect(names.filter((name, place) => names.indexOf(name) !== place)).toEqual([]);
    }
    for (const { price } of LISTED) expect(priceSchema.safeParse(price).success).toBe(true);
  });

  it("has only prices that are whole numbers of pico-USD per token, so that no sum is rounded twice", () => {
    for (const { price } of LISTED) {
      for (const rates of [price, price.long ?? price]) {
        const values = [rates.input, rates.output, rates.cacheRead, rates.cacheWrite, rates.cacheWrite1h];
        for (const usd of values)
          if (usd !== undefined) expect(Math.abs(usd * 1e6 - Math.round(usd * 1e6))).toBeLessThan(1e-6);
      }
    }
  });
});

/**
 * Finds the price of a model: what hive.yaml says of it, else the list that comes with Hive. A model that neither knows
 * has no price, which is never taken for 0: it counts at the dearest known price against a budget of money, and what is
 * said of the cost leaves it out.
 */

import { type CallCost, dayOf } from "@hive/core";
import { type CallFigures, costNano, type Price, type WorstFigures, worstNano } from "./price.ts";
import { type ListedPrice, PRICE_LIST } from "./price-list.ts";

/** Prices by model, as hive.yaml has them. */
export type OwnPrices = Readonly<Record<string, Price>>;

/** Whom a call goes to. */
export type Provider = "anthropic" | "openai" | "gemini" | "local";

export interface PriceBook {
  /** The most that a call can cost. */
  worst(provider: Provider, model: string | null, worst: WorstFigures): CallCost;
  /** What a call cost. */
  cost(provider: Provider, model: string | null, call: CallFigures): CallCost;
}

const FREE: CallCost = { nano: 0, known: true };

/** The prices of this server. `own` comes before the list; `wall` says which day's prices count. */
export function createPriceBook(own: OwnPrices, wall: () => number): PriceBook {
  const mine = new Map(Object.entries(own));
  const listed: readonly ListedPrice[] = Object.values(PRICE_LIST).flat();

  function priceOf(provider: Provider, model: string | null): Price | "free" | null {
    const names = model === null ? [] : namesOf(model);
    for (const name of names) {
      const price = mine.get(name);
      if (price !== undefined) return price;
    }
    // The operator's own machine: what it costs is in nobody's list.
    if (provider === "local") return "free";
    const today = dayOf(wall());
    for (const name of names) {
      const found = listed.find(
        ({ models, from = today, until = today }) => models.includes(name) && from <= today && today <= until,
      );
      if (found !== undefined) return found.price;
    }
    return null;
  }

  /** What is known of this provider's models, and the operator's own prices. */
  function knownOf(provider: Provider): readonly Price[] {
    const known = provider === "local" ? [] : PRICE_LIST[provider].map(({ price }) => price);
    return [...known, ...mine.values()];
  }

  /** A call of `searches` by its model's price; by whichever known price makes it dearest where the model has none. */
  function charge(
    provider: Provider,
    model: string | null,
    searches: number,
    nano: (price: Price) => number,
  ): CallCost {
    const price = priceOf(provider, model);
    if (price === "free") return FREE;
    if (price === null) return { nano: most(knownOf(provider).map(nano)), known: false };
    if (searches === 0 || price.webSearch !== undefined) return { nano: nano(price), known: true };
    const webSearch = most(knownOf(provider).map((one) => one.webSearch ?? 0));
    return { nano: nano({ ...price, webSearch }), known: false };
  }

  return {
    worst(provider, model, worst) {
      const { nano, known } = charge(provider, model, worst.webSearches, (price) => worstNano(price, worst));
      // A call that may search mostly does not: its price is known as far as its model's is.
      return { nano, known: known || priceOf(provider, model) !== null };
    },
    cost: (provider, model, call) => charge(provider, model, call.webSearches, (price) => costNano(price, call)),
  };
}

function most(amounts: readonly number[]): number {
  return amounts.reduce((dearest, one) => Math.max(dearest, one), 0);
}

/**
 * The names a model's price may be listed under, the exact one first: providers answer with dated names
 * (`claude-haiku-4-5-20251001`, `gpt-5-2025-08-07`) and take aliases (`…-latest`), and clients add a path
 * (`models/gemini-2.5-pro`) or the size of the context (`claude-sonnet-4-5[1m]`). A name that only begins like a known one
 * is another model: `gpt-5-pro` costs twelve times what `gpt-5` does.
 */
function namesOf(model: string): readonly string[] {
  const plain = model.replace(/^models\//, "").replace(/\[1m\]$/, "");
  const undated = plain.replace(/(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest)$/, "");
  return [...new Set([model, plain, undated])];
}

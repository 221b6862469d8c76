/**
 * What one answer used, gathered while it goes by. How an answer says it differs by API (see `dialects`); what is gathered
 * does not.
 */

/** What was read of one answer. But for the hour's part, the counts do not overlap, so that each can have its price. */
export interface MeteredUsage {
  /** As the answer names it; null when it did not. */
  readonly model: string | null;
  /** Input that was neither read from nor written to a cache. */
  readonly inputTokens: number;
  /** Output, with what the model thought. */
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  /** Written to a cache, for however long. */
  readonly cacheWriteTokens: number;
  /** The part of `cacheWriteTokens` that is kept for an hour, where the provider says so. */
  readonly cacheWrite1hTokens: number;
  /** Searches of the web that the provider made. */
  readonly webSearches: number;
  /**
   * True when these are the provider's own last figures. False when the answer was cut before them and the output was
   * estimated from the text that came: an agent could otherwise hide most of its cost by hanging up early.
   */
  readonly final: boolean;
}

type Counts = Omit<MeteredUsage, "model" | "final">;

const NOTHING: Counts = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  webSearches: 0,
};

/** A call that cost nothing: it was refused, or never made. */
export const NO_USAGE: MeteredUsage = { model: null, ...NOTHING, final: true };

/** Bytes of text per token, on the low side so that an estimate errs towards more tokens. */
const BYTES_PER_TOKEN = 3;
const MOST_MODEL_CHARS = 256;

/** Gathers one answer's figures. */
export class UsageTally {
  #model: string | null = null;
  #counts: Counts = NOTHING;
  #textBytes = 0;
  #final = false;

  /** The model that answers. */
  named(model: unknown): void {
    if (typeof model === "string" && model !== "") {
      this.#model = model.slice(0, MOST_MODEL_CHARS);
    }
  }

  /** Figures so far: totals, not additions. What is null says nothing and changes nothing. */
  counted(counts: { readonly [K in keyof Counts]?: number | null }): void {
    const known = Object.entries(counts).filter(([, value]) => value !== null);
    this.#counts = { ...this.#counts, ...Object.fromEntries(known) };
  }

  /** Text that went by: what an estimate is made from. */
  text(text: unknown): void {
    if (typeof text === "string") {
      this.#textBytes += Buffer.byteLength(text);
    }
  }

  /** The figures until now are the last ones. */
  ended(): void {
    this.#final = true;
  }

  /** True when the answer had begun to say what it used. */
  get begun(): boolean {
    return this.#counts !== NOTHING || this.#textBytes > 0;
  }

  read(): MeteredUsage {
    const seen = this.#final ? 0 : Math.ceil(this.#textBytes / BYTES_PER_TOKEN);
    const outputTokens = Math.max(this.#counts.outputTokens, seen);
    return { model: this.#model, ...this.#counts, outputTokens, final: this.#final };
  }
}

/** Tokens of one answer in one vocabulary, whatever provider's words they are told in. */

/** No figure counts a token twice: `input` is without what came from or went into a cache, `output` has the thinking in it. */
export interface Figures {
  readonly input: number;
  readonly cacheRead: number;
  /** Written to a cache of five minutes. Anthropic alone tells it. */
  readonly cacheWrite: number;
  /** Written to a cache of one hour. Anthropic alone tells it. */
  readonly cacheWrite1h: number;
  readonly output: number;
  /** The part of `output` that was thinking. OpenAI and Gemini tell it. */
  readonly thinking: number;
}

/** What a provider told over several calls. */
export interface Tally extends Figures {
  /** Answers told to their end, with their last figures. */
  readonly answers: number;
}

/**
 * The figures of the n-th answer, counted from 1: all different, so that one that is lost, doubled or taken for another
 * shows in the sum.
 */
export function figuresOf(n: number): Figures {
  return { input: 1_000 + 7 * n, cacheRead: 500 + 3 * n, cacheWrite: 0, cacheWrite1h: 0, output: 40 + n, thinking: n };
}

/** The sum. */
export function tally(all: readonly Figures[]): Tally {
  const sum = (of: (one: Figures) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    answers: all.length,
    input: sum((one) => one.input),
    cacheRead: sum((one) => one.cacheRead),
    cacheWrite: sum((one) => one.cacheWrite),
    cacheWrite1h: sum((one) => one.cacheWrite1h),
    output: sum((one) => one.output),
    thinking: sum((one) => one.thinking),
  };
}

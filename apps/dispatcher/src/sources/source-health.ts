/** How the sources are doing, in the queen's memory: for people who wonder why nothing comes, or why nothing is read. */

/** Health of one source. Instants are wall milliseconds. */
export interface SourceHealth {
  /** When it was last read without an error: a delivery or a poll. */
  readonly goodAt: number | null;
  /** What went wrong last; null again after the next good read. */
  readonly error: { readonly at: number; readonly message: string } | null;
  /** What is not as it should be although it can be read. */
  readonly notice: string | null;
  readonly nextPollAt: number | null;
}

export interface HealthBook {
  of(source: string): SourceHealth;
  good(source: string, at: number, notice?: string): void;
  bad(source: string, at: number, message: string): void;
  pollsAt(source: string, at: number | null): void;
  /** Another beginning: what was known is old. */
  clear(): void;
}

const UNKNOWN: SourceHealth = { goodAt: null, error: null, notice: null, nextPollAt: null };
const MESSAGE_MAX = 1_024;

export function createHealthBook(): HealthBook {
  const book = new Map<string, SourceHealth>();
  const change = (source: string, more: Partial<SourceHealth>): void =>
    void book.set(source, { ...(book.get(source) ?? UNKNOWN), ...more });
  return {
    of: (source) => book.get(source) ?? UNKNOWN,
    good: (source, at, notice) => change(source, { goodAt: at, error: null, notice: notice ?? null }),
    bad: (source, at, message) => change(source, { error: { at, message: message.slice(0, MESSAGE_MAX) } }),
    pollsAt: (source, at) => change(source, { nextPollAt: at }),
    clear: () => book.clear(),
  };
}

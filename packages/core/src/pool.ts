/**
 * One copy of each equal string or list. A million waiting jobs of forty repositories then hold forty repository names.
 * The pool forgets everything when it is full, so that names that never come again cannot fill the memory.
 */

export class Pool {
  readonly #strings = new Map<string, string>();
  readonly #lists = new Map<string, readonly string[]>();
  readonly #limit: number;

  /** `limit`: how many different values are remembered. Default 20,000. */
  constructor(limit = 20_000) {
    this.#limit = limit;
  }

  /** The pool's copy of this string; null stays null. */
  string<T extends string | null>(value: T): T {
    if (value === null) return value;
    return (this.#remember(this.#strings, value, value) as T | undefined) ?? value;
  }

  /** The pool's copy of this list. Never change it. */
  list(values: readonly string[]): readonly string[] {
    if (values.length === 0) return NONE;
    return this.#remember(this.#lists, values.join("\n"), values);
  }

  #remember<V>(known: Map<string, V>, name: string, value: V): V {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= this.#limit) known.clear();
    known.set(name, value);
    return value;
  }
}

const NONE: readonly string[] = [];

/** Who hears what happened, in order: effects once they are durable, and the changes of each commit for copies. */

import type { Change, Effect } from "@hive/core";

export class Audience {
  readonly #onTrouble: (message: string, error: unknown) => void;
  readonly #listeners = new Set<(effect: Effect) => void>();
  readonly #copiers = new Set<(changes: readonly Change[]) => void>();

  /** @param onTrouble told of listeners that throw, who harm nobody else */
  constructor(onTrouble: (message: string, error: unknown) => void) {
    this.#onTrouble = onTrouble;
  }

  /** Returns how to take that back. */
  onEffect(listener: (effect: Effect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The listener must not throw. Returns how to take that back. */
  onChanges(listener: (changes: readonly Change[]) => void): () => void {
    this.#copiers.add(listener);
    return () => this.#copiers.delete(listener);
  }

  emit(effect: Effect): void {
    for (const listener of this.#listeners) {
      try {
        listener(effect);
      } catch (error) {
        this.#onTrouble(`a listener for ${effect.type} broke`, error);
      }
    }
  }

  committed(changes: readonly Change[]): void {
    for (const copy of this.#copiers) copy(changes);
  }
}

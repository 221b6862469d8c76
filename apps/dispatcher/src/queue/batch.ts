/**
 * One atomic write in the making: the changes of the commands applied since the last flush, who waits for them, and what
 * is to be done once they are durable.
 */

import { docKey, type Change, type Effect } from "@hive/core";

/** Somebody who may be told something only once the batch is durable. */
export interface Waiter {
  readonly settle: () => void;
  readonly fail: (error: Error) => void;
}

export class Batch {
  /** The last change of each document wins; the order between documents does not matter inside one atomic write. */
  readonly #changes = new Map<string, Change>();
  readonly waiters: Waiter[] = [];
  readonly effects: Effect[] = [];
  /** The number of the last event in it, 0 when there is none. */
  lastEvent = 0;
  /** About how many bytes were added; a document that changed twice counts twice. */
  bytes = 0;

  get size(): number {
    return this.#changes.size;
  }

  add(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#changes.set(docKey(change), change);
      this.bytes += roughBytes(change.doc);
    }
  }

  changes(): Change[] {
    return [...this.#changes.values()];
  }

  /** The document as this batch leaves it, or undefined when the batch does not touch it. */
  find(key: string): Change | undefined {
    return this.#changes.get(key);
  }
}

/** About the length of a value as JSON: every character as one byte, every number as eight. */
export function roughBytes(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 8;
  let sum = 2;
  for (const key in value) sum += key.length + 4 + roughBytes(value[key as keyof typeof value]);
  return sum;
}

/**
 * The changes of one command, each document once: the last word on it counts. Most commands write three or four
 * documents, and looking through those is cheaper than an index (measured: a third of the cost of accepting a job), so
 * the index is made only for the large ones.
 */

import { docKey } from "./command.ts";
import type { Change } from "./document.ts";

/** Up to this many changes are searched one by one. */
const FEW = 8;

export class Changes {
  readonly #all: Change[] = [];
  #places: Map<string, number> | null = null;

  put(change: Change): void {
    const place = this.#placeOf(change);
    if (place >= 0) {
      this.#all[place] = change;
      return;
    }
    this.#places?.set(docKey(change), this.#all.length);
    this.#all.push(change);
    if (this.#all.length === FEW) this.#places = new Map(this.#all.map((one, index) => [docKey(one), index]));
  }

  /** All changes, each document once, in the order they were first made. */
  get all(): readonly Change[] {
    return this.#all;
  }

  #placeOf({ collection, id }: Change): number {
    if (this.#places !== null) return this.#places.get(docKey({ collection, id })) ?? -1;
    return this.#all.findIndex((one) => one.id === id && one.collection === collection);
  }
}

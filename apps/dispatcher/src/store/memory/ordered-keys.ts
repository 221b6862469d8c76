/**
 * Document ids in order of (range, id): what an index is in memory. A sorted array, because nearly every insertion is
 * at the end (sequence numbers rise) and a page is then a plain walk.
 */

import { compareIds } from "../declared.ts";

export interface OrderedKey {
  readonly range: number;
  readonly id: string;
}

export class OrderedKeys {
  readonly #keys: OrderedKey[] = [];

  get size(): number {
    return this.#keys.length;
  }

  add(key: OrderedKey): void {
    const last = this.#keys.at(-1);
    if (last === undefined || compareKeys(last, key) < 0) this.#keys.push(key);
    else this.#keys.splice(this.#place(key), 0, key);
  }

  delete(key: OrderedKey): void {
    const place = this.#place(key);
    const found = this.#keys[place];
    if (found !== undefined && compareKeys(found, key) === 0) this.#keys.splice(place, 1);
  }

  at(place: number): OrderedKey | undefined {
    return this.#keys[place];
  }

  /** How many keys come before this one; `id` "" stands before every id of its range. */
  #place(key: OrderedKey): number {
    return this.before((other) => compareKeys(other, key) < 0);
  }

  /** How many keys pass a test that is true up to some place and false from there. */
  before(passes: (key: OrderedKey) => boolean): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = this.#keys[middle];
      if (key !== undefined && passes(key)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative when `a` comes first. */
export function compareKeys(a: OrderedKey, b: OrderedKey): number {
  return a.range - b.range || compareIds(a.id, b.id);
}

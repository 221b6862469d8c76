/**
 * A binary heap. The queue keeps its ready jobs, the heads of its lists, its due times and its leases in heaps, because
 * taking the first and adding one cost the same few comparisons with a million items as with a thousand.
 */

/** True when `a` comes out before `b`. Must be a strict order: two different items are never equal in both directions. */
export type Before<T> = (a: T, b: T) => boolean;

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: Before<T>;
  readonly #moved: ((item: T, place: number) => void) | null;

  /** `moved` tells each item its new place (-1: it left), so that it can be found again for `fix` and `removeAt`. */
  constructor(before: Before<T>, moved: ((item: T, place: number) => void) | null = null) {
    this.#before = before;
    this.#moved = moved;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The first item, left where it is. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  /** Takes the first item out. */
  pop(): T | undefined {
    return this.#items.length === 0 ? undefined : this.removeAt(0);
  }

  /** Takes out the item at a place that `moved` told. */
  removeAt(place: number): T | undefined {
    const removed = this.#items[place];
    const last = this.#items.pop();
    if (removed === undefined || last === undefined) return undefined;
    if (place < this.#items.length) this.#settle(place, last);
    this.#moved?.(removed, -1);
    return removed;
  }

  /** Puts the item at this place where it belongs, after its order changed. */
  fix(place: number): void {
    const item = this.#items[place];
    if (item !== undefined) this.#settle(place, item);
  }

  /** Drops all items that are not to be kept. Costs one pass over the heap. */
  keep(wanted: (item: T) => boolean): void {
    const all = this.#items.splice(0);
    for (const item of all) {
      if (wanted(item)) this.#items.push(item);
      else this.#moved?.(item, -1);
    }
    for (const [place, item] of this.#items.entries()) this.#moved?.(item, place);
    for (let place = (this.#items.length >> 1) - 1; place >= 0; place -= 1) {
      const item = this.#items[place];
      if (item !== undefined) this.#sink(place, item);
    }
  }

  /** Every item, in no useful order. */
  values(): IterableIterator<T> {
    return this.#items.values();
  }

  #settle(place: number, item: T): void {
    const parent = this.#items[(place - 1) >> 1];
    if (place > 0 && parent !== undefined && this.#before(item, parent)) this.#rise(place, item);
    else this.#sink(place, item);
  }

  #rise(from: number, item: T): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(place, parent);
      place = above;
    }
    this.#put(place, item);
  }

  #sink(from: number, item: T): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      let child = this.#items[below];
      if (child === undefined) break;
      const right = this.#items[below + 1];
      if (right !== undefined && this.#before(right, child)) {
        below += 1;
        child = right;
      }
      if (!this.#before(child, item)) break;
      this.#put(place, child);
      place = below;
    }
    this.#put(place, item);
  }

  #put(place: number, item: T): void {
    this.#items[place] = item;
    this.#moved?.(item, place);
  }
}

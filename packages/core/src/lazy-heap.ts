/**
 * A heap whose items may die where they are. Searching a heap for a canceled job would cost a pass over it, so the dead
 * stay until they surface or until they are more than the living, and then all go in one pass: never a leak.
 */

import { type Before, Heap } from "./heap.ts";

export class LazyHeap<T> {
  readonly #heap: Heap<T>;
  readonly #isLive: (item: T) => boolean;
  #dead = 0;

  constructor(before: Before<T>, isLive: (item: T) => boolean) {
    this.#heap = new Heap(before);
    this.#isLive = isLive;
  }

  /** Items held in memory, the dead among them too. */
  get held(): number {
    return this.#heap.size;
  }

  /** Items that live. */
  get living(): number {
    return this.#heap.size - this.#dead;
  }

  push(item: T): void {
    this.#heap.push(item);
  }

  /** The first living item, left where it is. */
  peek(): T | undefined {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined || this.#isLive(first)) return first;
      this.#heap.pop();
      if (this.#dead > 0) this.#dead -= 1;
    }
  }

  /** Takes the first living item out. */
  pop(): T | undefined {
    const first = this.peek();
    if (first !== undefined) this.#heap.pop();
    return first;
  }

  /** Says that one item in here is dead now. */
  bury(): void {
    this.#dead += 1;
    if (this.#dead * 2 <= this.#heap.size) return;
    this.#heap.keep(this.#isLive);
    this.#dead = 0;
  }
}

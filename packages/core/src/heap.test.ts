import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "./heap.ts";
import { LazyHeap } from "./lazy-heap.ts";

interface Item {
  value: number;
  place: number;
}

describe("Heap", () => {
  test("whatever is pushed, changed and taken out, the first is always the least, and every item knows its place", () => {
    const action = fc.tuple(fc.constantFrom("push", "pop", "remove", "change", "keep"), fc.nat(99), fc.nat(30));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const all = new Set<Item>();
        const heap = new Heap<Item>(
          (a, b) => a.value < b.value,
          (item, place) => {
            item.place = place;
          },
        );
        for (const [what, value, pick] of actions) {
          const some = [...all][pick % Math.max(1, all.size)];
          if (what === "push") {
            const item = { value, place: -1 };
            all.add(item);
            heap.push(item);
          } else if (what === "pop") {
            const popped = heap.pop();
            if (popped !== undefined) all.delete(popped);
          } else if (what === "remove" && some !== undefined) {
            expect(heap.removeAt(some.place)).toBe(some);
            expect(some.place).toBe(-1);
            all.delete(some);
          } else if (what === "change" && some !== undefined) {
            some.value = value;
            heap.fix(some.place);
          } else if (what === "keep") {
            heap.keep((item) => item.value % 3 !== 0);
            for (const item of all) if (item.value % 3 === 0) all.delete(item);
          }
          expect(heap.size).toBe(all.size);
          expect([...heap.values()].every((item, place) => item.place === place)).toBe(true);
          const least = Math.min(...[...all].map((item) => item.value));
          if (all.size > 0) expect(heap.peek()?.value).toBe(least);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("it sorts", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (values) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const value of values) heap.push(value);
        const out: number[] = [];
        for (let value = heap.pop(); value !== undefined; value = heap.pop()) out.push(value);
        expect(out).toEqual([...values].sort((a, b) => a - b));
      }),
    );
  });
});

describe("LazyHeap", () => {
  test("the dead never come out and are never more than the living for long", () => {
    const dead = new Set<number>();
    const heap = new LazyHeap<number>(
      (a, b) => a < b,
      (value) => !dead.has(value),
    );
    for (let value = 0; value < 10_000; value += 1) heap.push(value);
    for (let value = 0; value < 10_000; value += 1) {
      if (value % 10 === 7) continue;
      dead.add(value);
      heap.bury();
    }
    expect(heap.held).toBeLessThanOrEqual(2_000);
    expect([heap.pop(), heap.pop(), heap.peek()]).toEqual([7, 17, 27]);
  });
});

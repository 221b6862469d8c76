import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

test("so many have a turn at once, the others in the order they came, each key by itself", async () => {
  const turns = createTurns({ atOnce: 2, waiting: 10, all: 100 });
  const order: string[] = [];
  const [first, second] = [await turns.take("a"), await turns.take("a")];
  const waiting = ["third", "fourth"].map(async (name) => {
    const giveBack = await turns.take("a");
    order.push(name);
    return giveBack;
  });
  const other = await turns.take("b");
  expect(order).toEqual([]);
  first?.();
  first?.();
  const third = await waiting[0];
  expect(order).toEqual(["third"]);
  for (const giveBack of [second, third, other]) giveBack?.();
  (await waiting[1])?.();
  expect(order).toEqual(["third", "fourth"]);
});

test("beyond the limits nobody waits, and what was given back is there again", async () => {
  const turns = createTurns({ atOnce: 1, waiting: 1, all: 3 });
  const first = await turns.take("a");
  const second = turns.take("a");
  expect(await turns.take("a")).toBeNull();
  const third = await turns.take("b");
  expect(await turns.take("c")).toBeNull();
  first?.();
  (await second)?.();
  third?.();
  for (let n = 0; n < 5; n += 1) {
    const again = await turns.take("a");
    expect(again).not.toBeNull();
    again?.();
  }
});

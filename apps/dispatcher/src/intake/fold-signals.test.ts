import { SIGNALS_MAX } from "@hive/core";
import { expect, test } from "vitest";
import { signal } from "../sources/source-store.fixture.ts";
import { foldSignals } from "./fold-signals.ts";

const MINUTE = 60_000;
const THRESHOLD = { count: 3, withinMs: 10 * MINUTE };

test("what happens a thousand times a second is one signal with the newest sample", () => {
  const many = Array.from({ length: 1_000 }, (_, at) => signal("a", { at, title: `title ${at}` }));
  for (const policy of [{ ...THRESHOLD, count: 1 }, THRESHOLD])
    expect(foldSignals(many, policy)).toEqual([signal("a", { at: 999, title: "title 999", count: 1_000 })]);
});

test("what was read at once and happened hours apart reaches no threshold of minutes", () => {
  const apart = [signal("a", { at: 0 }), signal("a", { at: 60 * MINUTE }), signal("a", { at: 120 * MINUTE })];
  expect(foldSignals(apart, THRESHOLD)).toEqual(apart);
  expect(foldSignals(apart, { ...THRESHOLD, count: 1 })).toMatchObject([{ count: 3 }]);
});

test("where more would stay apart than may be told at once, all of a kind is one", () => {
  const many = Array.from({ length: SIGNALS_MAX + 1 }, (_, n) => signal("a", { at: n * MINUTE }));
  expect(foldSignals(many, THRESHOLD)).toMatchObject([{ count: SIGNALS_MAX + 1 }]);
});

test("a change of state stays where it was, and other groups beside it", () => {
  const firing = { state: "firing", episode: "1" } as const;
  const told = [
    signal("a", firing),
    signal("b"),
    signal("a", firing),
    signal("a", { ...firing, state: "resolved" }),
    signal("a", firing),
  ];
  expect(foldSignals(told, THRESHOLD).map(({ fingerprint, state, count }) => [fingerprint, state, count])).toEqual([
    ["a", "firing", 2],
    ["b", "event", 1],
    ["a", "resolved", 1],
    ["a", "firing", 1],
  ]);
});

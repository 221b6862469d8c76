import { expect, it } from "vitest";
import { keyOf, placeOf, quoting } from "./place.ts";

it("the place of a comment is found again in what the agent is told", () => {
  const place = { path: "src/a b:1.ts", line: 12, side: "old" as const, quote: "-const x = 1;" };
  expect(placeOf(quoting(place, "Why?\n\nReally."))).toEqual({ place, text: "Why?\n\nReally." });
  const now = { ...place, side: "new" as const };
  expect(placeOf(quoting(now, "Why?"))).toEqual({ place: now, text: "Why?" });
});

it("a place is known again by its line's text too, however long that is", () => {
  const place = { path: "a.ts", line: 1, side: "new" as const, quote: `+${"x".repeat(2_000)}` };
  const again = placeOf(quoting(place, "Why?")).place;
  expect(again === null ? null : keyOf(again)).toBe(keyOf(place));
  expect(keyOf({ ...place, quote: "+y" })).not.toBe(keyOf(place));
});

it("a comment on the whole has no place", () => {
  expect(placeOf("See a.ts:12\nand b.ts")).toEqual({ place: null, text: "See a.ts:12\nand b.ts" });
});

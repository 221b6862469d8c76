import { expect, it } from "vitest";
import { placesOf } from "./comb-places.ts";

const CELL = { width: 100, height: 120, gap: 0 };

it("what fits into one row stands in one row", () => {
  expect(placesOf(3, 300, CELL)).toEqual({
    places: [
      { left: 0, top: 0 },
      { left: 100, top: 0 },
      { left: 200, top: 0 },
    ],
    height: 120,
  });
});

it("every second row stands on the gaps of the one above, and none is wider than the room", () => {
  const { places, height } = placesOf(5, 260, CELL);
  expect(places.map(({ left, top }) => [left, top])).toEqual([
    ...[
      [0, 0],
      [100, 0],
    ],
    ...[
      [50, 90],
      [150, 90],
    ],
    [0, 180],
  ]);
  expect(height).toBe(300);
  expect(Math.max(...places.map(({ left }) => left + CELL.width))).toBeLessThanOrEqual(260);
});

it("however narrow it is, each row has a cell", () => {
  expect(placesOf(2, 10, CELL).places).toEqual([
    { left: 0, top: 0 },
    { left: 50, top: 90 },
  ]);
});

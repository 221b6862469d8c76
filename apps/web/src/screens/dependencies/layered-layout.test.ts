import { expect, test } from "vitest";
import { layOut, NODE } from "./layered-layout.ts";

type Line = readonly [from: string, to: string, kind?: "dependency" | "candidate"];

function layoutOf(ids: readonly string[], lines: readonly Line[]): ReturnType<typeof layOut> {
  const edges = lines.map(([from, to, kind = "dependency"]) => ({ from, to, kind, waits: true }));
  return layOut({ jobs: ids.map((jobId) => ({ jobId })), edges });
}

const xOf = ({ places }: ReturnType<typeof layOut>, id: string): number => places.get(id)?.x ?? Number.NaN;

/** Pairs of jobs that cover each other. */
function overlaps({ places }: ReturnType<typeof layOut>): readonly string[] {
  const all = [...places];
  return all.flatMap(([a, one], at) =>
    all.slice(at + 1).flatMap(([b, two]) => {
      const apart = Math.abs(one.x - two.x) >= NODE.width || Math.abs(one.y - two.y) >= NODE.height;
      return apart ? [] : [`${a} and ${b}`];
    }),
  );
}

test("a job stands to the right of everything it waits for, and none covers another", () => {
  const layout = layoutOf(
    ["a", "b", "c", "d", "alone"],
    [
      ["a", "b"],
      ["b", "d"],
      ["a", "c"],
      ["c", "d"],
      ["a", "d"],
    ],
  );
  expect(xOf(layout, "a")).toBeLessThan(xOf(layout, "b"));
  expect(xOf(layout, "b")).toBe(xOf(layout, "c"));
  expect(xOf(layout, "c")).toBeLessThan(xOf(layout, "d"));
  expect(overlaps(layout)).toEqual([]);
  expect(layout.families.map((family) => family.length)).toEqual([4, 1]);
});

test("lines that could be drawn without a crossing have none", () => {
  const layout = layoutOf(
    ["a", "b", "to-b", "to-a", "end"],
    [
      ["a", "to-a"],
      ["b", "to-b"],
      ["to-a", "end"],
      ["to-b", "end"],
    ],
  );
  const y = (id: string): number => layout.places.get(id)?.y ?? Number.NaN;
  expect(Math.sign(y("a") - y("b"))).toBe(Math.sign(y("to-a") - y("to-b")));
});

test("a line past a column leads around the jobs in it", () => {
  const layout = layoutOf(
    ["a", "b", "c"],
    [
      ["a", "b"],
      ["b", "c"],
      ["a", "c"],
    ],
  );
  const [bend, ...others] = layout.bends.get("a c") ?? [];
  const between = layout.places.get("b");
  expect(others).toEqual([]);
  expect(bend?.x).toBe(between?.x);
  expect(bend?.width).toBe(NODE.width);
  const y = bend?.y ?? Number.NaN;
  expect(y < (between?.y ?? 0) || y > (between?.y ?? 0) + NODE.height).toBe(true);
  expect(layout.bends.has("a b")).toBe(false);
  expect(layout.families).toEqual([["a", "b", "c"]]);
});

test("a parent and its candidates are one block, with what comes before it to the left and what waits for it to the right", () => {
  const layout = layoutOf(
    ["best", "best.1", "best.2", "before", "behind"],
    [
      ["best.1", "best", "candidate"],
      ["best.2", "best", "candidate"],
      ["before", "best.1"],
      ["before", "best.2"],
      ["best", "behind"],
    ],
  );
  const [group] = layout.groups;
  for (const id of ["best", "best.1", "best.2"]) {
    const place = layout.places.get(id) ?? { x: Number.NaN, y: Number.NaN };
    expect(place.x).toBeGreaterThan(group?.x ?? 0);
    expect(place.x + NODE.width).toBeLessThan((group?.x ?? 0) + (group?.width ?? 0));
    expect(place.y + NODE.height).toBeLessThan((group?.y ?? 0) + (group?.height ?? 0));
  }
  expect(xOf(layout, "before") + NODE.width).toBeLessThan(group?.x ?? 0);
  expect(xOf(layout, "behind")).toBeGreaterThan((group?.x ?? 0) + (group?.width ?? 0));
  expect(overlaps(layout)).toEqual([]);
});

test("a thousand jobs, and even a circle, are laid out at once and nobody covers anybody", () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => `job-${n}`);
  const lines = ids.flatMap((id, n): Line[] => (n < 5 ? [] : [[`job-${Math.floor(n / 3)}`, id]]));
  const begun = performance.now();
  const layout = layoutOf(ids, lines);
  expect(performance.now() - begun).toBeLessThan(2_000);
  expect(layout.places.size).toBe(1_000);
  expect(overlaps(layout)).toEqual([]);
  expect(
    layoutOf(
      ["a", "b"],
      [
        ["a", "b"],
        ["b", "a"],
      ],
    ).places.size,
  ).toBe(2);
  expect(layoutOf([], []).places.size).toBe(0);
});

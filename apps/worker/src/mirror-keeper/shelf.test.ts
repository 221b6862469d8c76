import { describe, expect, it } from "vitest";
import { DAY_MS } from "./keeper-fixture.ts";
import { chooseToRemove, type ShelvedMirror } from "./shelf.ts";

const NOW = 1_800_000_000_000;
const LIMITS = { keepMs: 30 * DAY_MS, maxBytes: 100, minFreeBytes: 50 };

/** Mirrors by name, each used so many days ago. */
function shelf(mirrors: Readonly<Record<string, { readonly days: number; readonly bytes: number }>>): ShelvedMirror[] {
  return Object.entries(mirrors).map(([folder, { days, bytes }]) => ({ folder, bytes, usedAt: NOW - days * DAY_MS }));
}

function chosen(mirrors: readonly ShelvedMirror[], more: { free?: number; inUse?: readonly string[] } = {}): string[] {
  const { free = 1_000, inUse = [] } = more;
  const at = { limits: LIMITS, now: NOW, freeBytes: free };
  return chooseToRemove(mirrors, (folder) => inUse.includes(folder), at).map(({ mirror }) => mirror.folder);
}

describe("the mirrors that go", () => {
  it("are none while all is well", () => {
    expect(chosen(shelf({ a: { days: 29, bytes: 50 }, b: { days: 1, bytes: 50 } }))).toEqual([]);
  });

  it("are those that nobody used for too long", () => {
    expect(chosen(shelf({ a: { days: 31, bytes: 1 }, b: { days: 1, bytes: 1 } }))).toEqual(["a"]);
  });

  it("are the least recently used, until the rest fits the budget", () => {
    const mirrors = shelf({
      new: { days: 0, bytes: 60 },
      older: { days: 2, bytes: 30 },
      oldest: { days: 9, bytes: 40 },
    });
    expect(chosen(mirrors)).toEqual(["oldest"]);
    expect(chosen([...mirrors, ...shelf({ big: { days: 1, bytes: 90 } })])).toEqual(["oldest", "older", "big"]);
  });

  it("are the least recently used, until enough of the disk is free", () => {
    const mirrors = shelf({
      new: { days: 0, bytes: 30 },
      older: { days: 2, bytes: 30 },
      oldest: { days: 9, bytes: 30 },
    });
    expect(chosen(mirrors, { free: 45 })).toEqual(["oldest"]);
    expect(chosen(mirrors, { free: 10 })).toEqual(["oldest", "older"]);
  });

  it("are never those in use, whatever is full", () => {
    const mirrors = shelf({ a: { days: 99, bytes: 500 }, b: { days: 98, bytes: 500 } });
    expect(chosen(mirrors, { free: 0, inUse: ["a"] })).toEqual(["b"]);
    expect(chosen(mirrors, { free: 0, inUse: ["a", "b"] })).toEqual([]);
  });
});

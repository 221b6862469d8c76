import { describe, expect, it } from "vitest";
import { createLeaderWatch, type LeaderRecord, type LeaderWatch } from "./watch.ts";

const TERM = 4_000;

function start(options: { readonly isProven?: (record: LeaderRecord) => boolean } = {}) {
  const clock = { now: 50 };
  const watch = createLeaderWatch({ ownUrl: "http://me:1", termMs: TERM, mono: () => clock.now, ...options });
  return { clock, watch };
}

function record(changed: Partial<LeaderRecord> = {}): LeaderRecord {
  const first = { epoch: 7, electionId: "a", sequence: 3, beat: 9, released: false, url: "http://queen:1", proof: "" };
  return { ...first, ...changed };
}

const elects = (watch: LeaderWatch, seen: LeaderRecord | null): boolean => watch.see(seen).elect;

describe("a standby's watch", () => {
  it("elects where there is no record, and where the queen said goodbye", () => {
    expect(elects(start().watch, null)).toBe(true);
    const { watch } = start();
    expect(elects(watch, record())).toBe(false);
    expect(elects(watch, record({ released: true }))).toBe(true);
  });

  it("waits a whole term of its own from the first look, however old the record is", () => {
    const { clock, watch } = start();
    expect(watch.see(record())).toEqual({ elect: false, queen: { url: "http://queen:1" } });
    clock.now += TERM - 1;
    expect(elects(watch, record())).toBe(false);
    clock.now += 1;
    expect(elects(watch, record())).toBe(true);
  });

  it.each([{ beat: 10 }, { sequence: 4 }, { electionId: "b", epoch: 8 }])(
    "begins anew when the record moved: %o",
    (moved) => {
      const { clock, watch } = start();
      elects(watch, record());
      clock.now += TERM - 1;
      expect(elects(watch, record(moved))).toBe(false);
      clock.now += TERM - 1;
      expect(elects(watch, record(moved))).toBe(false);
      clock.now += 1;
      expect(elects(watch, record(moved))).toBe(true);
    },
  );

  it("does not take a queen for dead because it slept itself", () => {
    const { clock, watch } = start();
    elects(watch, record());
    clock.now += 60_000;
    expect(elects(watch, record({ beat: 200 }))).toBe(false);
  });

  it("follows its own earlier life at once, and an election of its own whose answer was lost", () => {
    const { watch } = start();
    expect(elects(watch, record({ url: "http://me:1" }))).toBe(true);
    watch.running("mine");
    expect(elects(watch, record({ electionId: "mine", url: "http://me:1" }))).toBe(true);
  });

  it("does not fight with another dispatcher that was given the same address", () => {
    const { clock, watch } = start();
    watch.running("mine");
    expect(elects(watch, record({ url: "http://me:1" }))).toBe(false);
    clock.now += TERM;
    expect(elects(watch, record({ url: "http://me:1", beat: 10 }))).toBe(false);
  });

  it("names no queen whose record somebody else may have written", () => {
    const { watch } = start({ isProven: ({ proof }) => proof === "right" });
    expect(watch.see(record({ proof: "wrong" }))).toEqual({ elect: false, queen: null });
    expect(watch.see(record({ proof: "right" }))).toEqual({ elect: false, queen: { url: "http://queen:1" } });
  });

  it("elects nobody while it abstains, and still says who the queen is", () => {
    const { clock, watch } = start();
    watch.abstain(true);
    expect(watch.see(null)).toEqual({ elect: false, queen: null });
    expect(watch.see(record({ released: true }))).toEqual({ elect: false, queen: null });
    elects(watch, record());
    clock.now += 2 * TERM;
    expect(watch.see(record())).toEqual({ elect: false, queen: { url: "http://queen:1" } });
    watch.abstain(false);
    expect(elects(watch, record())).toBe(true);
  });
});

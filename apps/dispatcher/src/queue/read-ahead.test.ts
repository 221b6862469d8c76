import { createState, DEFAULT_RULES } from "@hive/core";
import { describe, expect, it } from "vitest";
import { ReadAhead } from "./read-ahead.ts";

const key = (n: number) => ({ collection: "bodies", id: `job-${n}` });

describe("documents that were read for commands", () => {
  it("are kept for the next ones while they are few and small", () => {
    const ahead = new ReadAhead(() => undefined);
    ahead.found([key(1), key(2)], [{ script: "true" }, null]);
    ahead.trim();
    expect([...ahead.docs]).toEqual([
      ["bodies/job-1", { script: "true" }],
      ["bodies/job-2", null],
    ]);
  });

  it("are let go of when they are large, however few: read, written or not yet flushed", () => {
    const large = { script: "x".repeat(9 * 1024 * 1024) };
    const read = new ReadAhead(() => undefined);
    read.found([key(1)], [large]);
    read.trim();
    expect(read.docs.size).toBe(1);
    read.changed([{ ...key(1), doc: large }]);
    read.trim();
    expect(read.docs.size).toBe(0);

    const unflushed = new ReadAhead(() => ({ ...key(1), doc: large }));
    const state = createState({ ...DEFAULT_RULES, leaseMs: 30_000 });
    for (const jobId of ["job-1", "job-2"])
      unflushed.missing(state, { type: "cancel", jobId, by: "me", reason: "test" });
    expect(unflushed.docs.size).toBeGreaterThan(1);
    unflushed.trim();
    expect(unflushed.docs.size).toBe(0);
    // Counting begins anew.
    unflushed.found([key(3)], [null]);
    unflushed.trim();
    expect(unflushed.docs.size).toBe(1);
  });
});

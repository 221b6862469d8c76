import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../agents/contract.ts";
import type { Stuck } from "./contract.ts";
import { type StuckWatch, watchForStuck } from "./stuck-watch.ts";

const call = (fingerprint: string): AgentEvent => ({
  kind: "tool_call",
  id: "1",
  tool: "Read",
  summary: fingerprint,
  fingerprint,
});
const answer: AgentEvent = { kind: "tool_result", id: "1", ok: true, summary: "" };
const changed: AgentEvent = { kind: "file_change", path: "a", change: "update" };

const answered = (summary: string): AgentEvent => ({ kind: "tool_result", id: "1", ok: true, summary });

/** A watch, and what it found; `files` are the ids that its looks give, in order. */
function watching(repeats: number, turns: number, files: readonly (string | null)[] = []) {
  const found: Stuck[] = [];
  const looks = [...files];
  let looked = 0;
  const watch = watchForStuck({
    limits: { repeats, turns },
    filesAtStart: "start",
    lookAtFiles() {
      looked += 1;
      return Promise.resolve(looks.shift() ?? null);
    },
    onStuck: (stuck) => found.push(stuck),
  });
  return { watch, found, looked: () => looked };
}

async function calls(watch: StuckWatch, names: string): Promise<void> {
  for (const name of names) {
    watch.see(call(name));
    watch.see(answer);
    await Promise.resolve();
    await Promise.resolve();
  }
}

describe("the same again and again", () => {
  test("one call, or two or three in turn, as often as the limit says", async () => {
    for (const [names, message] of [
      ["aaaa", "the same call 4 times"],
      ["abababab", "the same 2 calls in turn 4 times"],
      ["xyzabcabcabcabc", "the same 3 calls in turn 4 times"],
    ] as const) {
      const { watch, found } = watching(4, 0);
      await calls(watch, names.slice(0, -1));
      expect(found).toEqual([]);
      await calls(watch, names.slice(-1));
      expect(found).toEqual([{ reason: "repeating", message: expect.stringContaining(message) }]);
    }
  });

  test("polling what takes long is no circle as long as the answers differ, but not for ever", () => {
    const { watch, found } = watching(4, 0);
    for (let poll = 1; poll < 20; poll += 1) {
      watch.see(call("poll"));
      watch.see(answered(`waited ${poll} s`));
    }
    expect(found).toEqual([]);
    watch.see(call("poll"));
    expect(found).toEqual([{ reason: "repeating", message: expect.stringContaining("the same call 20 times") }]);
  });

  test("another call between begins the count anew; longer rounds and a limit of 0 are never it", async () => {
    const { watch, found } = watching(4, 0);
    await calls(watch, "aaabaaabcdabcdabcdabcd");
    expect(found).toEqual([]);
    const off = watching(0, 0);
    await calls(off.watch, "a".repeat(500));
    expect(off.found).toEqual([]);
  });

  test("it is told once, and nothing after the watch was stopped", async () => {
    const one = watching(2, 0);
    await calls(one.watch, "aaaa");
    expect(one.found).toHaveLength(1);
    const two = watching(2, 0);
    two.watch.stop();
    await calls(two.watch, "aaaa");
    expect(two.found).toEqual([]);
  });
});

describe("no change of files", () => {
  test("so many answers without one: it looks, and only the same files are stuck", async () => {
    const { watch, found, looked } = watching(0, 3, ["other", "other"]);
    await calls(watch, "ab");
    expect(looked()).toBe(0);
    await calls(watch, "c");
    expect([looked(), found.length]).toEqual([1, 0]);
    await calls(watch, "def");
    expect(found).toEqual([{ reason: "no_changes", message: expect.stringContaining("3 answers") }]);
  });

  test("a change that is told begins the count anew; files that nobody can look at may have changed", async () => {
    const { watch, found, looked } = watching(0, 3, [null, null]);
    await calls(watch, "ab");
    watch.see(changed);
    await calls(watch, "cd");
    expect(looked()).toBe(0);
    await calls(watch, "efgh");
    expect([looked(), found.length]).toEqual([2, 0]);
  });

  test("several calls and words of one answer are one answer", async () => {
    const { watch, looked } = watching(0, 3, ["start"]);
    for (let at = 0; at < 2; at += 1) {
      for (const event of [{ kind: "message", text: "now" } as const, call("a"), call("b"), call("c")])
        watch.see(event);
      watch.see(answer);
    }
    await Promise.resolve();
    expect(looked()).toBe(0);
  });
});

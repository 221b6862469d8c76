import { describe, expect, test } from "vitest";
import { autoEntries, entriesStartingWith } from "./entry-lines.ts";

/** The entries of these lines, each as the numbers of its lines. */
function entries(lines: readonly string[], reader = autoEntries()): number[][] {
  const found: number[][] = [];
  for (const [index, line] of lines.entries()) {
    if (reader.continues(line)) found.at(-1)?.push(index);
    else found.push([index]);
  }
  return found;
}

describe("lines that belong together", () => {
  test("a trace of Java with its cause, below the line that logged it", () => {
    const lines = [
      "2026-11-23 20:15:00 INFO app - begun",
      "2026-11-23 20:15:01 ERROR app - Request failed",
      "java.lang.IllegalStateException: no",
      "\tat a.B.c(B.java:1)",
      "Caused by: java.io.IOException: closed",
      "\tat a.B.d(B.java:2)",
      "\t... 3 more",
      "2026-11-23 20:15:02 INFO app - next",
    ];
    expect(entries(lines)).toEqual([[0], [1, 2, 3, 4, 5, 6], [7]]);
  });

  test("a trace of Python with the one that came from it, and its last line that is not indented", () => {
    const lines = [
      "2026-11-23 20:15:01 ERROR:web: it broke",
      "Traceback (most recent call last):",
      '  File "a.py", line 1, in f',
      "    g()",
      "KeyError: 'x'",
      "",
      "During handling of the above exception, another exception occurred:",
      "",
      "Traceback (most recent call last):",
      '  File "a.py", line 3, in f',
      "ValueError: y",
      "2026-11-23 20:15:02 INFO:web: next",
    ];
    expect(entries(lines)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [11]]);
  });

  test("a trace never swallows a line that only stands before it", () => {
    const lines = [
      "20:15:01 INFO all is well",
      "Traceback (most recent call last):",
      '  File "a.py", line 1',
      "KeyError: 1",
    ];
    expect(entries(lines)).toEqual([[0], [1, 2, 3]]);
  });

  test("what Node writes when nobody catches", () => {
    const lines = [
      "/srv/app/pay.js:10",
      "    throw new TypeError('no')",
      "    ^",
      "",
      "TypeError: no",
      "    at pay (/srv/app/pay.js:10:5)",
      "",
      "Node.js v26.10.0",
      "started again",
    ];
    expect(entries(lines)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [8]]);
  });

  test("a panic of Go", () => {
    const lines = [
      "listening",
      "panic: no",
      "",
      "goroutine 1 [running]:",
      "main.f(...)",
      "\t/srv/app/main.go:4 +0x2",
      "main.main()",
      "\t/srv/app/main.go:9 +0x2",
      "exit status 2",
      "listening",
    ];
    expect(entries(lines)).toEqual([[0], [1, 2, 3, 4, 5, 6, 7, 8], [9]]);
  });

  test("lines of their own stay alone", () => {
    expect(entries(["a", "ERROR b", "ERROR c", "d"])).toEqual([[0], [1], [2], [3]]);
  });

  test("with a pattern of the operator's, everything up to the next match goes on", () => {
    const lines = ["2026 a", "b", "", "2026 c", "d"];
    expect(entries(lines, entriesStartingWith(/^\d{4} /))).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
  });
});

import { expect, it } from "vitest";
import { piecesOf, plainText } from "./ansi.ts";

const shown = (line: string): string =>
  piecesOf(line)
    .map(({ text }) => text)
    .join("");
const huesOf = (line: string): unknown[] => piecesOf(line).map(({ text, look }) => [text, look.hue, look.ground]);

it("keeps colours and leaves out what moves, erases, names and links", () => {
  expect(huesOf("a\u001b[31mb\u001b[0mc")).toEqual([
    ["a", null, null],
    ["b", "red", null],
    ["c", null, null],
  ]);
  expect(shown("\u001b[2J\u001b[1;1Hx\u001b[5Cy\u001b[K\u001b(B\u001b7")).toBe("xy");
  expect(shown("\u001b]0;title\u0007x\u001b]8;;http://a.test\u001b\\link\u001b]8;;\u001b\\")).toBe("xlink");
  expect(piecesOf("\u001b[1;4;9;3;2mx")[0]?.look).toMatchObject({
    bold: true,
    underline: true,
    struck: true,
    italic: true,
    dim: true,
  });
});

it("reduces every colour to one of eight", () => {
  expect(huesOf("\u001b[38;5;196mx")).toEqual([["x", "red", null]]);
  expect(huesOf("\u001b[38;2;10;200;30;1mx")).toEqual([["x", "green", null]]);
  expect(huesOf("\u001b[48:2::0:0:255mx")).toEqual([["x", null, "blue"]]);
  expect(huesOf("\u001b[90;103mx")).toEqual([["x", "black", "yellow"]]);
  expect(huesOf("\u001b[38mx\u001b[38;5mx\u001b[;;mx").length).toBeGreaterThan(0);
});

it("what never ends hides nothing", () => {
  expect(shown("\u001b]0;never ended")).toBe("␛]0;never ended");
  expect(shown("\u001b[31")).toBe("␛[31");
  expect(shown("x\u001b")).toBe("x␛");
});

it("shows the last state of what was written over, and signs by their names", () => {
  expect(shown("10 %\r50 %\r100 %")).toBe("100 %");
  expect(shown("100 %\r")).toBe("100 %");
  expect(shown("a\u0000b\u202ec\u007f\u009b1m\ttab")).toBe("a␀b[U+202E]c␡[U+009B]1m\ttab");
  expect(plainText("\u001b[31mre\u001b[1md\u001b[0m")).toBe("red");
});

it("a bomb is a few hundred pieces, made in no time", () => {
  const begun = performance.now();
  expect(piecesOf("\u001b[31mx\u001b[32m".repeat(100_000)).length).toBeLessThan(450);
  expect(piecesOf("\u0000".repeat(100_000)).length).toBeLessThan(450);
  expect(shown(`\u001b[${"1;".repeat(50_000)}`)).toContain("␛[1;");
  piecesOf("\u001b]".repeat(50_000));
  piecesOf("\u001b[".repeat(50_000));
  expect(performance.now() - begun).toBeLessThan(5_000);
});

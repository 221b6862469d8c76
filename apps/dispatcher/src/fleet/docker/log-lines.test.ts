import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLineReader, type LogLine, MAX_LINE_BYTES } from "./log-lines.ts";

function read(pieces: readonly Uint8Array[]): LogLine[] {
  const lines: LogLine[] = [];
  const reader = createLineReader((line) => lines.push(line));
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return lines;
}

const AT = "2026-11-23T04:26:00.000000017Z";

describe("lines of a container's output", () => {
  it("are the same wherever the pieces are cut, letters of several bytes included", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, " "));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 20 }), (texts, at) => {
        const bytes = Buffer.from(texts.map((text) => `${AT} ${text}\n`).join(""));
        const edges = [0, ...at.filter((edge) => edge < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
        expect(read(pieces)).toEqual(texts.map((text) => ({ at: AT, text })));
      }),
    );
  });

  it("are cut where they are too long, and the next one is whole", () => {
    const lines = read([Buffer.from(`${AT} ${"x".repeat(100_000)}`), Buffer.from(`yyy\n${AT} next\n`)]);
    expect(lines).toEqual([
      { at: AT, text: "x".repeat(MAX_LINE_BYTES) },
      { at: AT, text: "next" },
    ]);
  });

  it("may come without a time, with a carriage return, and without a line feed at the end", () => {
    expect(read([Buffer.from("plain\r\n\nlast")])).toEqual([
      { at: null, text: "plain" },
      { at: null, text: "" },
      { at: null, text: "last" },
    ]);
  });
});

import { expect, it } from "vitest";
import { exactly, readRange } from "./byte-range.ts";

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** What was given before it ended or broke. */
async function given(length: number, ...texts: string[]): Promise<{ text: string; broken: boolean }> {
  let text = "";
  try {
    for await (const bytes of exactly(length, pieces(...texts))) text += Buffer.from(bytes).toString();
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

it("an answer has as many bytes as it promised, or breaks off", async () => {
  expect(await given(5, "abc", "de")).toEqual({ text: "abcde", broken: false });
  expect(await given(0)).toEqual({ text: "", broken: false });
  expect(await given(5, "abc", "d")).toEqual({ text: "abcd", broken: true });
  expect(await given(5, "abc", "def")).toEqual({ text: "abc", broken: true });
});

it("a range is read as RFC 9110 says, and the end of what is empty is all of it", () => {
  expect(readRange("bytes=2-3", 10)).toEqual({ from: 2, to: 4 });
  expect(readRange("bytes=8-", 10)).toEqual({ from: 8, to: 10 });
  expect(readRange("bytes=-4", 10)).toEqual({ from: 6, to: 10 });
  expect(readRange("bytes=-40", 10)).toEqual({ from: 0, to: 10 });
  for (const ignored of [undefined, "bytes=-", "lines=1-2", "bytes=1-2,4-5", "bytes=3-2"])
    expect(readRange(ignored, 10)).toBeNull();
  expect(readRange("bytes=-4", 0)).toBeNull();
  for (const beyond of ["bytes=10-", "bytes=-0"])
    expect(() => readRange(beyond, 10)).toThrow(expect.objectContaining({ code: "range_not_satisfiable" }));
});

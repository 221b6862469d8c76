import { expect, it } from "vitest";
import { exactly } from "./byte-range.ts";

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

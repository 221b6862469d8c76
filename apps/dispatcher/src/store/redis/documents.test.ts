import { describe, expect, it } from "vitest";
import { StoreCorrupt } from "../contract.ts";
import { compileCollections } from "../declared.ts";
import { decode, encode, Shapes } from "./documents.ts";

const things = compileCollections([
  { name: "things", indexes: [{ name: "state", equals: ["state", "flag"], range: "n" }] },
]).get("things");

function write(doc: Record<string, unknown>, shapes: Shapes): string {
  if (things === undefined) throw new Error("not declared");
  return encode(things, "a", doc, shapes).text;
}

describe("a document's text", () => {
  it("names its members once for all documents that have the same", () => {
    const shapes = new Shapes();
    const [first, second] = [
      { state: "red", n: 1, long: "x" },
      { state: "blue", n: 2, long: "y" },
    ];
    const texts = [write(first, shapes), write(second, shapes)];
    expect(texts.join()).not.toContain("long");
    expect(shapes.fresh).toEqual([["0", JSON.stringify(["state", "n", "long"])]]);
    expect(texts.map((text) => decode("things", "a", text, shapes))).toEqual([first, second]);
  });

  it("is read by whoever was given the shapes, and by nobody else", () => {
    const shapes = new Shapes();
    const text = write({ state: "red", n: 1 }, shapes);
    const other = new Shapes();
    expect(() => decode("things", "a", text, other)).toThrow(StoreCorrupt);
    other.load(shapes.fresh);
    expect(decode("things", "a", text, other)).toEqual({ state: "red", n: 1 });
  });

  it("is whole for members of any name and any number", () => {
    const shapes = new Shapes();
    const odd = Object.fromEntries([
      ["__proto__", { a: 1 }],
      ["", 2],
      ["7", 3],
      ["a\nb", 4],
      ["constructor", null],
    ]);
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`m${i}`, i]));
    for (const doc of [odd, wide, {}]) {
      const read = decode("things", "a", write(doc, shapes), shapes);
      expect(JSON.stringify(read)).toBe(JSON.stringify(doc));
    }
    expect(shapes.fresh).toHaveLength(2);
  });

  it("has no shape of its own once there are very many, and reads the same", () => {
    const shapes = new Shapes();
    for (let i = 0; i < 600; i += 1) {
      const doc = { [`member${i}`]: i, n: i };
      expect(decode("things", "a", write(doc, shapes), shapes)).toEqual(doc);
    }
    expect(shapes.fresh).toHaveLength(500);
  });

  it("with any one character changed is StoreCorrupt, wherever it is", () => {
    const shapes = new Shapes();
    const text = write({ state: "red", flag: true, n: 7, text: "msg" }, shapes);
    for (let at = 0; at < text.length; at += 1) {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      expect(() => decode("things", "a", changed, shapes), `at ${at} of ${JSON.stringify(text)}`).toThrow(StoreCorrupt);
    }
    expect(() => decode("things", "b", text, shapes)).toThrow("things/b");
    expect(() => decode("other", "a", text, shapes)).toThrow(StoreCorrupt);
  });
});

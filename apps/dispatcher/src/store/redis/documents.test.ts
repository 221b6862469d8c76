import { describe, expect, it } from "vitest";
import { StoreCorrupt } from "../contract.ts";
import { compileCollections } from "../declared.ts";
import { decode, encode } from "./documents.ts";
import { Shapes } from "./shapes.ts";

const things = compileCollections([
  { name: "things", indexes: [{ name: "state", equals: ["state", "flag"], range: "n" }] },
]).get("things");

function write(doc: Record<string, unknown>, shapes: Shapes, id = "a"): string {
  if (things === undefined) throw new Error("not declared");
  return encode(things, id, doc, shapes);
}

describe("a document's text", () => {
  it("has only what is its own: names, usual values, its id and what its lines say are not repeated", () => {
    const shapes = new Shapes();
    const docs = ["a", "b"].map((id, n) => ({
      id,
      n,
      state: "red",
      long: "script",
      none: null,
      list: [],
      inner: { usd: 5, empty: {}, text: `Text ${n}` },
      text: `Other ${n}`,
    }));
    const texts = docs.map((doc) => write(doc, shapes, doc.id));
    expect(texts.map((text) => text.split("\n").slice(1))).toEqual([
      ["0.", '"red"', "", "0", '["Text 0","Other 0"]'],
      ["0.", '"red"', "", "1", '["Text 1","Other 1"]'],
    ]);
    expect(shapes.fresh).toHaveLength(1);
    expect(texts.map((text, i) => decode("things", docs[i]?.id ?? "", text, shapes))).toEqual(docs);
  });

  it("leaves nobody's text behind in a shape", () => {
    const shapes = new Shapes();
    write({ n: 1, text: "Hunter2 is here", url: "https://example.test/x", inner: { key: "abc123" } }, shapes);
    expect(JSON.stringify(shapes.fresh)).not.toMatch(/Hunter2|example|abc123/);
  });

  it("is read by whoever was given the shapes, and by nobody else", () => {
    const shapes = new Shapes();
    const text = write({ state: "red", n: 1 }, shapes);
    const other = new Shapes();
    expect(() => decode("things", "a", text, other)).toThrow(StoreCorrupt);
    other.load(shapes.fresh);
    expect(decode("things", "a", text, other)).toEqual({ state: "red", n: 1 });
    // Whoever loaded them goes on with them.
    expect(write({ state: "blue", n: 2 }, other)).toBe(write({ state: "blue", n: 2 }, shapes));
    expect(other.fresh).toEqual([]);
  });

  it("is whole for members of any name, any value and any number", () => {
    const shapes = new Shapes();
    const odd = Object.fromEntries([
      ["__proto__", { a: 1 }],
      ["", 2],
      ["7", 3],
      ["a\nb", 4],
      ["constructor", null],
      ["inner", Object.fromEntries([["__proto__", "x"]])],
    ]);
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`m${i}`, i]));
    const inner = { a: { b: 1 }, c: { b: { d: { e: [] } } }, f: { g: undefined }, h: [{}], i: [null], j: { k: {} } };
    const numbers = { n: -0, state: Number.NaN, flag: 1e21, a: -0, b: Number.POSITIVE_INFINITY, c: 0.1, d: { e: -0 } };
    const lines = { state: ["no line"], flag: "a\nb\ud800", n: "5", jobId: "a" };
    const dated = { at: new Date(0), inner: { at: new Date(0), toJSON: () => "own" } };
    for (const doc of [odd, wide, inner, numbers, lines, dated, { inner: { at: new Date(0) } }, {}]) {
      const read = decode("things", "a", write(doc, shapes), shapes);
      expect(JSON.stringify(read)).toBe(JSON.stringify(doc));
    }
  });

  it("tells values apart that are almost the same", () => {
    const shapes = new Shapes();
    const values = [null, 0, "", "a", "word", "Word", false, true, [], {}, [0], { a: 0 }, { a: [] }, { a: {} }, "b"];
    for (const first of values)
      for (const state of values)
        for (const id of ["a", "word"]) {
          const doc = { first, state, n: 7 };
          expect(decode("things", id, write(doc, shapes, id), shapes)).toEqual(doc);
        }
  });

  it("shares one shape with others of the same names once there are many of them, and reads the same", () => {
    const shapes = new Shapes();
    const docs = Array.from({ length: 60 }, (_, i) => ({
      n: i,
      word: "x".repeat((i % 20) + 1),
      [`w${i % 2}`]: i > 30,
    }));
    const nested = Array.from({ length: 60 }, (_, i) => ({ n: i, data: { [`m${i}`]: i, word: "same" } }));
    for (const doc of [...docs, ...nested]) {
      expect(decode("things", "a", write(doc, shapes), shapes)).toEqual(doc);
    }
    expect(shapes.fresh.length).toBeLessThan(3 * 33 + 1);
  });

  it("has no shape of its own once there are very many, and reads the same", () => {
    const shapes = new Shapes();
    for (let i = 0; i < 600; i += 1) {
      const doc = { [`member${i}`]: i, n: i };
      expect(decode("things", "a", write(doc, shapes), shapes)).toEqual(doc);
    }
    expect(shapes.fresh).toHaveLength(500);
  });

  it("is much shorter for a long text that repeats itself, and as whole", () => {
    const shapes = new Shapes();
    const text = "Mend the tests — each, please 🐝\n".repeat(20);
    const stored = write({ state: "red", n: 1, text }, shapes);
    expect(stored.length).toBeLessThan(200);
    expect(decode("things", "a", stored, shapes)).toEqual({ state: "red", n: 1, text });
    for (let at = 0; at < stored.length; at += 1) {
      const changed = stored.slice(0, at) + String.fromCharCode(stored.charCodeAt(at) ^ 1) + stored.slice(at + 1);
      expect(() => decode("things", "a", changed, shapes), `at ${at}`).toThrow(StoreCorrupt);
    }
    // What does not get shorter stays as it is; so does what is very long.
    let state = 7;
    const varied = Array.from({ length: 300 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return String.fromCharCode(35 + ((state >> 12) % 57));
    }).join("");
    for (const other of [varied, "x".repeat(100_000)]) {
      const plain = write({ n: 1, text: other }, shapes);
      expect(plain).toContain(JSON.stringify(other));
      expect(decode("things", "a", plain, shapes)).toEqual({ n: 1, text: other });
    }
  });

  it("with any one character changed is StoreCorrupt, wherever it is", () => {
    const shapes = new Shapes();
    write({ state: "red", flag: true, n: 7, text: "Other", more: 9 }, shapes);
    const text = write({ state: "red", flag: true, n: 7, text: "Msg", more: 8 }, shapes);
    for (let at = 0; at < text.length; at += 1) {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      expect(() => decode("things", "a", changed, shapes), `at ${at} of ${JSON.stringify(text)}`).toThrow(StoreCorrupt);
    }
    expect(() => decode("things", "b", text, shapes)).toThrow("things/b");
    expect(() => decode("other", "a", text, shapes)).toThrow(StoreCorrupt);
  });

  it("is StoreCorrupt when its shape is not what was written", () => {
    const shapes = new Shapes();
    const text = write({ state: "red", n: 7, word: "usual" }, shapes);
    const [[number, shape] = ["", ""]] = shapes.fresh;
    const damaged = new Shapes();
    damaged.load([[number, shape.replace("usual", "other")]]);
    expect(() => decode("things", "a", text, damaged)).toThrow(StoreCorrupt);
    for (const broken of ["", "[]", "{}", shape.slice(1), shape.replace('"line"', '"lime"')]) {
      expect(() => new Shapes().load([[number, broken]]), broken).toThrow(StoreCorrupt);
    }
  });
});

import { expect, it } from "vitest";
import { foldsOf } from "./folds.ts";
import { leadingTime } from "./line-time.ts";
import { hashOf, linesOf } from "./line-hash.ts";
import { LogBook, SHOWN_BYTES } from "./log-book.ts";
import { type Found, searchLog } from "./log-search.ts";

/** A book of these bytes, given in pieces of so many, which reads ranges of them. */
function bookOf(log: Buffer, piece: number): { readonly book: LogBook; readonly asked: () => number } {
  let asked = 0;
  const book = new LogBook(async (from, to) => {
    asked += 1;
    return new Uint8Array(log.subarray(from, to));
  });
  for (let at = 0; at < log.length; at += piece) book.add(new Uint8Array(log.subarray(at, at + piece)));
  book.become("over");
  return { book, asked: () => asked };
}

it("finds every line by its number, however the bytes came and whatever was let go since", async () => {
  const lines = Array.from({ length: 300_000 }, (_, n) => `line ${n} ${"ü".repeat(n % 60)}`);
  const log = Buffer.from(lines.join("\n"));
  const { book, asked } = bookOf(log, 10_007);
  expect([book.lines, book.bytes]).toEqual([lines.length, log.length]);
  expect(book.line(lines.length)).toBeNull();
  expect(book.line(0)).toBeNull();
  for (const n of [0, 1, 1_023, 1_024, 1_025, 65_536, 123_456, lines.length - 2, lines.length - 1]) {
    const { text, from, bytes } = await book.lineWhenThere(n);
    expect(text).toBe(lines[n]);
    expect(log.subarray(from, from + bytes).toString()).toBe(lines[n]);
  }
  expect(asked()).toBeLessThan(10);
});

it("a line as long as a log is cut, its neighbours are whole, and no character is cut in two", async () => {
  const log = Buffer.from(`before\n${"é".repeat(1_000_000)}\nafter\n\nlast`);
  const { book } = bookOf(log, 65_536);
  expect(book.lines).toBe(5);
  const long = await book.lineWhenThere(1);
  expect([long.isCut, long.bytes, long.text.length, new Set(long.text).size]).toEqual([
    true,
    2_000_000,
    SHOWN_BYTES / 2,
    1,
  ]);
  const texts = await Promise.all([0, 2, 3, 4].map(async (n) => (await book.lineWhenThere(n)).text));
  expect(texts).toEqual(["before", "after", "", "last"]);
});

it("one line stands for bytes that the server did not keep, and those behind them are counted by their place", async () => {
  const log = Buffer.from("first\nhalf of the secondXXXXXXXXof the fourth\nfifth\n");
  const { book } = bookOf(Buffer.alloc(0), 1);
  book.become("live");
  const cut = log.indexOf("X");
  book.add(log.subarray(0, cut));
  book.skip(cut + 8);
  book.add(log.subarray(cut + 8));
  const texts = await Promise.all(
    Array.from({ length: book.lines }, async (_, n) => (await book.lineWhenThere(n)).text),
  );
  expect(texts).toEqual([
    "first",
    "half of the second",
    "[hive] 8 bytes of this log were not kept (HIVE_REDIS_LOG_BYTES)",
    "of the fourth",
    "fifth",
  ]);
  expect(book.parts(0)).toEqual([
    { from: 0, to: cut, line: 0 },
    { from: cut + 8, to: log.length, line: 3 },
  ]);
});

it("a search finds the lines of the whole log, in any case, through escapes and over the edges of what is read", async () => {
  const lines = Array.from({ length: 200_000 }, (_, n) =>
    n % 7_777 === 0 ? `an \u001b[31mEr\u001b[1mror\u001b[0m at ${n}` : `nothing to see ${n}`,
  );
  const { book } = bookOf(Buffer.from(`${lines.join("\n")}\nlast error`), 1_000_003);
  const seen: Found[] = [];
  await searchLog(book, "ERROR", new AbortController().signal, (found) => seen.push(found));
  const expected = lines.flatMap((line, n) => (line.startsWith("an") ? [n] : []));
  expect([...(seen.at(-1)?.lines ?? [])]).toEqual([...expected, lines.length]);
  expect(seen.at(-1)?.done).toBe(1);
});

it("phases are where their lines are, and a folded one has a single row", () => {
  const { book } = bookOf(Buffer.from("##[phase] prepare\na\nb\n##[phase] run\nc\n## no phase\nd"), 3);
  expect(book.phases).toEqual([
    { line: 0, name: "prepare" },
    { line: 3, name: "run" },
  ]);
  const folds = foldsOf(book.lines, book.phases, new Set([0]));
  expect(folds.rows).toBe(book.lines - 2);
  expect([0, 1, 2, 4].map(folds.lineOf)).toEqual([0, 3, 4, 6]);
  expect([0, 1, 2, 3, 6].map(folds.rowOf)).toEqual([0, 0, 0, 1, 4]);
  const all = foldsOf(book.lines, book.phases, new Set([0, 3]));
  expect([all.rows, all.lineOf(1), all.rowOf(6)]).toEqual([2, 3, 1]);
});

it("the address of lines is read as it is written", () => {
  expect(linesOf("L12")).toEqual({ from: 11, to: 11 });
  expect(linesOf("#L40-L12")).toEqual({ from: 11, to: 39 });
  for (const no of ["", "L0", "L", "line", "L1-", "L99999999999"]) expect(linesOf(no)).toBeNull();
  expect([hashOf({ from: 0, to: 0 }), hashOf({ from: 0, to: 4 })]).toEqual(["L1", "L1-L5"]);
});

it("a line's time counts when it says its zone", () => {
  expect(leadingTime("2026-11-24T03:00:00.123456Z x")).toMatchObject({
    iso: "2026-11-24T03:00:00.123Z",
    said: "2026-11-24T03:00:00.123456Z",
    length: 27,
  });
  expect(leadingTime("[2026-11-24 03:00:00,5 +0200] x")?.iso).toBe("2026-11-24T01:00:00.500Z");
  for (const no of ["2026-11-24T03:00:00 x", "2026-99-24T03:00:00Z x", "x 2026-11-24T03:00:00Z"])
    expect(leadingTime(no)).toBeNull();
});

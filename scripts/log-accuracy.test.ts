import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { accuracyOf, measureFolder } from "./log-accuracy.ts";

const OURS = join(import.meta.dirname, "../test/log-sets");

test("log lines of eleven kinds of systems are grouped right, four of five at least, with and without their headers", async () => {
  const sets = await measureFolder(OURS);
  expect(sets.length).toBe(11);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(sets.map(({ message }) => message))).toBeGreaterThanOrEqual(0.8);
  expect(mean(sets.map(({ line }) => line ?? 0))).toBeGreaterThanOrEqual(0.8);
});

test("one stray line makes a whole group wrong", () => {
  expect(accuracyOf(["a", "a", "b", "c"], ["1", "1", "2", "3"])).toBe(1);
  expect(accuracyOf(["a", "a", "a", "c"], ["1", "1", "2", "3"])).toBe(0.25);
  expect(accuracyOf(["a", "b", "c", "d"], ["1", "1", "2", "3"])).toBe(0.5);
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-log-sets-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a set is read with quotes, carriage returns, and a pattern for its lines", async () => {
  await writeFile(join(folder, "x.log"), "1|one two\r\n2|one two\r\n3|three\r\n");
  await writeFile(
    join(folder, "x.log_structured.csv"),
    'LineId,Content,EventId\r\n1,one two,A\r\n2,"one two",A\r\n3,"three",B\r\n',
  );
  await writeFile(join(folder, "patterns.json"), '{"x": "^(?<line>\\\\d+)\\\\|(?<message>.*)$"}');
  expect(await measureFolder(folder)).toEqual([{ name: "x", lines: 3, message: 1, line: 1, groups: 2, labels: 2 }]);
});

test("a set that does not fit its log is refused, not measured", async () => {
  await writeFile(join(folder, "x.log_structured.csv"), "LineId,Content,EventId\n1,one,A\n");
  await writeFile(join(folder, "x.log"), "1|one\n2|two\n");
  await expect(measureFolder(folder)).rejects.toThrow("has 2 lines");
  await writeFile(join(folder, "x.log_structured.csv"), "LineId,Text\n1,one\n");
  await expect(measureFolder(folder)).rejects.toThrow("Content and EventId");
});

import { expect, test } from "vitest";
import { readable } from "./log.ts";

const line = (fields: object): string => readable(JSON.stringify({ level: 30, time: 1_795_400_010_785, ...fields }));

test("a line has its time, its job and its words; levels are shown where they matter", () => {
  expect(line({ msg: "registered" })).toBe("02:13:30 registered\n");
  expect(line({ jobId: "demo-1", fence: 3, msg: "prepare" })).toBe("02:13:30 demo-1: prepare\n");
  expect(line({ level: 40, msg: "careful", code: "x", count: 2 })).toBe("02:13:30 WARN careful  code=x  count=2\n");
});

test("an error is shown with its stack, and nothing in a line can steer a terminal", () => {
  const text = line({ level: 50, msg: "it \u001b[31mbroke", jobId: "a\rb", err: { stack: "Error: x\n    at y" } });
  expect(text).toBe("02:13:30 ERROR a?b: it ?[31mbroke\n    Error: x\n        at y\n");
});

import { expect, test } from "vitest";
import { complaint, judgeExit } from "./gone.ts";

test("of a worker's last words the line that says what was wrong is shown", () => {
  expect(complaint("12:00:00 hello\nError: no such thing\n    at x (y.ts:1)\n    at z\n")).toBe("Error: no such thing");
  expect(complaint("one\ntwo\n")).toBe("two");
  expect(complaint("The worker cannot start:\n  HIVE_URL: set it\n")).toBe("The worker cannot start:");
  expect(complaint("    at x\n")).toBe("");
});

test("an end is told in words", () => {
  const exit = { launchId: "a", name: "hive-worker-1", slot: 0, pool: "default", lastWords: null };
  const by = { code: 0, signal: null, stopped: false, outOfMemory: false, outside: false };
  const words = (how: Partial<typeof by> | object): string => judgeExit({ ...exit, ...by, ...how }).message;
  expect(words({ code: 3 })).toBe("hive-worker-1 ended with code 3");
  expect(words({ code: null, signal: "SIGKILL" })).toBe("hive-worker-1 was ended by SIGKILL");
  expect(words({ code: null })).toBe("hive-worker-1 is gone");
  expect(words({ code: 137, outside: true })).toBe("hive-worker-1 ended with code 137, stopped from outside");
  expect(words({ code: 137, outOfMemory: true })).toBe(
    "hive-worker-1 was killed for using more memory than its pool allows",
  );
});

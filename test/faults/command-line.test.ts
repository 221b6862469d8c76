import { expect, test } from "vitest";
import { readCommandLine } from "./command-line.ts";

test("names, stores, seeds and minutes that there are not are refused by name", () => {
  expect(() => readCommandLine(["--only", "F1,F99"])).toThrow("there is no scenario F99; there are F1,");
  expect(() => readCommandLine(["--store", "mysql"])).toThrow('--store takes sqlite or redis, not "mysql"');
  expect(() => readCommandLine(["--seed", "x"])).toThrow('--seed takes a whole number from 0 on, not "x"');
  expect(() => readCommandLine(["--minutes", "0"])).toThrow('--minutes takes a number above 0, not "0"');
});

test("a scenario is found whatever the case of its name, on each of its stores unless one is named", () => {
  const stores = (...args: string[]): unknown => {
    const asked = readCommandLine(["--only", "f8, f2", ...args]);
    return asked.what === "run" && asked.planned.map(({ scenario, store }) => `${scenario.id} ${store}`);
  };
  expect(stores()).toEqual(["F2 sqlite", "F2 redis", "F8 sqlite"]);
  expect(stores("--store", "redis")).toEqual(["F2 redis"]);
});

import { expect, test } from "vitest";
import { testsText } from "./job-text.ts";

test("what the tests said of a job is one phrase, and nothing where nobody asked them", () => {
  const of = (state: Parameters<typeof testsText>[0]["state"], rounds = 0) =>
    testsText({ state, rounds, command: null, report: null });
  expect([of("passed"), of("passed", 1), of("failed", 2)]).toEqual([
    "green",
    "green, after going back to the agent once",
    "red, after going back to the agent 2 times",
  ]);
  expect([of("none"), of("unchanged"), of("off")]).toEqual(["the repository names none", null, null]);
});

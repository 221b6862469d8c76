import { expect, test } from "vitest";
import { commentsText } from "./comments.ts";

const comment = {
  n: 1,
  at: 0,
  by: "ann",
  text: "Mention Windows.\nAnd macOS.",
  feedback: false,
  state: "done",
} as const;

test("comments read as who said what, and how far it got", () => {
  const asked = { ...comment, n: 2, text: "", feedback: true, state: "waiting" } as const;
  expect(commentsText([comment, asked])).toBe(
    [
      "1  1970-01-01T00:00:00.000Z  ann  done",
      "   Mention Windows.",
      "   And macOS.",
      "2  1970-01-01T00:00:00.000Z  ann  waiting",
      "   (with the reviews and checks of the pull request)",
    ].join("\n"),
  );
  expect(commentsText([])).toBe("Nobody said anything.");
});

test("words of a stranger are shown as such", () => {
  expect(commentsText([{ ...comment, by: "source:github", trust: "untrusted" }])).toContain(
    "source:github (from outside)  done",
  );
});

test("what somebody wrote cannot speak to the terminal", () => {
  expect(commentsText([{ ...comment, text: "\u001b[2Jgone", by: "a\u0007b" }])).not.toMatch(/\u001b|\u0007/);
});

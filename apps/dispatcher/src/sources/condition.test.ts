import { describe, expect, it } from "vitest";
import { compileCondition } from "./condition.ts";

const FIELDS = { texts: ["level"], maps: ["labels"] };
const OCCURRENCE = {
  identity: ["a"],
  title: "Disk full",
  text: "no space",
  state: "firing",
  episode: null,
  severity: "error",
  at: null,
  count: 3,
  note: false,
  link: null,
  fields: { level: "WARN", "labels.team": "ops", "labels.value": "12.5" },
} as const;

function refused(expression: string): string | null {
  const compiled = compileCondition(expression, FIELDS);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.condition.refuses(OCCURRENCE);
}

function message(expression: string): string {
  const compiled = compileCondition(expression, FIELDS);
  return compiled.ok ? "" : compiled.message;
}

describe("when", () => {
  it.each([
    'labels.team == "ops" && level in ["WARN", "ERROR"]',
    "double(labels.value) > 12.0 && count >= 3",
    'title.contains("full") && severity == "error" && state == "firing"',
    'fields["labels.team"] == "ops"',
    '"team" in labels && !("owner" in labels)',
  ])("takes %s", (expression) => expect(refused(expression)).toBeNull());

  it("a field that is not there is the empty text, so that what is not labelled is not lost", () => {
    expect(refused('labels.env != "dev"')).toBeNull();
    expect(refused('labels["env"] == "" && fields["nothing"] == ""')).toBeNull();
  });

  it("says why it refuses, and an expression that fails refuses with its error", () => {
    expect(refused('level == "ERROR"')).toBe('when: level == "ERROR"');
    expect(refused("double(level) > 1.0")).toMatch(/^when: /);
  });

  it("is checked when it is compiled: names, types, the result", () => {
    expect(message('lables.team == "ops"')).toMatch(/lables/);
    expect(message("count > labels.value")).toMatch(/int.*string/);
    expect(message("count + 1")).toMatch(/not true or false/);
    expect(message('level == "WARN')).not.toBe("");
    expect(message("level".repeat(1_000))).toMatch(/longer/);
    expect(message(Array.from({ length: 400 }, () => 'level == "a"').join(" || "))).not.toBe("");
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LineGroup, LineGroups } from "./line-groups.ts";

/** What a store would hold after these messages. */
function storedAfter(groups: LineGroups, stored: Map<string, LineGroup>): Map<string, LineGroup> {
  for (const [id, group] of groups.takeChanges()) {
    if (group === null) stored.delete(id);
    else stored.set(id, group);
  }
  return stored;
}

const WORDS = ["open", "close", "user", "disk", "failed", "of", "for", "retry", "node", "cache", "full", "lost"];
const messages = fc.array(
  fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.nat(9_999).map(String)), { minLength: 0, maxLength: 8 }),
  { minLength: 1, maxLength: 120 },
);

describe("groups of log messages", () => {
  test("messages of one statement share a group, those of another do not", () => {
    const groups = new LineGroups([], 0);
    const id = (message: string) => groups.add(message).id;
    const refused = id("connection from 10.1.2.3:5412 refused after 12 ms");
    expect(id("connection from 10.9.8.7:9 refused after 40 ms")).toBe(refused);
    expect(id("connection accepted from 10.1.2.3:5412 after 12 ms")).not.toBe(refused);
    expect(id("disk full")).not.toBe(refused);
  });

  test("a template that widens keeps its id, also after a restart", () => {
    const groups = new LineGroups([], 0);
    const first = groups.add("Failed password for invalid user alice from host seven on port ten");
    const wider = groups.add("Failed password for invalid user bob from host seven on port ten");
    expect(wider.words).not.toEqual(first.words);
    expect(wider.id).toBe(first.id);
    const again = new LineGroups(storedAfter(groups, new Map()).values(), groups.seen);
    expect(again.add("Failed password for invalid user carol from host seven on port ten").id).toBe(first.id);
  });

  test("a log that is read again from its beginning gives the same ids", () => {
    const log = ["a failed b", "a failed c", "disk 7 is full", "disk 9 is full", "x", "", "x y z"];
    const read = () => {
      const groups = new LineGroups([], 0);
      return log.map((message) => groups.add(message).id);
    };
    expect(read()).toEqual(read());
  });

  test("a restart anywhere, with its documents in any order, changes no group", () => {
    fc.assert(
      fc.property(messages, fc.nat(120), fc.boolean(), (log, at, backwards) => {
        const limits = { groups: 12, branches: 3, perBranch: 5 };
        const lines = log.map((words) => words.join(" "));
        const whole = new LineGroups([], 0, limits);
        const expected = lines.map((line) => whole.add(line).id);
        const stored = new Map<string, LineGroup>();
        let groups = new LineGroups([], 0, limits);
        const ids = lines.map((line, index) => {
          if (index === at) {
            storedAfter(groups, stored);
            const documents = [...stored.values()].sort((a, b) => (a.id < b.id === backwards ? -1 : 1));
            groups = new LineGroups(documents, groups.seen, limits);
          }
          return groups.add(line).id;
        });
        expect(ids).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("of two groups a message is equally like, it joins the same one whichever came first", () => {
    const [a, b, like] = ["a b c d e f g h i j", "a b c d e f w x y z", "a b c d e f g h y z"] as const;
    const made = new LineGroups([], 0);
    made.add(a);
    made.add(b);
    const documents = [...storedAfter(made, new Map()).values()];
    expect(documents).toHaveLength(2);
    const joined = new LineGroups(documents, 2).add(like).id;
    expect(documents.map(({ id }) => id)).toContain(joined);
    expect(new LineGroups(documents.reverse(), 2).add(like).id).toBe(joined);
  });

  test("what is stored is what is known: every forgotten group is told", () => {
    const groups = new LineGroups([], 0, { groups: 50 });
    const stored = new Map<string, LineGroup>();
    for (let i = 0; i < 2_000; i += 1) {
      groups.add(`${letters(i)} ${letters(i * 7)} ${letters(i * 31)}`);
      if (i % 37 === 0) storedAfter(groups, stored);
    }
    storedAfter(groups, stored);
    expect(groups.size).toBeLessThanOrEqual(50);
    expect(stored.size).toBe(groups.size);
  });

  test("groups that were not met for longest are forgotten first, and come back with their id", () => {
    const groups = new LineGroups([], 0, { groups: 20 });
    const busy = groups.add("heartbeat lost for good").id;
    const quiet = groups.add("once upon a time").id;
    const forgotten = new Set<string>();
    for (let i = 0; i < 5_000; i += 1) {
      groups.add(`${letters(i)} ${letters(i * 7 + 1)} ${letters(i * 31 + 2)}`);
      if (i % 10 === 0) groups.add("heartbeat lost for good");
      for (const [id, group] of groups.takeChanges()) if (group === null) forgotten.add(id);
    }
    expect(forgotten.has(quiet)).toBe(true);
    expect(forgotten.has(busy)).toBe(false);
    expect(groups.add("once upon a time").id).toBe(quiet);
  });
});

/** A word of letters only, another one for each number. */
function letters(value: number): string {
  let rest = value;
  let word = "";
  do {
    word += String.fromCharCode(97 + (rest % 26));
    rest = Math.floor(rest / 26);
  } while (rest > 0);
  return word;
}

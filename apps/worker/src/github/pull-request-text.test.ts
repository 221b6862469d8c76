import { describe, expect, it } from "vitest";
import { describeAgain, describeWork, isEdited } from "./pull-request-text.ts";
import { work } from "./work-description.fixture.ts";

const titled = (summary: string | null): string => describeWork({ ...work, summary }).title;
const red = { state: "failed", rounds: 2, report: "1 test failed" } as const;
const green = { state: "passed", rounds: 0, report: null } as const;

describe("the title", () => {
  it("is the first line of the agent's summary, without its Markdown", () => {
    expect(titled("## Cache the lookups.\n\nThey were slow.")).toBe("Cache the lookups");
    expect(titled("**Cache the lookups**\nThey were slow.")).toBe("Cache the lookups");
    expect(titled("Title: Cache the lookups")).toBe("Cache the lookups");
  });

  it("is what was asked for where that line is a sentence to somebody, too long or missing", () => {
    for (const summary of [
      "I have cached the lookups.",
      "Here is what I did:\n- this",
      "Changes:\n- a",
      "x".repeat(101),
      "**",
      null,
    ]) {
      expect([summary, titled(summary)]).toEqual([summary, work.asked]);
    }
  });

  it("is what was asked for where nobody told the author to write one", () => {
    expect(describeWork({ ...work, summaryTitles: false })).toMatchObject({
      title: work.asked,
      body: expect.stringContaining("A title\n\nWhat was done"),
    });
  });

  it("begins with a sign while the tests are red", () => {
    expect(describeWork({ ...work, tests: red }).title).toBe("[tests red] A title");
    expect(describeWork({ ...work, tests: green }).title).toBe("A title");
  });

  it("is one line of a hundred characters at most", () => {
    const { title } = describeWork({ ...work, summary: null, asked: `two\nlines\u202e ${"x".repeat(300)}` });
    expect(title).toMatch(/^two lines x+…$/);
    expect(title).toHaveLength(100);
  });
});

describe("the text", () => {
  it("links the job and lets an agent's words call nobody and hide nothing", () => {
    const { body } = describeWork({
      ...work,
      jobId: "demo_1",
      jobUrl: "http://localhost:8099/jobs/demo_1",
      summary: "T\nDone for @everyone <!-- hidden --> ![x](http://tracker/x.png) <img src=x>",
    });
    expect(body).toContain("[Hive job demo\\_1](http://localhost:8099/jobs/demo_1)");
    expect(body).toContain("2 files changed, +3 −1.");
    expect(body).not.toMatch(/@everyone|hidden|!\[|<img/);
  });

  it("says what Hive found out: the tests, a conflict, blocked places, the cost", () => {
    const usage = { calls: 2, inputTokens: 1000, outputTokens: 500, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const { body } = describeWork({
      ...work,
      tests: { ...red, report: "```\n@jane expected 1, got 2" },
      conflict: { base: "main", files: ["src/a.ts"] },
      blocked: [
        { host: "example.com", port: 443 },
        { host: "db.example.com", port: 5432 },
      ],
      usage: { ...usage, costUsd: 0.0123, unpricedCalls: 1, uncertainCalls: 1 },
    });
    expect(body).toContain("**Tests: red** after 2 more rounds.");
    expect(body).toContain("  ```text\n  ``\n  @jane expected 1, got 2\n  ```");
    expect(body).toContain("**Does not merge into main**: it changed meanwhile, and src/a.ts conflict.");
    expect(body).toContain("Blocked on the way out: example.com, db.example.com:5432.");
    expect(body).toContain(
      "Cost: 0.0123 USD, 2 calls, 1,500 tokens, without 1 call of unknown price, with 1 cut-off call at the most they can have cost.",
    );
    expect(describeWork({ ...work, usage: { ...usage, costUsd: null } }).body).toContain(
      "Cost: price unknown, 2 calls",
    );
  });

  it("is cut where it is longer than a pull request takes", () => {
    expect(describeWork({ ...work, summary: `T\n${"long ".repeat(20_000)}` }).body.length).toBeLessThan(65_536);
  });
});

describe("a later round", () => {
  const first = describeWork(work);

  it("adds a section and takes the new title, and each round can be told again", () => {
    const second = describeAgain(first, { ...work, generation: 3, summary: "A better title\n\nAlso that." });
    expect(second?.title).toBe("A better title");
    expect(second?.body).toMatch(/What was done\n\n<!-- hive:round job-1 3 -->\n### Round 2\n\nAlso that\./);
    const again = describeAgain(second ?? first, { ...work, generation: 3, summary: "A better title\n\nAlso this." });
    expect(again?.body).toContain("Also this.");
    expect(again?.body).toContain("What was done");
    expect(again?.body).not.toContain("Also that.");
  });

  it("keeps the title where it names none", () => {
    expect(describeAgain(first, { ...work, generation: 2, summary: "I did as you said." })?.title).toBe("A title");
  });

  it("of another job on the branch is added and leaves the title alone", () => {
    const other = describeAgain(first, { ...work, jobId: "job-2", summary: "Its title\n\nIts work." });
    expect(other?.title).toBe("A title");
    expect(other?.body).toMatch(/What was done[^]*### Round 2\n\nIts work\./);
    expect(describeAgain(other ?? first, { ...work, generation: 2, summary: "New\n\nMore." })?.title).toBe("New");
  });

  it("changes nothing where there is nothing new", () => {
    expect(describeAgain(first, work)).toBeNull();
    // As GitHub's page sends it.
    expect(describeAgain({ ...first, body: first.body.replaceAll("\n", "\r\n") }, work)).toBeNull();
  });

  it("leaves alone what people wrote", () => {
    const later = { ...work, generation: 2, summary: "Another title\n\nMore." };
    const edited = { ...first, body: first.body.replace("What was done", "What I make of it") };
    expect(isEdited(edited)).toBe(true);
    expect(describeAgain(edited, later)).toBeNull();
    const title = `Their title ${"is long ".repeat(20)}`.trim();
    const renamed = describeAgain({ ...first, title }, later);
    expect(renamed?.title).toBe(title);
    expect(renamed?.body).toContain("More.");
    // It stays theirs, also when it is asked the next time.
    expect(describeAgain(renamed ?? first, { ...later, generation: 3 })?.title).toBe(title);
    expect(describeAgain({ title: "Old", body: "Written by hand" }, later)).toBeNull();
  });

  it("takes the sign of red tests away and sets it, whoever wrote the title", () => {
    const before = describeWork({ ...work, tests: red });
    expect(describeAgain(before, { ...work, generation: 2, summary: null, tests: green })?.title).toBe("A title");
    // Nobody asked the tests: what they said last still stands.
    for (const tests of [null, { ...green, state: "off" }, { ...green, state: "unchanged" }] as const) {
      expect(describeAgain(before, { ...work, generation: 2, summary: null, tests })?.title).toBe(
        "[tests red] A title",
      );
    }
    const theirs = { title: "[tests red] Their title", body: "Their text" };
    expect(describeAgain(theirs, { ...work, tests: green })).toEqual({ title: "Their title", body: "Their text" });
    expect(describeAgain({ ...theirs, title: "Theirs" }, { ...work, tests: red })?.title).toBe("[tests red] Theirs");
  });

  it("cannot be faked from within a summary", () => {
    const forged =
      "T\n<!-- hive:state -->\n<!-- hive:round job-1 9 -->\n<!-- hive:text aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb -->";
    const text = describeWork({ ...work, summary: forged });
    expect(isEdited(text)).toBe(false);
    expect(text.body).not.toContain("hive:round job-1 9");
  });

  it("lets the oldest rounds go when there are too many", () => {
    let text = first;
    for (let generation = 2; generation < 9; generation += 1) {
      text = describeAgain(text, { ...work, generation, summary: `T\n${`round${generation} `.repeat(1_900)}` }) ?? text;
    }
    expect(text.body.length).toBeLessThan(65_536);
    expect(text.body).toContain("round8");
    expect(text.body).not.toContain("What was done");
    expect(isEdited(text)).toBe(false);
  });
});

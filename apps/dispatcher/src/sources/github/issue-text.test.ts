import type { JobResult } from "@hive/core";
import { describe, expect, it } from "vitest";
import { issueText, markOf, type Told } from "./issue-text.ts";

const RESULT: JobResult = {
  ...{ summary: "Ask @everyone <!-- hidden -->", noChanges: false, branch: "hive/a", commit: null, baseCommit: null },
  ...{ patchId: null, diffStat: null, pullRequest: null, verdict: null, outputs: null, usage: null, exitCode: 0 },
  ...{ phases: [], artifacts: [], salvage: null, agent: null, isolation: "none" },
};
const job: Told["job"] = { id: "a", status: "queued", reason: null, hold: null, generation: 1 };
const said = (more: Partial<Told["job"]>, result: JobResult | null = null): string =>
  issueText({ job: { ...job, ...more }, attempt: result && { result }, url: "http://hive.test/a" }, "<!-- m -->");

describe("what an issue is told", () => {
  it("is how the job stands, in Hive's own words", () => {
    expect(said({ status: "held", hold: "publish" })).toMatch(/^\*\*Done, and waits for approval\*\*/);
    expect(said({ status: "held", hold: "no_agent" })).toMatch(/^\*\*Held\*\* \(`no_agent`\)/);
    expect(said({ status: "running", generation: 2 })).toMatch(/^\*\*At work\*\* on it\. \(round 2\)\n/);
    expect(said({ status: "failed", reason: "verify_failed" })).toMatch(/^\*\*Failed\*\* \(`verify_failed`\)/);
    const pullRequest = { number: 12, url: "https://github.com/acme/app/pull/12" };
    expect(said({ status: "succeeded" }, { ...RESULT, pullRequest })).toMatch(/^\*\*Done\*\*: #12 is ready/);
    expect(said({ status: "succeeded" }, { ...RESULT, noChanges: true })).toContain("nothing had to be changed");
  });

  it("holds no word of an agent, and no reason that is no code", () => {
    expect(said({ status: "succeeded" }, RESULT)).not.toMatch(/everyone|hidden/);
    expect(said({ status: "failed", reason: "see @everyone" })).toContain("(`unknown`)");
  });

  it("is found again by a mark that is one issue's and one source's, and needs the key", () => {
    const issue = { place: "github.com/Acme/app", number: 7, tell: true };
    const key = new Uint8Array(32);
    const mark = markOf(issue, "source:gh", key);
    expect(markOf({ ...issue, place: "github.com/acme/app" }, "source:gh", key)).toBe(mark);
    expect(markOf({ ...issue, number: 8 }, "source:gh", key)).not.toBe(mark);
    expect(markOf(issue, "source:other", key)).not.toBe(mark);
    expect(markOf(issue, "source:gh", new Uint8Array(32).fill(1))).not.toBe(mark);
  });
});

import type { LeasedJob } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHubWorld, startGitHubWorld } from "./github-world.fixture.ts";

let world: GitHubWorld;
beforeAll(async () => {
  world = await startGitHubWorld({ branches: ["hive/best", "hive/later", "hive/idle"] });
});
afterAll(() => world.stop());

/** Two candidates at the remote, of which the second is chosen. */
function family(jobId: string): { readonly chosen: NonNullable<LeasedJob["chosen"]>; readonly commit: string } {
  const start = world.served("rev-parse", "main");
  const [one, two] = [1, 2].map((n) =>
    world.git.commitElsewhere("acme/app.git", `hive/${jobId}.${n}`, { [`${jobId}.txt`]: `${n}\n` }),
  );
  if (one === undefined || two === undefined) throw new Error("no commits");
  const chosen = {
    n: 2,
    jobId: `${jobId}.2`,
    branch: `hive/${jobId}.2`,
    commit: two,
    start: { base: start, commit: start },
    summary: "Write the second\n\nIt is short.",
    verdict: null,
    agent: { name: "demo", version: "1", model: "scripted" },
    verify: { state: "passed" as const, rounds: 1, command: "npm test", report: null },
    why: "its diff is the smaller one",
    branches: [
      { ref: `refs/heads/hive/${jobId}.1`, commits: [one] },
      { ref: `refs/heads/hive/${jobId}.2`, commits: [two] },
    ],
  };
  return { chosen, commit: two };
}

const branches = (jobId: string): string[] =>
  world.served("for-each-ref", "--format=%(refname:short)", `refs/heads/hive/${jobId}*`).split("\n");

test("the chosen commit gets the job's branch and its pull request, told as its agent told it; the others go", async () => {
  const { chosen, commit } = family("best");
  const job = { jobId: "best", task: "agent", instructions: "Do it well", chosen };
  const outcome = await world.outcomeOf(job, "publish");
  expect(outcome).toMatchObject({
    end: "succeeded",
    result: {
      summary: "Write the second\n\nIt is short.",
      branch: "hive/best",
      commit,
      baseCommit: chosen.start?.commit,
      diffStat: { files: 1, insertions: 1 },
      pullRequest: { number: 1 },
      agent: { name: "demo", model: "scripted" },
      verify: { state: "passed" },
    },
  });
  expect(world.api.pulls).toMatchObject([{ head: "hive/best", base: "main", title: "Write the second" }]);
  expect(branches("best")).toEqual(["hive/best"]);
  expect(world.dispatcher.callsOf("leasePublish").at(-1)?.body).toMatchObject({ ref: "refs/heads/hive/best", commit });
  expect(world.lastLog()).toContain("candidate 2 (best.2) is published: its diff is the smaller one");
});

test("while its pull request is refused the candidates' branches stay; the next attempt only does what is left", async () => {
  const { chosen, commit } = family("later");
  world.api.fail({
    on: (method) => method === "POST",
    status: 403,
    body: { message: "Resource not accessible by personal access token" },
  });
  const job = { jobId: "later", task: "agent", instructions: "Do it", chosen };
  expect(await world.outcomeOf(job, "publish")).toMatchObject({ end: "failed", error: { code: "pr_refused" } });
  expect(branches("later")).toEqual(["hive/later", "hive/later.1", "hive/later.2"]);
  const announced = [{ ref: "refs/heads/hive/later", commit }];
  const again = await world.outcomeOf({ ...job, announced, attempt: 2 }, "publish");
  expect(again).toMatchObject({ end: "succeeded", result: { commit, pullRequest: { number: 2 } } });
  expect(branches("later")).toEqual(["hive/later"]);
});

test("one that changed nothing is published by doing nothing, and what the others pushed goes", async () => {
  const { chosen } = family("idle");
  const idle = { ...chosen, commit: null, branch: null, summary: "Nothing to do." };
  const outcome = await world.outcomeOf({ jobId: "idle", task: "agent", chosen: idle }, "publish");
  expect(outcome).toMatchObject({
    end: "succeeded",
    result: { noChanges: true, commit: null, pullRequest: null, summary: "Nothing to do." },
  });
  expect(branches("idle")).toEqual([""]);
});

test("a commit that nobody has any more fails the job with the reason, and nothing is removed", async () => {
  const { chosen } = family("gone");
  const outcome = await world.outcomeOf(
    { jobId: "gone", task: "agent", chosen: { ...chosen, commit: "1234567890".repeat(4) } },
    "publish",
  );
  expect(outcome).toMatchObject({ end: "failed", error: { code: "branch_moved", kind: "work" } });
  expect(branches("gone")).toEqual(["hive/gone.1", "hive/gone.2"]);
});

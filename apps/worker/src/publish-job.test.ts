import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHubWorld, REPORT, startGitHubWorld } from "./github-world.fixture.ts";

let world: GitHubWorld;
beforeAll(async () => {
  world = await startGitHubWorld({ branches: ["hive/job-1", "hive/job-2", "hive/job-3"] });
});
afterAll(() => world.stop());

test("on a GitHub the end of a job is a draft pull request; a moment's trouble there costs no new attempt", async () => {
  world.api.fail({ on: (method) => method === "POST", status: 502 });
  const outcome = await world.outcomeOf({
    jobId: "job-1",
    instructions: "Write the notes\nand more",
    changes: [{ path: "notes.txt", content: "one" }],
  });
  expect(outcome).toMatchObject({ end: "succeeded", result: { branch: "hive/job-1", pullRequest: { number: 1 } } });
  expect(world.api.pulls).toMatchObject([{ head: "hive/job-1", base: "main", title: "Write the notes", draft: true }]);
  expect(world.api.violations).toEqual([]);
});

test("a refused pull request fails the job although it is pushed, and its retry only opens it", async () => {
  const job = { jobId: "job-2", changes: [{ path: "two.txt", content: "two" }] };
  world.api.fail({
    on: (method) => method === "POST",
    status: 403,
    body: { message: "Resource not accessible by personal access token" },
    headers: { "x-accepted-github-permissions": "pull_requests=write" },
  });
  const refused = await world.outcomeOf(job);
  expect(refused).toMatchObject({ end: "failed", error: { code: "pr_refused", kind: "work" } });
  expect(JSON.stringify(refused)).toContain("Pull requests: write");
  const commit = world.served("rev-parse", "hive/job-2");
  if (refused.end !== "failed") throw new Error("not failed");

  const again = await world.outcomeOf({
    ...job,
    announced: [{ ref: "refs/heads/hive/job-2", commit }],
    previous: refused.error,
    attempt: 2,
  });
  expect(again).toMatchObject({
    end: "succeeded",
    result: { commit, branch: "hive/job-2", pullRequest: { number: 2 } },
  });
  if (again.end !== "succeeded") throw new Error("not succeeded");
  expect(again.result.phases.map(({ name }) => name)).not.toContain("run");
  expect(world.served("rev-parse", "hive/job-2")).toBe(commit);
});

test("red work stays red when its retry only opens the pull request", async () => {
  const commit = world.git.commitElsewhere("acme/app.git", "hive/job-3", { "three.txt": "three" });
  const verify = { state: "failed", rounds: 1, command: "npm test", report: "1 failed" } as const;
  const outcome = await world.outcomeOf({
    jobId: "job-3",
    task: "agent",
    announced: [{ ref: "refs/heads/hive/job-3", commit }],
    previous: { code: "pr_refused", kind: "work", message: "no permission" },
    report: { ...REPORT, summary: "Add three\n\nIt was missing.", verify },
  });
  expect(outcome).toMatchObject({ end: "failed", error: { code: "verify_failed" } });
  expect(world.api.pulls.at(-1)).toMatchObject({ title: "[tests red] Add three", draft: true });
  expect(world.api.pulls.at(-1)?.body).toContain("It was missing.");
});

/** On a GitHub a job ends with a draft pull request, never two, and a refusal names the permission that is missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GitHubHost } from "./github-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const FULL = "github_pat_e2e0Full1Canary2Token3";
const READER = "github_pat_e2e0Reader1Canary2Tok";
const folder = join(import.meta.dirname, "../peers/github");
const installed = existsSync(join(folder, "node_modules/@octokit/openapi"));
const install = "npm ci --prefix test/peers/github";

test("GitHub's own description is there", ({ skip }) => {
  if (!installed && process.env["CI"] !== "true") skip(`not installed: ${install}`);
  expect(installed, `GitHub's description is missing: ${install}`).toBe(true);
});

describe.runIf(installed)("a job on a GitHub Enterprise server", () => {
  let github: GitHubHost;
  let server: HiveProcess;

  beforeAll(async () => {
    // The description is read when the module is: only where it is installed.
    const { startGitHubHost } = await import("./github-host.ts");
    const branches = ["first", "refused", "lost-answer", "by-hand", "talked-about"].map((name) => `hive/${name}`);
    github = await startGitHubHost({
      tokens: { [FULL]: {}, [READER]: { pullRequests: "read" } },
      repositories: { "acme/app": { private: true, branches }, "acme/lib": { private: true, branches } },
    });
    github.git.makeRepo("acme/app.git");
    github.git.makeRepo("acme/lib.git");
    server = await startHive({
      env: { HIVE_AGENT: "demo", GITHUB_API_URL: github.apiUrl, LIB_TOKEN: FULL },
      yaml: `repos: [{ match: "${new URL(github.url).host}/acme/lib", token: { env: LIB_TOKEN }, pullRequest: { labels: [hive], reviewers: [jane, acme/core], draft: false } }]`,
    });
  });
  afterAll(async () => {
    expect(github?.api.violations ?? []).toEqual([]);
    await server?.dispose();
    await github?.stop();
  });

  function ask(jobId: string, more: Partial<NewJobRequest> = {}): NewJobRequest {
    const repo = `${github.url}/acme/app`;
    return { jobId, repo, task: "agent", instructions: `Write ${jobId}.md, please`, githubToken: FULL, ...more };
  }

  const run = (jobId: string, more: Partial<NewJobRequest> = {}): Promise<JobDetail> => server.run(ask(jobId, more));
  const asked = (): string[] => github.api.requests.map((one) => `${one.method} ${one.path.split("?")[0]}`);
  const pullsOf = (head: string) => github.api.pulls.filter((pull) => pull.head === head);

  test("opens a draft with what was done and a link to the job, after looking for one", async () => {
    const job = await run("first");
    expect(job).toMatchObject({ status: "succeeded", error: null, result: { branch: "hive/first" } });
    const [pull, ...more] = pullsOf("hive/first");
    expect(more).toEqual([]);
    expect(pull).toMatchObject({ draft: true, base: "main", title: "Created first.md" });
    expect(pull?.body).toContain(`${server.url}/v1/jobs/first`);
    expect(job.result?.pullRequest).toEqual({
      number: pull?.number,
      url: `https://github.com/acme/app/pull/${pull?.number}`,
    });
    expect(asked()).toEqual(["GET /repos/acme/app/pulls", "POST /repos/acme/app/pulls"]);
    expect(github.git.head("acme/app.git", "hive/first")).toBe(job.result?.commit);
  });

  test("more work on the same branch goes to the pull request that is there", async () => {
    const before = pullsOf("hive/first").map((pull) => ({ ...pull }));
    const job = await run("work", { branch: "hive/first" });
    expect(job).toMatchObject({ status: "succeeded", result: { pullRequest: { number: before[0]?.number } } });
    expect(pullsOf("hive/first")).toHaveLength(1);
    const [pull] = pullsOf("hive/first");
    expect(pull).toMatchObject({ title: before[0]?.title, number: before[0]?.number });
    expect(pull?.body).toMatch(/Created first\.md[^]*### Round 2\n\nCreated work\.md/);
    expect(github.git.read("acme/app.git", "hive/first", "first.md")).not.toBeNull();
    expect(github.git.read("acme/app.git", "hive/first", "work.md")).not.toBeNull();
  });

  test("a token that may not open one: the branch is pushed and the permission is named", async () => {
    const job = await run("refused", { githubToken: READER });
    expect(job).toMatchObject({ status: "failed", reason: "pr_refused", attempts: 1 });
    expect(job.error?.message).toContain('"Pull requests: write"');
    const pushed = github.git.head("acme/app.git", "hive/refused");
    expect(pushed).toBe(job.result?.commit);
    expect(pullsOf("hive/refused")).toEqual([]);
    // The job's own token was erased with its end: a retry asks for one in hive.yaml.
    await server.hive.retry("refused");
    expect(await secondEnd("refused")).toMatchObject({ status: "failed", reason: "token_needed" });
  });

  test("an answer that was lost makes no second pull request", async () => {
    github.api.fail({ on: (method) => method === "POST", status: 502, after: true });
    const job = await run("lost-answer");
    expect(job).toMatchObject({ status: "succeeded", attempts: 1 });
    expect(pullsOf("hive/lost-answer")).toHaveLength(1);
    expect(job.result?.pullRequest?.number).toBe(pullsOf("hive/lost-answer")[0]?.number);
  });

  test("a retry by hand after a refusal opens it for the commit that was pushed, without doing the work again", async () => {
    github.api.fail({
      on: (method) => method === "POST",
      status: 403,
      body: { message: "Resource not accessible by integration" },
      headers: { "x-accepted-github-permissions": "pull_requests=write" },
    });
    const { githubToken: _own, ...asking } = ask("by-hand", { repo: `${github.url}/acme/lib.git` });
    const first = await server.run(asking);
    expect(first).toMatchObject({ status: "failed", reason: "pr_refused" });
    const pushed = github.git.head("acme/lib.git", "hive/by-hand");
    expect(pushed).toBe(first.result?.commit);
    await server.hive.retry("by-hand");
    const job = await secondEnd("by-hand");
    expect(job).toMatchObject({ status: "succeeded", error: null, result: { commit: pushed } });
    expect(job.result?.phases.map((phase) => phase.name)).not.toContain("run");
    expect(github.git.head("acme/lib.git", "hive/by-hand")).toBe(pushed);
    expect(pullsOf("hive/by-hand")).toHaveLength(1);
  });

  test("is as hive.yaml says, and what people and checks say of it comes back when somebody asks", async () => {
    const { githubToken: _own, ...asking } = ask("talked-about", { repo: `${github.url}/acme/lib` });
    expect(await server.run(asking)).toMatchObject({ status: "succeeded" });
    const [pull] = pullsOf("hive/talked-about");
    if (pull === undefined) throw new Error("there is no pull request");
    expect(pull).toMatchObject({ draft: false, labels: ["hive"], reviewers: ["jane"], teams: ["core"] });
    const commit = github.git.head("acme/lib.git", "hive/talked-about") ?? "";
    const said = { pull: pull.number, by: "jane", as: "MEMBER", body: "Shorter, please.", at: "2026-11-23T08:00:00Z" };
    github.api.feedback.reviews.push({ ...said, state: "CHANGES_REQUESTED", commit });
    github.api.feedback.checks.push({ ref: commit, name: "lint", conclusion: "failure", summary: "a line too long" });
    await server.hive.comment("talked-about", { feedback: true });
    expect(await secondEnd("talked-about")).toMatchObject({
      status: "succeeded",
      result: { pullRequest: { number: pull.number } },
    });
    const parts: Uint8Array[] = [];
    for await (const part of await server.hive.logs("talked-about")) parts.push(part);
    expect(Buffer.concat(parts).toString()).toContain(
      `feedback of pull request ${pull.number}: 1 comments, 1 failed checks`,
    );
    expect(pull.reviewers).toEqual(["jane"]);
  });

  function secondEnd(jobId: string): Promise<JobDetail> {
    return until(`the second generation of ${jobId} to end`, async () => {
      const job = await server.hive.get(jobId);
      return job.generation === 2 && ["succeeded", "failed"].includes(job.status) ? job : null;
    });
  }
});

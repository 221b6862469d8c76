/**
 * Issues of a GitHub become jobs, and what comes of them goes back there: the pull request closes the issue, the issue
 * says how it goes, red checks of the pull request go back to the same job, and only so often. Hive asks by itself, as
 * behind a router; a second source is told by signed webhooks.
 */
import { createHash, createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { JobDetail } from "@hive/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { webhookExamples } from "../peers/github/webhook-examples.ts";
import type { GitHubHost } from "./github-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { groupsOf, jobsOf, untilGood, untilJobs, untilTrouble } from "./sources-hive.ts";
import { until } from "./until.ts";

const TOKEN = "github_pat_e2e0Source1Canary2Tok";
const SECRET = "It's a Secret to Everybody";
const folder = join(import.meta.dirname, "../peers/github");
const installed = existsSync(join(folder, "node_modules/@octokit/openapi"));
const AT = "2026-11-23T08:00:00Z";

describe.runIf(installed)("a GitHub Enterprise server as a source", () => {
  let github: GitHubHost;
  let server: HiveProcess;

  beforeAll(async () => {
    const { startGitHubHost } = await import("./github-host.ts");
    const branches: string[] = [];
    github = await startGitHubHost({
      tokens: { [TOKEN]: {} },
      repositories: { "acme/app": { private: true, branches, writers: ["ann"] } },
    });
    branches.push(...[101, 102].map((number) => `hive/${jobIdOf("gh", number)}`));
    github.git.makeRepo("acme/app.git");
    const repo = `${github.url}/acme/app`;
    const job = `{ repo: "${repo}", task: agent, agent: demo }`;
    const limits = "{ maxOpen: 10, perHour: 100 }";
    server = await startHive({
      env: { HIVE_AGENT: "demo", GITHUB_API_URL: github.apiUrl, GH_TOKEN: TOKEN, GH_SECRET: SECRET },
      yaml: `
repos: [{ match: "${new URL(github.url).host}/acme/app", token: { env: GH_TOKEN } }]
sources:
  gh:
    { type: github, repo: "${repo}", token: { env: GH_TOKEN }, every: 1s, trust: trusted, limits: ${limits}, job: ${job} }
  told:
    { type: github, repo: "${repo}", token: { env: GH_TOKEN }, webhookSecret: { env: GH_SECRET }, label: told,
      limits: ${limits}, job: { repo: "${repo}", labels: [nobody] } }
`,
    });
    await untilGood(server, "gh");
  });
  afterAll(async () => {
    expect(github?.api.violations ?? []).toEqual([]);
    await server?.dispose();
    await github?.stop();
  });

  function jobIdOf(source: string, number: number): string {
    const identity = [source, `${new URL(github.url).host}/acme/app`, "issue", String(number)];
    return `${source}.${createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 12)}.1`;
  }

  function addIssue(number: number, by: string): void {
    const body = `Write issue-${number}.md, please`;
    const labels = [{ name: "hive", by }];
    github.api.issues.push({
      ...{ number, repository: "acme/app", title: "A file is missing", body, state: "open", labels, updatedAt: AT },
    });
  }

  const generation = (jobId: string, wanted: number): Promise<JobDetail> =>
    until(
      `generation ${wanted} of ${jobId} to end`,
      async () => {
        const job = await server.hive.get(jobId);
        return job.generation === wanted && ["succeeded", "failed"].includes(job.status) ? job : null;
      },
      { limitMs: 40_000, more: () => server.printed().slice(-4_000) },
    );

  test("an issue with the label is a job, whose pull request closes it and which tells there how it went", async () => {
    addIssue(101, "ann");
    await untilJobs(server, "gh", 1);
    const jobId = jobIdOf("gh", 101);
    const job = await generation(jobId, 1);
    expect(job).toMatchObject({ status: "succeeded", origin: "source:gh" });
    const pull = github.api.pulls.find(({ head }) => head === `hive/${jobId}`);
    expect(pull?.body).toContain("Fixes #101. Made by");
    await until("the issue to say that it is done", async () => {
      const [comment] = github.api.feedback.comments.filter(({ pull: number }) => number === 101);
      return comment?.body.startsWith(`**Done**: #${pull?.number} is ready for review.`) === true;
    });
    expect(github.api.feedback.comments.filter(({ pull: number }) => number === 101)).toHaveLength(1);
  });

  test("red checks of its pull request go back to the same job, twice at most", async () => {
    const jobId = jobIdOf("gh", 101);
    const branch = `hive/${jobId}`;
    for (const round of [2, 3]) {
      const commit = github.git.commit("acme/app.git", branch, { [`by-hand-${round}.txt`]: "1\n" });
      github.api.feedback.checks.push({ ref: commit, name: "lint", conclusion: "failure", summary: `bad ${round}` });
      await generation(jobId, round);
    }
    const { comments } = await server.hive.comments(jobId);
    expect(comments.map(({ by, feedback }) => [by, feedback])).toEqual([
      ["source:gh", true],
      ["source:gh", true],
    ]);
    const last = github.git.commit("acme/app.git", branch, { "by-hand-4.txt": "1\n" });
    github.api.feedback.checks.push({ ref: last, name: "lint", conclusion: "failure" });
    await until("Hive to say that there are no more rounds", () => server.printed().includes("had its 2 rounds"));
    expect(await server.hive.get(jobId)).toMatchObject({ generation: 3 });
    // It is the same job, and no other.
    expect(await jobsOf(server, "gh")).toHaveLength(1);
  });

  test("a GitHub in trouble, or tired of questions, is said so; nothing is lost", async () => {
    github.api.fail({ on: (_method, path) => path.endsWith("/issues"), status: 500, times: 2 });
    await untilTrouble(server, "gh", "answered 500");
    const reset = String(Math.ceil(Date.now() / 1000) + 2);
    github.api.fail({
      on: (_method, path) => path.endsWith("/issues"),
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset },
    });
    await untilTrouble(server, "gh", "rate limit");
    addIssue(103, "mallory");
    addIssue(102, "ann");
    await untilJobs(server, "gh", 2);
    await generation(jobIdOf("gh", 102), 1);
    // Mallory may not push: her issue is looked at and left alone.
    expect(await groupsOf(server, "gh")).toHaveLength(2);
  });

  async function deliver(body: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    return fetch(`${server.url}/hooks/told`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-github-event": "issues", ...headers },
      body,
    });
  }

  test("a webhook counts once when it is signed, and not at all when a byte of it is another", async () => {
    const body = JSON.stringify({
      action: "labeled",
      label: { name: "told" },
      issue: {
        ...{ number: 104, title: "Told", body: "By a webhook.", html_url: "https://github.com/acme/app/issues/104" },
        ...{ state: "open", created_at: AT, updated_at: AT, labels: [{ name: "told" }] },
      },
      repository: { full_name: "acme/app" },
      sender: { login: "ann", type: "User" },
    });
    const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
    const headers = { "x-hub-signature-256": signature, "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958" };
    expect((await deliver(body.replace("Told", "Tolb"), headers)).status).toBe(401);
    // GitHub cannot say just now who may push: what it told is read again in a moment.
    github.api.fail({ on: (_method, path) => path.endsWith("/permission"), status: 502 });
    expect((await deliver(body, headers)).status).toBe(202);
    expect((await deliver(body, headers)).status).toBe(202);
    await untilJobs(server, "told", 1);
    expect(await groupsOf(server, "told")).toMatchObject([{ title: "acme/app#104: Told", count: 1 }]);
  });

  test("each of GitHub's own example events is taken, and none of them is about this repository", async () => {
    for (const { name, examples: bodies } of webhookExamples) {
      const body = JSON.stringify(bodies[0]);
      const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
      const headers = { "x-github-event": name, "x-github-delivery": `example-${name}` };
      const { status } = await deliver(body, { ...headers, "x-hub-signature-256": signature });
      expect([name, status]).toEqual([name, 202]);
    }
    await until("all of them to be read", async () => {
      const list = await server.fetch("/v1/sources/told/deliveries?limit=100");
      const { deliveries } = (await list.json()) as { readonly deliveries: readonly { readonly state: string }[] };
      return deliveries.length === webhookExamples.length + 1 && deliveries.every(({ state }) => state === "processed");
    });
    expect(webhookExamples).toHaveLength(58);
    expect(await jobsOf(server, "told")).toHaveLength(1);
  });
});

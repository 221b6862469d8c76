import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type GitHubApi, startGitHubApi } from "../../../../test/peers/github/github-api.ts";
import { anyAddress } from "../git/git-fixture.ts";
import { findOnGitHub, type GitHubTarget, gitHostOf } from "./github.ts";
import { probeRepository } from "./probe.ts";
import { openPullRequest, type PullRequestOptions, updatePullRequest } from "./pull-request.ts";
import { addExtras, type PullRequestExtras } from "./pull-request-extras.ts";
import { work } from "./work-description.fixture.ts";

const FULL = "github_pat_full0canary";
const READER = "github_pat_reader0canary";
const CLASSIC = "ghp_classic0canary";

let api: GitHubApi;
beforeAll(async () => {
  api = await startGitHubApi({
    prefix: "/api/v3",
    tokens: {
      [FULL]: {},
      [READER]: { pullRequests: "read", push: false, labels: false, sees: ["acme/app"] },
      [CLASSIC]: { scopes: "public_repo" },
    },
    repositories: {
      "acme/app": {
        private: true,
        branches: [
          "hive/one",
          "hive/two",
          "hive/three",
          "hive/lost",
          "hive/limit",
          "hive/late",
          "hive/again",
          "hive/theirs",
        ],
        reviewers: ["jane", "jim", "core"],
      },
      "acme/hidden": { private: true, branches: [] },
      "acme/plain": { private: true, takesDrafts: false, branches: ["hive/one"] },
    },
  });
});
afterEach(() => expect(api.violations).toEqual([]));
afterAll(() => api.stop());

function target(token = FULL, repo = "app"): GitHubTarget {
  return { apiUrl: api.url, token, owner: "acme", repo };
}

function wanted(head: string, extra: Partial<Parameters<typeof openPullRequest>[0]> = {}) {
  return { target: target(), head, base: "main", work, draft: true, ...extra };
}

const isCreate = (method: string): boolean => method === "POST";

describe("a pull request", () => {
  it("is created as a draft, and found the second time", async () => {
    const first = await openPullRequest(wanted("hive/one"));
    expect(first).toEqual({
      ok: true,
      number: 1,
      url: "https://github.com/acme/app/pull/1",
      draft: true,
      created: true,
      labels: [],
      asked: [],
    });
    expect(await openPullRequest(wanted("hive/one"))).toEqual({ ...first, created: false });
    expect(api.pulls).toHaveLength(1);
    expect(api.requests.filter((request) => request.method === "POST")).toHaveLength(1);
    expect(api.pulls[0]).toMatchObject({
      head: "hive/one",
      base: "main",
      title: "A title",
      body: expect.stringContaining("What was done"),
      draft: true,
    });
  });

  it("is found again when the answer of its creation was lost", async () => {
    api.fail({ on: isCreate, status: 502, after: true });
    expect(await openPullRequest(wanted("hive/lost"))).toMatchObject({ ok: true, created: false });
    expect(api.pulls.filter((pull) => pull.head === "hive/lost")).toHaveLength(1);
  });

  it("is an ordinary one where the repository has no drafts", async () => {
    expect(await openPullRequest(wanted("hive/one", { target: target(FULL, "plain") }))).toMatchObject({
      ok: true,
      draft: false,
    });
  });

  it("is refused with the name of the missing permission", async () => {
    const refused = await openPullRequest(wanted("hive/two", { target: target(READER) }));
    expect(refused).toMatchObject({ ok: false, code: "pr_refused", kind: "work", status: 403 });
    expect(refused.ok ? "" : refused.message).toContain('needs the permission "Pull requests: write"');
    expect(JSON.stringify(refused)).not.toContain(READER);
  });

  it("is refused in GitHub's own words when the request makes no sense", async () => {
    const same = await openPullRequest(wanted("main"));
    expect(same).toMatchObject({ ok: false, code: "pr_refused", kind: "work" });
    expect(same.ok ? "" : same.message).toContain("No commits between main and main");
  });

  it("tells a refused token from a repository that is not there", async () => {
    expect(await openPullRequest(wanted("hive/two", { target: target("wrong") }))).toMatchObject({
      code: "token_refused",
      kind: "work",
    });
    expect(await openPullRequest(wanted("x", { target: target(READER, "hidden") }))).toMatchObject({
      code: "repo_not_found",
    });
  });

  it("waits out a rate limit, the primary and the secondary one", async () => {
    api.fail({
      on: isCreate,
      status: 403,
      body: { message: "You have exceeded a secondary rate limit" },
      headers: { "retry-after": "7" },
    });
    expect(await openPullRequest(wanted("hive/limit"))).toMatchObject({
      code: "github_rate_limit",
      kind: "system",
      retryAfterMs: 7_000,
    });
    const reset = Math.ceil(Date.now() / 1000) + 600;
    api.fail({
      on: () => true,
      status: 403,
      body: { message: "API rate limit exceeded" },
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
    });
    const limited = await openPullRequest(wanted("hive/limit"));
    expect(limited).toMatchObject({ code: "github_rate_limit", kind: "system" });
    const waitMs = limited.ok ? 0 : (limited.retryAfterMs ?? 0);
    expect(waitMs).toBeGreaterThan(500_000);
    expect(waitMs).toBeLessThanOrEqual(601_000);
  });

  it("is tried again when GitHub is down or does not answer", async () => {
    api.fail({ on: () => true, status: 500, times: 9 });
    expect(await openPullRequest(wanted("hive/three"))).toMatchObject({
      code: "github_failed",
      kind: "system",
      status: 500,
    });
    for (let left = 0; left < 9; left += 1) if ((await openPullRequest(wanted("hive/three"))).ok) break;
    const nobody = { ...target(), apiUrl: "http://127.0.0.1:1" };
    expect(await openPullRequest(wanted("hive/three", { target: nobody }))).toMatchObject({
      code: "github_failed",
      kind: "system",
      status: null,
    });
  });

  it("is not opened once the lease is over", async () => {
    expect(await openPullRequest(wanted("hive/late", { signal: AbortSignal.abort() }))).toMatchObject({
      code: "aborted",
    });
    expect(api.pulls.some((pull) => pull.head === "hive/late")).toBe(false);
  });
});

describe("a pull request that is there", () => {
  const again = (head: string, extra: Partial<PullRequestOptions> = {}) =>
    updatePullRequest(wanted(head, { work: { ...work, generation: 2, summary: "Better\n\nMore." }, ...extra }));
  const pullOf = (head: string) => {
    const found = api.pulls.find((pull) => pull.head === head);
    if (found === undefined) throw new Error(`no pull request of ${head}`);
    return found;
  };

  it("gets the text of the next round, once", async () => {
    await openPullRequest(wanted("hive/again"));
    expect(await again("hive/again")).toEqual({ ok: true, end: "updated" });
    expect(pullOf("hive/again")).toMatchObject({ title: "Better", body: expect.stringContaining("### Round 2") });
    expect(await again("hive/again")).toEqual({ ok: true, end: "as_it_should_be" });
    expect(api.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
  });

  it("keeps the text that people gave it", async () => {
    await openPullRequest(wanted("hive/theirs"));
    pullOf("hive/theirs").body = "What I make of it";
    expect(await again("hive/theirs")).toEqual({ ok: true, end: "theirs" });
    expect(pullOf("hive/theirs")).toMatchObject({ title: "A title", body: "What I make of it" });
  });

  it("may not be changed: that is a value, with the permission that is missing", async () => {
    const refused = await again("hive/theirs", { target: target(READER) });
    // There is nothing to change for Hive, so nobody is asked.
    expect(refused).toEqual({ ok: true, end: "theirs" });
    pullOf("hive/theirs").title = "[tests red] Theirs";
    const green = { ...work, tests: { state: "passed", rounds: 0, report: null } } as const;
    const sign = await again("hive/theirs", { target: target(READER), work: green });
    expect(sign).toMatchObject({ ok: false, code: "pr_refused" });
  });
});

describe("labels and reviewers", () => {
  const extras = (extra: Partial<PullRequestExtras>): PullRequestExtras => ({
    target: target(),
    number: 1,
    labels: [],
    reviewers: [],
    ...extra,
  });

  it("are added", async () => {
    const wants = { labels: ["hive", "bot"], reviewers: ["jane", "acme/core"] };
    expect(await addExtras(extras(wants))).toEqual([]);
    expect(api.pulls[0]).toMatchObject({ labels: ["hive", "bot"], reviewers: ["jane"], teams: ["core"] });
    expect(await openPullRequest(wanted("hive/one"))).toMatchObject({
      labels: ["hive", "bot"],
      asked: ["jane", "acme/core"],
    });
  });

  it("that GitHub refuses are said, one by one, and the others are added", async () => {
    const said = await addExtras(extras({ reviewers: ["jim", "stranger"] }));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain("no review of stranger");
    expect(api.pulls[0]?.reviewers).toContain("jim");
    const without = await addExtras(extras({ target: target(READER), labels: ["x"] }));
    expect(without[0]).toMatch(/^no labels: .*"Issues: write" and "Pull requests: write"/);
    expect(without.join()).not.toContain(READER);
  });

  it("are not asked for where there are none", async () => {
    const before = api.requests.length;
    expect(await addExtras(extras({}))).toEqual([]);
    expect(api.requests).toHaveLength(before);
  });
});

describe("which GitHub", () => {
  it("is known from the address of its API", () => {
    expect(gitHostOf("https://api.github.com")).toBe("github.com");
    expect(gitHostOf("https://ghe.example.com/api/v3")).toBe("ghe.example.com");
    expect(gitHostOf("https://api.acme.ghe.com")).toBe("acme.ghe.com");
    expect(findOnGitHub(anyAddress("https://github.com/acme/app.git"), "https://api.github.com")).toEqual({
      owner: "acme",
      repo: "app",
    });
    expect(findOnGitHub(anyAddress("https://gitlab.com/acme/app"), "https://api.github.com")).toBeNull();
    expect(findOnGitHub(anyAddress("https://ghe.example.com/a/b"), "https://ghe.example.com/api/v3")).toEqual({
      owner: "a",
      repo: "b",
    });
  });
});

describe("a probe", () => {
  it("says what a token may do and creates nothing", async () => {
    const before = api.pulls.length;
    expect(await probeRepository(target())).toEqual({
      ok: true,
      private: true,
      defaultBranch: "main",
      push: true,
      pullRequests: true,
      problems: [],
    });
    const reader = await probeRepository(target(READER));
    expect(reader).toMatchObject({ ok: true, push: false, pullRequests: false });
    expect(reader.ok ? reader.problems.join() : "").toMatch(/Contents: write.*Pull requests: write/);
    expect(await probeRepository(target(CLASSIC))).toMatchObject({ ok: true, push: false });
    expect(await probeRepository(target(READER, "hidden"))).toMatchObject({ ok: false, code: "repo_not_found" });
    expect(await probeRepository(target("wrong"))).toMatchObject({ ok: false, code: "token_refused" });
    expect(api.pulls).toHaveLength(before);
  });
});

/** Polls against a server whose every answer GitHub's own description of its API judges. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type GitHubApi, startGitHubApi } from "../../../../../test/peers/github/github-api.ts";
import type { KeptIssue } from "../../../../../test/peers/github/issues.ts";
import { createGuard } from "../../guard/guard.ts";
import { createGuardedClient } from "../../guard/request.ts";
import type { Polled } from "../contract.ts";
import { pollingLife, type PollingLife } from "../polling.fixture.ts";
import { createSourceFetch } from "../source-fetch.ts";
import { githubType } from "./github.ts";
import { githubSchema } from "./github-settings.ts";

const TOKEN = "the secret of TOKEN";
const NAME = "acme/app";
const HEAD = "a".repeat(40);
let api: GitHubApi;
let heads: Record<string, string>;
let life: PollingLife;
let closeClient: () => void;

beforeEach(async () => {
  heads = { "hive/x": HEAD };
  api = await startGitHubApi({
    prefix: "/api/v3",
    tokens: { [TOKEN]: {} },
    repositories: { [NAME]: { branches: ["hive/x", "feature"], writers: ["ann"] } },
    headOf: (_repository, branch) => heads[branch] ?? null,
  });
  const client = createGuardedClient(createGuard({ allowPrivate: [] }));
  closeClient = () => client.close();
  begin();
});
afterEach(async () => {
  closeClient();
  await api.stop();
  expect(api.violations).toEqual([]);
});

function begin(more: Record<string, unknown> = {}): void {
  const repo = `${new URL(api.url).origin}/${NAME}`;
  const own = githubSchema.parse({ repo, token: { env: "TOKEN" }, ...more });
  const guard = createGuard({ allowPrivate: [] });
  const client = createGuardedClient(guard);
  const before = closeClient;
  closeClient = () => (before(), client.close());
  const fetch = createSourceFetch({ guard, client }, githubType.addresses?.(own) ?? [], AbortSignal.timeout(60_000));
  life = pollingLife((stored) => {
    const poller = githubType.open?.(own, stored);
    if (poller === undefined) throw new Error("it does not poll");
    return poller;
  }, fetch);
}

function issue(number: number, by: string, more: Partial<KeptIssue> = {}): KeptIssue {
  const made: KeptIssue = {
    number,
    repository: NAME,
    title: `Trouble ${number}`,
    body: "It is slow.",
    state: "open",
    labels: [{ name: "hive", by }],
    updatedAt: "2026-11-23T08:00:00Z",
    ...more,
  };
  api.issues.push(made);
  return made;
}

function pull(head = "hive/x"): void {
  const made = { number: 1, repository: NAME, title: "T", body: "", head, base: "main", draft: true } as const;
  api.pulls.push({ ...made, state: "open", labels: [], reviewers: [], teams: [] });
}

const check = (name: string, conclusion: "failure" | "success" | null, ref = heads["hive/x"] ?? ""): void =>
  void api.feedback.checks.push({ ref, name, conclusion });
const said = ({ occurrences }: Polled): unknown[] =>
  occurrences.map(
    ({ followUp, state, fields }) => followUp?.cause ?? `${state} ${fields["number"] ?? fields["check"]}`,
  );

describe("an issue with the label", () => {
  it("is work once, and over when it is closed or loses the label", async () => {
    const first = issue(101, "ann");
    issue(102, "ann", { labels: [{ name: "bug", by: "ann" }] });
    const found = await life.poll();
    expect(found.occurrences).toMatchObject([
      { title: "acme/app#101: Trouble 101", text: "It is slow.", state: "firing", fields: { sender: "ann" } },
    ]);
    expect(said(await life.poll())).toEqual([]);
    first.labels = [];
    const gone = await life.poll();
    expect(said(gone)).toEqual(["resolved 101"]);
    expect(gone.occurrences[0]?.identity).toEqual(found.occurrences[0]?.identity);
    expect(gone.occurrences[0]?.episode).toBe(found.occurrences[0]?.episode);
  });

  it("is none by somebody who may only read, until somebody who may push gives it again", async () => {
    const asked = issue(101, "mallory");
    expect(said(await life.poll())).toEqual([]);
    asked.labels = [{ name: "hive", by: "ann" }];
    asked.updatedAt = "2026-11-23T09:00:00Z";
    expect(said(await life.poll())).toEqual(["firing 101"]);
  });

  it("is none by somebody GitHub does not know any more, which keeps no other from being found", async () => {
    issue(101, "gone");
    issue(102, "ann");
    api.fail({ on: (_method, path) => path.endsWith("/gone/permission"), status: 404 });
    expect(said(await life.poll())).toEqual(["firing 102"]);
    issue(103, "gone");
    api.fail({ on: (_method, path) => path.endsWith("/gone/permission"), status: 404 });
    api.fail({ on: (_method, path) => path === `/repos/${NAME}`, status: 404 });
    await expect(life.poll()).rejects.toThrow("answered 404");
  });

  it("is none where it is a pull request: Hive labels its own", async () => {
    issue(1, "ann", { isPull: true });
    expect(said(await life.poll())).toEqual([]);
  });

  it("is found again when what was found was lost before it was stored", async () => {
    issue(101, "ann");
    expect(said(await life.lost())).toEqual(["firing 101"]);
    expect(said(await life.poll())).toEqual(["firing 101"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("is one of many: all of them are found, some at a time", async () => {
    for (let number = 101; number <= 145; number += 1) issue(number, "ann");
    const found = [...said(await life.poll()), ...said(await life.poll()), ...said(await life.poll())];
    expect(found).toHaveLength(45);
    expect(new Set(found).size).toBe(45);
  });

  it("is over when it is closed also where more than two pages of others are open", async () => {
    for (let number = 1_001; number <= 1_200; number += 1) issue(number, "mallory");
    const ours = issue(101, "ann", { updatedAt: "2026-11-23T07:00:00Z" });
    const found: unknown[] = [];
    for (let look = 0; look < 11; look += 1) found.push(...said(await life.poll()));
    expect(found).toEqual(["firing 101"]);
    ours.state = "closed";
    expect(said(await life.poll())).toEqual(["resolved 101"]);
  });

  it("is looked into with few others at once, also where nobody gave the label who may", async () => {
    for (let number = 101; number <= 145; number += 1) issue(number, "mallory");
    const asked = (): number => api.requests.filter(({ path }) => path.includes("/events")).length;
    for (const all of [20, 40, 45, 45]) {
      expect(said(await life.poll())).toEqual([]);
      expect(asked()).toBe(all);
    }
  });
});

describe("Hive's own pull request", () => {
  beforeEach(async () => {
    await life.poll();
    pull();
  });

  it("gets a round for its red checks, all of them at once, and another for another commit", async () => {
    check("lint", "failure");
    check("slow", null);
    expect(said(await life.poll())).toEqual([]);
    api.feedback.checks.pop();
    check("slow", "success");
    const [round] = (await life.poll()).occurrences;
    expect(round?.followUp).toEqual({
      place: `${new URL(api.url).host}/${NAME}`,
      branch: "hive/x",
      cause: `checks of ${HEAD}`,
    });
    expect(said(await life.poll())).toEqual([]);
    heads["hive/x"] = "b".repeat(40);
    check("lint", "failure");
    expect(said(await life.poll())).toEqual([`checks of ${heads["hive/x"]}`]);
  });

  it("is found among as many of other people's as a page has, however long their texts are", async () => {
    check("lint", "failure");
    const body = "🙂".repeat(60_000);
    for (let number = 2; number <= 100; number += 1) {
      const made = { number, repository: NAME, title: "T", body, head: "feature", base: "main", draft: false } as const;
      api.pulls.push({ ...made, state: "open", labels: [], reviewers: [], teams: [] });
    }
    expect(said(await life.poll())).toEqual([`checks of ${HEAD}`]);
  });

  it("gets none while its checks are green, nor for those of anybody else's branch", async () => {
    check("lint", "success");
    api.pulls.splice(0);
    pull("feature");
    heads["feature"] = "f".repeat(40);
    check("lint", "failure", heads["feature"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("gets a round for a review by somebody who may push, and for none by others", async () => {
    const review = { pull: 1, as: "MEMBER", body: "Shorter.", at: "2026-11-23T08:00:00Z", commit: HEAD } as const;
    api.feedback.reviews.push({ ...review, by: "mallory", state: "CHANGES_REQUESTED" });
    expect(said(await life.poll())).toEqual([]);
    api.feedback.reviews.push({ ...review, by: "ann", state: "APPROVED" });
    expect(said(await life.poll())).toEqual([]);
    api.feedback.reviews.push({ ...review, by: "ann", state: "CHANGES_REQUESTED" });
    expect(said(await life.poll())).toEqual(["review 3"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("gets a round for a review that was begun before another one, and sent after it", async () => {
    const review = { pull: 1, as: "MEMBER", body: "Shorter.", at: "2026-11-23T08:00:00Z", commit: HEAD } as const;
    api.feedback.reviews.push({ ...review, by: "ann", state: "PENDING" });
    api.feedback.reviews.push({ ...review, by: "mallory", state: "COMMENTED" });
    expect(said(await life.poll())).toEqual([]);
    api.feedback.reviews[0] = { ...review, by: "ann", state: "CHANGES_REQUESTED" };
    expect(said(await life.poll())).toEqual(["review 1"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("gets each round once, however many reviews there are", async () => {
    const review = { pull: 1, as: "MEMBER", body: "Shorter.", at: "2026-11-23T08:00:00Z", commit: HEAD } as const;
    for (let n = 1; n <= 70; n += 1) api.feedback.reviews.push({ ...review, by: "ann", state: "COMMENTED" });
    expect(said(await life.poll())).toHaveLength(70);
    api.feedback.reviews.push({ ...review, by: "ann", state: "CHANGES_REQUESTED" });
    expect(said(await life.poll())).toEqual(["review 71"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("gets a round for a review after more of other people's than a page has", async () => {
    const review = { pull: 1, as: "NONE", body: "?", at: "2026-11-23T08:00:00Z", commit: HEAD } as const;
    for (let n = 1; n <= 220; n += 1) api.feedback.reviews.push({ ...review, by: "mallory", state: "COMMENTED" });
    expect(said(await life.poll())).toEqual([]);
    api.feedback.reviews.push({ ...review, by: "ann", state: "CHANGES_REQUESTED" });
    expect(said(await life.poll())).toEqual(["review 221"]);
    expect(said(await life.poll())).toEqual([]);
  });

  it("gets a round for a review among as many as a page has, however long their texts are", async () => {
    const review = { pull: 1, as: "NONE", at: "2026-11-23T08:00:00Z", commit: HEAD, state: "COMMENTED" } as const;
    const body = "🙂".repeat(60_000);
    for (let n = 1; n <= 99; n += 1) api.feedback.reviews.push({ ...review, by: "mallory", body });
    api.feedback.reviews.push({ ...review, by: "ann", body: "Shorter." });
    expect(said(await life.poll())).toEqual(["review 100"]);
  });

  it("that had red checks before this source was there gets none", async () => {
    check("lint", "failure");
    begin();
    expect(said(await life.poll())).toEqual([]);
    expect(said(await life.poll())).toEqual([]);
  });
});

describe("a check of the default branch", () => {
  it("is trouble while it is red, where the operator wants to hear of it", async () => {
    begin({ on: ["default_branch"] });
    check("build", "success", "HEAD");
    expect(said(await life.poll())).toEqual([]);
    api.feedback.checks.pop();
    check("build", "failure", "HEAD");
    expect(said(await life.poll())).toEqual(["firing build"]);
    expect(said(await life.poll())).toEqual([]);
    api.feedback.checks.pop();
    check("build", "success", "HEAD");
    expect(said(await life.poll())).toEqual(["resolved build"]);
  });
});

describe("GitHub's limits", () => {
  it("are respected: a poll that is refused ends, says until when, and loses nothing", async () => {
    issue(101, "ann");
    api.fail({
      on: (_method, path) => path.endsWith("/permission"),
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(life.now / 1000 + 600) },
    });
    const polled = await life.poll();
    expect(polled).toMatchObject({ occurrences: [], afterMs: 600_000, notice: expect.stringContaining("600 s") });
    expect(said(await life.poll())).toEqual(["firing 101"]);
  });

  it("cost nothing while nothing is new: what is known is asked for with its tag", async () => {
    issue(101, "ann");
    await life.poll();
    const before = api.requests.length;
    expect((await life.poll()).cursor).toBeNull();
    const asked = api.requests.slice(before).map(({ path }) => path.split("?")[0]);
    expect(asked).toEqual([`/repos/${NAME}/issues`, `/repos/${NAME}/pulls`]);
  });

  it("do not hide trouble: an error is told in words, and the next poll finds what there is", async () => {
    issue(101, "ann");
    api.fail({ on: () => true, status: 500 });
    await expect(life.poll()).rejects.toThrow(/GET \/repos\/acme\/app\/issues.*answered 500/);
    expect(said(await life.poll())).toEqual(["firing 101"]);
    api.fail({ on: () => true, status: 401, body: { message: "Bad credentials" } });
    await expect(life.poll()).rejects.toThrow("valid token");
  });
});

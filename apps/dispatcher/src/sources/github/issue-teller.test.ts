import type { JobIssue } from "@hive/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newJob } from "@hive/core/new-job.fixture";
import { type GitHubApi, startGitHubApi } from "../../../../../test/peers/github/github-api.ts";
import { createGuard } from "../../guard/guard.ts";
import { createGuardedClient, type GuardedClient } from "../../guard/request.ts";
import { claimJob } from "../../http/attempts.fixture.ts";
import { startServer, type TestServer } from "../../http/server.fixture.ts";
import { HandClock, settle } from "../../queue/queue.fixture.ts";
import { createIssueTeller, type IssueTeller } from "./issue-teller.ts";
import { createIssueWriter } from "./issue-writer.ts";

const TOKEN = "the-repositorys-token";
const JOB = "gh.0123456789ab.1";
let world: TestServer;
let api: GitHubApi;
let client: GuardedClient;
let clock: HandClock;
let teller: IssueTeller;
let warned: string[];
let issue: JobIssue;

beforeEach(async () => {
  world = await startServer();
  api = await startGitHubApi({
    prefix: "/api/v3",
    tokens: { [TOKEN]: {} },
    repositories: { "acme/app": { private: true, branches: [] } },
  });
  client = createGuardedClient(createGuard({ allowPrivate: [] }));
  clock = new HandClock();
  warned = [];
  issue = { place: `${new URL(api.url).host}/acme/app`, number: 7, tell: true };
  begin();
});
afterEach(async () => {
  await teller.stop();
  client.close();
  await api.stop();
  await world.close();
  expect(api.violations).toEqual([]);
});

/** A teller as after a start of the server: it knows nothing. */
function begin(): void {
  const guard = createGuard({ allowPrivate: [] });
  const find = async (place: string) => (place === issue.place ? { username: "x", password: TOKEN } : null);
  teller = createIssueTeller({
    queue: world.queue,
    clock,
    sources: ["gh"],
    key: new Uint8Array(32),
    publicUrl: "http://hive.test",
    write: createIssueWriter({ guard, client, credentials: { find }, apiFor: () => api.url }),
    log: { warn: (fields: object, text: string) => void warned.push(`${text}: ${Object.values(fields).join(" ")}`) },
  });
  teller.start();
}

async function put(more: Partial<Parameters<typeof newJob>[1]> = {}): Promise<void> {
  const job = newJob(JOB, { repo: "https://github.com/acme/app", origin: "source:gh", issue, ...more });
  await world.queue.submit<"enqueue">({ type: "enqueue", jobs: [job], idempotency: null });
}

/** Lets time pass, and the network answer, until what is to be told was told. */
async function passed(wanted: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2_000 && !wanted(); tries += 1) {
    await clock.pass(250);
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(wanted()).toBe(true);
}

const said = (): string[] => api.feedback.comments.map(({ body }) => body.split("\n")[0] ?? "");
const writes = (): string[] => api.requests.map(({ method }) => method).filter((method) => method !== "GET");

describe("an issue", () => {
  it("has one comment that says how its job stands, and is changed as that changes", async () => {
    await put();
    await passed(() => said().length === 1);
    expect(said()).toEqual(["**Waiting**: it is the turn of other work."]);
    expect(api.feedback.comments[0]?.body).toMatch(
      /\n\[Hive job gh\.0123456789ab\.1\]\(http:\/\/hive\.test\/v1\/jobs\/gh\.0123456789ab\.1\)\n<!-- hive:issue [\w-]{24} -->$/,
    );
    await claimJob(world, await world.worker("bee"));
    await passed(() => said()[0] === "**At work** on it.");
    await world.queue.submit<"cancel">({ type: "cancel", jobId: JOB, by: "ann", reason: "api" });
    await world.queue.submit<"workerGone">({
      ...{ type: "workerGone", workerId: "bee", blame: false, message: "gone" },
    });
    await passed(() => said()[0]?.startsWith("**Canceled**") === true);
    expect(api.feedback.comments).toHaveLength(1);
  });

  it("keeps its one comment over a restart, and what is said already is not said again", async () => {
    await put();
    await passed(() => said().length === 1);
    await teller.stop();
    const before = writes().length;
    begin();
    await world.queue.submit<"cancel">({ type: "cancel", jobId: JOB, by: "ann", reason: "api" });
    await passed(() => said()[0]?.startsWith("**Canceled**") === true);
    expect(api.feedback.comments).toHaveLength(1);
    expect(writes().slice(before)).toEqual(["PATCH"]);
  });

  it("that somebody put a copy of the mark on keeps the first, which is Hive's", async () => {
    await put();
    await passed(() => said().length === 1);
    const [first] = api.feedback.comments;
    if (first === undefined) throw new Error("no comment");
    api.feedback.comments.push({ ...first, id: 99, by: "mallory" });
    await teller.stop();
    begin();
    await world.queue.submit<"cancel">({ type: "cancel", jobId: JOB, by: "ann", reason: "api" });
    await passed(() => said()[0]?.startsWith("**Canceled**") === true);
    expect(said()[1]).toContain("**Waiting**");
  });

  it("gets its comment later where GitHub did not take it now, and never where it does not want it", async () => {
    api.fail({ on: (method) => method === "POST", status: 502 });
    await put();
    await passed(() => said().length === 1);
    expect(warned).toEqual([expect.stringMatching(/told later.*answered 502/)]);
    api.fail({ on: (method) => method === "PATCH", status: 403, body: { message: "Resource not accessible" } });
    await world.queue.submit<"cancel">({ type: "cancel", jobId: JOB, by: "ann", reason: "api" });
    await passed(() => warned.length === 2);
    expect(warned[1]).toMatch(/not told.*Issues: write/);
    expect(warned.join()).not.toContain(TOKEN);
  });

  it("gets its comment within a day, whatever rest GitHub asks for", async () => {
    api.fail({ on: (method) => method === "POST", status: 429, headers: { "retry-after": "9999999" } });
    await put();
    await passed(() => warned.length === 1);
    await clock.pass(86_400_000);
    await passed(() => said().length === 1);
  });

  it("gets its comment among other people's, however long those are", async () => {
    const long = { pull: 7, by: "mallory", as: "NONE", at: "2026-11-23T08:00:00Z", body: "🙂".repeat(60_000) };
    for (let id = 101; id <= 140; id += 1) api.feedback.comments.push({ ...long, id });
    await put();
    await passed(() => said().includes("**Waiting**: it is the turn of other work."));
    expect(warned).toEqual([]);
  });

  it("gets none where the operator wants none, or where the job is for none", async () => {
    await put({ issue: { ...issue, tell: false } });
    const other = newJob("gh.other.1", { repo: "https://github.com/acme/app", origin: "source:gh" });
    await world.queue.submit<"enqueue">({ type: "enqueue", jobs: [other], idempotency: null });
    await clock.pass(20_000);
    expect(api.requests).toEqual([]);
  });
});

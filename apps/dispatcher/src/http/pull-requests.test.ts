/** What a worker is told for a job's pull request, over HTTP with real leases. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { pullRequestOf, repoRulesSchema } from "../credentials/repo-rules.ts";
import { type Attempt, beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { GATEWAY, startServer, type TestServer } from "./server.fixture.ts";

const RULES = repoRulesSchema.parse([
  { match: "github.com/acme/plain" },
  { match: "github.com/acme/*", pullRequest: { labels: ["hive"], reviewers: ["jane", "acme/core"], draft: false } },
]);

let world: TestServer;
beforeEach(async () => {
  world = await startServer({
    change: (parts) => ({ ...parts, pullRequestFor: (place) => pullRequestOf(RULES, place) }),
  });
});
afterEach(() => world.close());

const factsOf = ({ lease }: Attempt) => world.send("GET", "/v1/worker/facts", { token: lease.token });

it("the lease says how the operator wants pull requests of the repository", async () => {
  const wanted = async (repo: string) => (await beginJob(world, { repo })).lease.job.pullRequest;
  expect(await wanted("https://github.com/Acme/App.git")).toEqual({
    labels: ["hive"],
    reviewers: ["jane", "acme/core"],
    cost: false,
    draft: false,
  });
  const plain = { labels: [], reviewers: [], cost: false, draft: true };
  expect(await wanted("https://github.com/acme/plain")).toEqual(plain);
  expect(await wanted("https://git.example.com/acme/app")).toEqual(plain);
});

it("wrong settings are refused with the place and the reason", () => {
  const problems = (pullRequest: object): string =>
    repoRulesSchema.safeParse([{ match: "a/b/c", pullRequest }]).error?.message ?? "";
  expect(problems({ reviewers: ["@jane"] })).toContain("must be a user, or a team as org/team");
  expect(problems({ reviewers: ["a/b/c"] })).toContain("must be a user, or a team as org/team");
  expect(problems({ labels: ["x".repeat(51)] })).toContain("labels");
  expect(problems({ label: ["x"] })).toContain("label");
  expect(problems({ reviewers: ["acme-bot", "jane_corp", "acme/front.end"] })).toBe("");
});

it("a lease hears what its job used and which places it was refused", async () => {
  const attempt = await beginJob(world);
  const { jobId, lease } = attempt;
  expect(await (await factsOf(attempt)).json()).toEqual({ usage: null, blocked: [] });
  const call = { jobId, fence: 1, callId: "call-1", provider: "anthropic", model: "some-model", final: true };
  const tokens = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const more = { cacheWrite1hTokens: 0, webSearches: 0 };
  await world.send("POST", "/v1/gateway/usage", { token: GATEWAY, json: { ...call, ...tokens, ...more } });
  for (const host of ["evil.example", "evil.example", "other.example"]) {
    await world.send("POST", "/v1/egress/open", {
      token: GATEWAY,
      json: { token: lease.egressToken, host, port: 443 },
    });
  }
  const blocked = { jobId, fence: 1, host: "evil.example", port: 443, reason: "wrong_name", message: "another name" };
  await world.send("POST", "/v1/egress/blocked", { token: GATEWAY, json: blocked });
  expect(await (await factsOf(attempt)).json()).toMatchObject({
    usage: { calls: 1, inputTokens: 10, outputTokens: 5 },
    blocked: [
      { host: "evil.example", port: 443 },
      { host: "other.example", port: 443 },
    ],
  });
});

it("nobody else hears of it, and a lease that has not begun or is over hears nothing", async () => {
  const attempt = await beginJob(world);
  for (const token of [attempt.lease.llmToken, attempt.lease.egressToken, attempt.worker]) {
    expect((await world.send("GET", "/v1/worker/facts", { token })).status).toBe(401);
  }
  await enqueueJob(world);
  const lease = await claimJob(world, await world.worker("bee-fresh"));
  expect(await codeOf(await world.send("GET", "/v1/worker/facts", { token: lease.token }))).toBe("not_begun");
  await world.send("POST", "/v1/worker/finish", { token: attempt.lease.token, json: failedFinish(null) });
  expect(await codeOf(await factsOf(attempt))).toBe("lease_lost");
});

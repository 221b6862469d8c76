/** Talking to a job, over HTTP: what the owner is answered, and what the next attempt is told. */

import { endpoints, type LeaseGrant } from "@hive/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { claimJob, codeOf, enqueueJob } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeAll(async () => {
  world = await startServer();
});
afterAll(() => world.close());

const AGENT = { task: "agent", agent: "demo", script: undefined, instructions: "Write a quick start." };
const RESULT = {
  summary: "Wrote it.",
  noChanges: false,
  branch: "hive/a",
  commit: "c".repeat(40),
  baseCommit: null,
  patchId: null,
  diffStat: { files: 1, insertions: 9, deletions: 0 },
  pullRequest: null,
  verdict: null,
  outputs: null,
  usage: null,
  exitCode: 0,
  phases: [],
  artifacts: [],
  salvage: null,
  agent: { name: "demo", version: "1", model: null },
  isolation: "none",
};
const DONE = { end: "succeeded", result: RESULT };

async function begin(worker: string): Promise<LeaseGrant> {
  const lease = await claimJob(world, worker);
  await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
  return lease;
}

async function finish(lease: LeaseGrant, outcome: object): Promise<void> {
  const json = { finishId: `finish-of-lease-${lease.fence}`, outcome, log: null };
  const response = await world.send("POST", "/v1/worker/finish", { token: lease.token, json });
  if (response.status !== 200) throw new Error(await response.text());
}

async function say(jobId: string, json: object, headers: Record<string, string> = {}): Promise<Response> {
  return world.send("POST", `/v1/jobs/${jobId}/comments`, { json, headers });
}

it("a follow-up is told the comments, the report of the attempt before and its session", async () => {
  const jobId = await enqueueJob(world, AGENT);
  const worker = await world.worker("bee-follow", ["demo"]);
  const first = await begin(worker);
  expect(first.job).toMatchObject({ followUp: null, report: null, session: null });
  const session = { fence: 1, artifact: "session.tar.zst", agent: "demo", sessionId: "s-1", totals: null };
  await finish(first, { ...DONE, result: { ...RESULT, session } });

  const reply = await say(jobId, { text: "Mention Windows.", author: "ann" });
  expect([reply.status, await reply.json()]).toEqual([201, { jobId, n: 1, status: "queued", generation: 2 }]);
  const second = await begin(worker);
  expect(second.job.followUp).toEqual({
    comments: [{ n: 1, at: expect.any(Number), by: "ann", text: "Mention Windows." }],
    earlier: [],
    feedback: false,
  });
  expect(second.job.report).toMatchObject({ generation: 1, end: "succeeded", error: null, summary: "Wrote it." });
  expect(second.job).toMatchObject({ session, previous: null, generation: 2, attempt: 1 });
  await finish(second, DONE);

  await say(jobId, { feedback: true });
  const third = await begin(worker);
  expect(third.job.followUp).toMatchObject({ comments: [{ n: 2, by: "api", text: "" }], feedback: true });
  expect(third.job.followUp?.earlier).toMatchObject([{ n: 1, text: "Mention Windows." }]);
  expect(third.job.session).toBeNull();
  const { comments, next } = await world.client.call(endpoints.listComments, { params: { jobId } });
  expect(comments.map(({ n, state, feedback }) => [n, state, feedback])).toEqual([
    [1, "done", false],
    [2, "given", true],
  ]);
  expect(next).toBeNull();
  const shown = await world.client.call(endpoints.getJob, { params: { jobId } });
  expect(shown.comments).toEqual({ count: 2, given: 2, done: 1 });
  await finish(third, DONE);
});

it("a retry is told how the attempt before failed; a comment on it is work to do, however little was missing", async () => {
  const jobId = await enqueueJob(world, AGENT);
  const worker = await world.worker("bee-retry", ["demo"]);
  const error = { code: "pr_refused", kind: "work", message: "no permission" };
  await finish(await begin(worker), { end: "failed", error, result: RESULT });
  await world.send("POST", `/v1/jobs/${jobId}/retry`, { json: {} });
  const second = await begin(worker);
  expect(second.job).toMatchObject({ previous: error, report: { end: "failed", error, commit: RESULT.commit } });
  await finish(second, { end: "failed", error, result: RESULT });
  await say(jobId, { text: "Shorter." });
  const third = await begin(worker);
  expect(third.job).toMatchObject({ previous: null, report: { error } });
  await finish(third, { end: "failed", error, result: RESULT });
  await world.send("POST", `/v1/jobs/${jobId}/retry`, { json: {} });
  const fourth = await begin(worker);
  expect(fourth.job).toMatchObject({ previous: error, followUp: { comments: [{ text: "Shorter." }] } });
  await finish(fourth, DONE);
});

it("a lost worker told nothing: the next one gets the report of the attempt before that", async () => {
  const jobId = await enqueueJob(world, AGENT);
  const worker = await world.worker("bee-lost", ["demo"]);
  await finish(await begin(worker), DONE);
  await say(jobId, { text: "Mention Windows." });
  await begin(worker);
  await world.queue.submit<"workerGone">({ type: "workerGone", workerId: "bee-lost", blame: true, message: "gone" });
  const again = await begin(await world.worker("bee-found", ["demo"]));
  expect(again.job).toMatchObject({
    previous: { code: "worker_lost" },
    report: { end: "succeeded", error: null, summary: "Wrote it." },
    followUp: { comments: [{ text: "Mention Windows." }] },
  });
  await finish(again, DONE);
});

it("the same Idempotency-Key makes one comment", async () => {
  const jobId = await enqueueJob(world, { ...AGENT, runAt: "2026-12-31T00:00:00Z" });
  const headers = { "idempotency-key": "once" };
  const first = await (await say(jobId, { text: "one" }, headers)).json();
  expect(await (await say(jobId, { text: "one" }, headers)).json()).toEqual(first);
  expect(await codeOf(await say(jobId, { text: "two" }, headers))).toBe("idempotency_conflict");
  const wrong = await say(jobId, { text: "one" }, { "idempotency-key": "x".repeat(256) });
  expect(await codeOf(wrong)).toBe("invalid_field");
  const { comments } = await world.client.call(endpoints.listComments, { params: { jobId } });
  expect(comments).toMatchObject([{ n: 1, text: "one", state: "waiting" }]);
});

it("a comment brings a new token for the repository, which nobody is shown", async () => {
  const jobId = await enqueueJob(world, { ...AGENT, githubToken: "ghp_first_of_the_job" });
  const worker = await world.worker("bee-token", ["demo"]);
  await finish(await begin(worker), DONE);
  await say(jobId, { text: "go on", githubToken: "ghp_second_of_the_job" });
  const lease = await begin(worker);
  const secrets = await world.client.call(endpoints.leaseSecrets, {}, { token: lease.token });
  expect(secrets.git?.password).toBe("ghp_second_of_the_job");
  const shown = await Promise.all(
    ["", "/comments", "/events"].map(async (part) => (await world.send("GET", `/v1/jobs/${jobId}${part}`)).text()),
  );
  expect(shown.join("")).not.toContain("ghp_");
  await finish(lease, DONE);
});

it("what is no comment is refused with the reason", async () => {
  const jobId = await enqueueJob(world, { ...AGENT, runAt: "2026-12-31T00:00:00Z" });
  const script = await enqueueJob(world, { runAt: "2026-12-31T00:00:00Z" });
  for (const json of [{}, { text: " " }, { text: "x".repeat(16_385) }, { text: "a", author: "a\nb" }, { words: "a" }])
    expect(await codeOf(await say(jobId, json))).toMatch(/invalid_field|bad_request/);
  expect(await codeOf(await say(script, { text: "hello" }))).toBe("not_supported");
  expect(await codeOf(await say("nobody", { text: "hello" }))).toBe("not_found");
  expect((await world.send("GET", "/v1/jobs/nobody/comments")).status).toBe(404);
  expect((await world.send("POST", `/v1/jobs/${jobId}/comments`, { token: null, json: { text: "a" } })).status).toBe(
    401,
  );
});

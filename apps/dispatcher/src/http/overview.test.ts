/** What happened since a moment, and how it went over time, over HTTP with real leases. */

import type { Digest, History } from "@hive/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Attempt, beginJob, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

const MINUTE_MS = 60_000;
const RESULT = {
  ...{ summary: null, noChanges: false, branch: "work", commit: "b".repeat(40), baseCommit: null, patchId: null },
  ...{ diffStat: null, verdict: null, outputs: null, usage: null, exitCode: 0, phases: [], artifacts: [] },
  ...{ salvage: null, agent: null, isolation: "none" },
  pullRequest: { number: 7, url: "https://github.com/acme/app/pull/7" },
};

let world: TestServer;
/** Answers are remembered for some seconds of this clock. */
let mono = 0;
beforeEach(async () => {
  world = await startServer({
    change: (parts) => {
      // Real time goes on, and the test adds to it.
      const clock = { ...parts.clock, mono: () => parts.clock.mono() + mono };
      return { ...parts, clock, policy: { ...parts.policy, approvalFor: (repo) => approvalFor(repo.path) } };
    },
  });
});
afterEach(() => world.close());

function approvalFor(path: string): "none" | "start" {
  return path.includes("asks") ? "start" : "none";
}

async function get<T>(path: string): Promise<T> {
  mono += MINUTE_MS;
  const response = await world.send("GET", path);
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

async function finish({ lease }: Attempt, body: object): Promise<void> {
  expect((await world.send("POST", "/v1/worker/finish", { token: lease.token, json: body })).status).toBe(200);
}

const succeed = (attempt: Attempt) =>
  finish(attempt, { finishId: "finish-000001", outcome: { end: "succeeded", result: RESULT }, log: null });

it("the digest tells of what ended since: pull requests, failures by reason, and the decisions that wait now", async () => {
  const before = Date.now();
  const good = await beginJob(world);
  await succeed(good);
  const bad = [await beginJob(world), await beginJob(world)];
  for (const attempt of bad) await finish(attempt, failedFinish(null));
  await enqueueJob(world, { repo: "https://github.com/acme/asks" });
  await enqueueJob(world, { task: "agent", instructions: "Do it.", script: undefined });

  const digest = await get<Digest>(`/v1/digest?since=${before}`);
  expect(digest).toMatchObject({
    ...{ since: before, from: before, whole: true },
    ended: { succeeded: 1, failed: 2, canceled: 0 },
    pullRequests: { count: 1, newest: [{ jobId: good.jobId, number: 7, url: RESULT.pullRequest.url }] },
    failures: [{ reason: "exit_code", count: 2, jobId: bad[1]?.jobId }],
    // The agent that nobody set up waits for a setting.
    decisions: 1,
  });
  expect(digest.days.at(-1)).toEqual({ day: new Date().toISOString().slice(0, 10), usd: null, unpricedCalls: 0 });

  const later = await get<Digest>(`/v1/digest?since=${Date.now() + 1}`);
  expect(later).toMatchObject({ ended: { succeeded: 0, failed: 0 }, failures: [], decisions: 1 });
});

it("the digest of a long time names a month of days, and a job that was retried is not over", async () => {
  const attempt = await beginJob(world);
  await finish(attempt, failedFinish(null));
  await world.send("POST", `/v1/jobs/${attempt.jobId}/retry`);
  const digest = await get<Digest>("/v1/digest?since=0");
  expect(digest.ended).toEqual({ succeeded: 0, failed: 0, canceled: 0 });
  expect(digest.days).toHaveLength(31);
  expect((await world.send("GET", "/v1/digest")).status).toBe(422);
});

it("the history has at each point who waited and ran, what ended, and how long a worker was waited for", async () => {
  const begun = await beginJob(world);
  await succeed(begun);
  await finish(await beginJob(world), failedFinish(null));
  await beginJob(world);
  await enqueueJob(world, { labels: ["nobody"] });
  const canceled = await enqueueJob(world, { labels: ["nobody"] });
  await world.send("POST", `/v1/jobs/${canceled}/cancel`);

  const history = await get<History>("/v1/stats/history?range=1h");
  expect(history.points).toHaveLength(60);
  expect(history.since).toBe(history.from);
  expect(history.points[0]).toMatchObject({ queued: 0, running: 0, succeeded: 0, wait: null });
  expect(history.points.at(-1)).toMatchObject({ queued: 1, running: 1 });
  // The minute may have turned in between.
  const total = (key: "succeeded" | "failed" | "canceled") =>
    history.points.reduce((sum, point) => sum + point[key], 0);
  expect([total("succeeded"), total("failed"), total("canceled")]).toEqual([1, 1, 1]);
  expect(history.points.reduce((sum, { wait }) => sum + (wait?.jobs ?? 0), 0)).toBe(3);
  expect(history.failures).toMatchObject([{ reason: "exit_code", count: 1 }]);
  expect(history.days).toHaveLength(14);
  expect(await get<History>("/v1/stats/history")).toMatchObject({ range: "24h", pointMs: 15 * MINUTE_MS });
});

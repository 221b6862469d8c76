import { endpoints, type LeaseGrant } from "@hive/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimJob, codeOf } from "./attempts.fixture.ts";
import { GATEWAY, startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

const REPO = "https://github.com/acme/app";
const START = { base: "b".repeat(40), commit: "a".repeat(40) };

async function put(more: object = {}, path = "/enqueue"): Promise<Response> {
  const json = {
    jobId: "best",
    repo: REPO,
    task: "agent",
    agent: "demo",
    instructions: "do it",
    candidates: 2,
    ...more,
  };
  return world.send("POST", path, { json });
}

async function refused(more: object): Promise<Record<string, string>> {
  const response = await put(more);
  expect(response.status).toBe(422);
  const { fields } = (await response.json()) as { fields: { path: string; message: string }[] };
  return Object.fromEntries(fields.map(({ path, message }) => [path, message]));
}

/** Resolves once the job `best` was told to be so: the decision is the server's own sweep. */
function told(type: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = world.queue.onEffect((effect) => {
      if (effect.type !== "event" || effect.event.type !== type || effect.event.jobId !== "best") return;
      stop();
      resolve();
    });
  });
}

const job = (jobId: string) => world.client.call(endpoints.getJob, { params: { jobId } });

/** The lease of the next job, begun. */
async function begin(name: string): Promise<LeaseGrant> {
  const lease = await claimJob(world, await world.worker(name, ["demo"]));
  await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
  return lease;
}

/** Announces a commit for the candidate's branch and ends the attempt with it. */
async function finish(lease: LeaseGrant, lines: number): Promise<void> {
  const { token } = lease;
  const commit = String(lines % 10).repeat(40);
  const ref = `refs/heads/hive/${lease.job.jobId}`;
  await world.client.call(endpoints.leasePublish, { body: { ref, expectedOld: "0".repeat(40), commit } }, { token });
  const result = {
    summary: `wrote ${lines}`,
    noChanges: false,
    branch: `hive/${lease.job.jobId}`,
    commit,
    baseCommit: START.commit,
    patchId: null,
    diffStat: { files: 1, insertions: lines, deletions: 0 },
    pullRequest: null,
    verdict: null,
    outputs: null,
    usage: null,
    exitCode: 0,
    phases: [],
    artifacts: [],
    salvage: null,
    agent: { name: "demo", version: "1", model: "scripted" },
    isolation: "none",
    verify: { state: "passed" as const, rounds: 1, command: "npm test", report: null },
  };
  const body = {
    finishId: `finish-of-lease-${lease.fence}`,
    outcome: { end: "succeeded" as const, result },
    log: null,
  };
  await world.client.call(endpoints.leaseFinish, { body }, { token });
}

describe("a job with candidates", () => {
  it("is one answer and several jobs, of which each is the request with an agent, a branch and a token of its own", async () => {
    const asked = {
      model: "small",
      candidates: [{}, { agent: "command" }],
      branch: "feature",
      githubToken: "ghp_secret",
      callbackUrl: "https://owner.example/hook",
      labels: ["big"],
      verify: undefined,
    };
    const response = await put(asked);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ jobId: "best", status: "blocked", position: 0 });
    expect(await job("best")).toMatchObject({
      agent: null,
      branch: "feature",
      waitsFor: ["best.1", "best.2"],
      candidates: { count: 2, choose: "rule", chosen: null, why: null },
      callbackUrl: "https://owner.example/hook",
      waiting: "It waits for its candidates to be over: best.1, best.2.",
    });
    const second = await job("best.2");
    expect(second).toMatchObject({
      parent: "best",
      agent: "command",
      branch: null,
      callbackUrl: null,
      labels: ["big"],
    });
    expect(second).toMatchObject({ status: "queued", candidates: null, concurrencyKey: null });
    expect((await job("best.1")).agent).toBe("demo");
    const { candidates } = await world.client.call(endpoints.jobCandidates, { params: { jobId: "best" } });
    expect(candidates.map(({ agent, model }) => [agent, model])).toEqual([
      ["demo", "small"],
      ["command", null],
    ]);
    const sealed = await world.queue.documents.get(
      ["best", "best.1", "best.2"].map((id) => ({ collection: "secrets", id: `${id}/githubToken` })),
    );
    expect(sealed.map((doc) => world.parts.openSecret(String(doc?.["jobId"]), "githubToken", doc?.["sealed"]))).toEqual(
      Array(3).fill("ghp_secret"),
    );
  });

  it("is the same job when it is sent again, and with other candidates another", async () => {
    await put();
    expect((await put()).status).toBe(202);
    expect(await codeOf(await put({ candidates: 3 }))).toBe("id_conflict");
    const { jobs } = await world.client.call(endpoints.listJobs, { query: {} });
    expect(jobs.map(({ jobId }) => jobId)).toEqual(["best.2", "best.1", "best"]);
  });

  it("is the only one of them that the server's own address is called back about", async () => {
    const told = await startServer({
      change: (parts) => ({ ...parts, policy: { ...parts.policy, callbackByDefault: true } }),
    });
    try {
      const json = { jobId: "best", repo: REPO, task: "agent", agent: "demo", instructions: "x", candidates: 2 };
      await told.send("POST", "/enqueue", { json });
      const called = await told.queue.read((state) => [...state.jobs.values()].filter(({ callback }) => callback));
      expect(called.map(({ id }) => id)).toEqual(["best"]);
    } finally {
      await told.close();
    }
  });

  it("may come without an id, and among others", async () => {
    const response = await world.send("POST", "/v1/jobs", {
      json: {
        jobs: [
          { repo: REPO, task: "agent", agent: "demo", instructions: "x", candidates: 2 },
          { jobId: "after", repo: REPO, task: "test" },
        ],
      },
    });
    const { jobs } = (await response.json()) as { jobs: { jobId: string; status: string }[] };
    expect(jobs.map(({ status }) => status)).toEqual(["blocked", "queued"]);
    expect((await job(`${jobs[0]?.jobId}.2`)).parent).toBe(jobs[0]?.jobId);
    expect(jobs[1]?.jobId).toBe("after");
  });

  it("is refused with the field where it means nothing", async () => {
    expect(await refused({ task: "script", instructions: undefined, agent: undefined, script: "x" })).toEqual({
      candidates: 'the task "script" is done once; only the task "agent" has candidates',
    });
    expect(Object.keys(await refused({ candidates: undefined, choose: "person" }))).toEqual(["choose"]);
    expect(Object.keys(await refused({ candidates: [{ agent: "demo" }, { agent: "nobody" }] }))).toEqual([
      "candidates[1].agent",
    ]);
    expect(Object.keys(await refused({ jobId: "x".repeat(127) }))).toEqual(["jobId"]);
    expect(Object.keys(await refused({ candidates: 9 }))[0]).toContain("candidates");
    expect((await world.client.call(endpoints.listJobs, { query: {} })).jobs).toEqual([]);
  });

  it("is refused where its work may be pushed only after an approval, and where a batch becomes too large", async () => {
    const strict = await startServer({
      change: (parts) => ({ ...parts, policy: { ...parts.policy, approvalFor: () => "publish" } }),
    });
    try {
      const json = { repo: REPO, task: "agent", agent: "demo", instructions: "x", candidates: 2 };
      expect(await (await strict.send("POST", "/enqueue", { json })).text()).toContain("must be approved before");
    } finally {
      await strict.close();
    }
    const json = {
      jobs: Array.from({ length: 334 }, () => ({
        repo: REPO,
        task: "agent",
        agent: "demo",
        instructions: "x",
        candidates: 2,
      })),
    };
    const response = await world.send("POST", "/v1/jobs", { json });
    expect(await response.text()).toContain("with their candidates these are 1002 jobs");
  });
});

describe("a candidate's lease", () => {
  it("says whose it is and gets no pull request; the first that is prepared says where all start", async () => {
    await put({ branch: "feature" });
    const first = await begin("bee-1");
    const second = await begin("bee-2");
    expect(first.job).toMatchObject({
      candidate: { parent: "best", n: 1, branch: "feature" },
      branch: null,
      pullRequest: null,
      chosen: null,
      verify: { rounds: 2 },
    });
    const agree = (lease: LeaseGrant, start: typeof START) =>
      world.client.call(endpoints.leaseStart, { body: start }, { token: lease.token });
    expect(await agree(first, START)).toEqual(START);
    expect(await agree(second, { base: "c".repeat(40), commit: "c".repeat(40) })).toEqual(START);
    await world.send("POST", "/v1/jobs/best.1/cancel", {});
    await world.send("POST", "/v1/worker/finish", {
      token: first.token,
      json: { finishId: "finish-cancel", outcome: { end: "canceled", result: null }, log: null },
    });
    const late = await world.send("POST", "/v1/worker/start", { token: first.token, json: START });
    expect([late.status, await codeOf(late)]).toEqual([409, "lease_lost"]);
  });
});

describe("the budget of a job with candidates", () => {
  it("is one for all of them: what one used is missing to the others", async () => {
    await put({ budget: { turns: 1 } });
    const [first, second] = [await begin("bee-1"), await begin("bee-2")];
    const worst = { inputTokens: 10, outputTokens: 10, webSearches: 0 };
    const admit = (lease: LeaseGrant) =>
      world.client.call(
        endpoints.gatewayAdmit,
        { body: { token: lease.llmToken, callId: lease.job.jobId, provider: "local", model: "small", worst } },
        { token: GATEWAY },
      );
    expect(await admit(first)).toMatchObject({ jobId: "best.1" });
    await expect(admit(second)).rejects.toMatchObject({ code: "budget_exceeded" });
    expect((await job("best.1")).budget).toMatchObject({ spent: { turns: 1 } });
    expect((await job("best")).budget).toMatchObject({ limit: { turns: 1 }, spent: { turns: 1 } });
    const beat = await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: second.token });
    expect(beat.stop).toMatchObject({ code: "budget_exceeded" });
  });
});

describe("the choice", () => {
  it("compares what they made, publishes by a lease that knows everything, and sums what they used", async () => {
    await put();
    const [first, second] = [await begin("bee-1"), await begin("bee-2")];
    await world.client.call(endpoints.leaseStart, { body: START }, { token: first.token });
    for (const [lease, calls] of [
      [first, 2],
      [second, 1],
    ] as const) {
      for (let n = 0; n < calls; n += 1) {
        const call = { provider: "local" as const, model: "some", inputTokens: 10, outputTokens: 5 };
        const none = { cacheReadTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0, webSearches: 0, final: true };
        const { jobId } = lease.job;
        await world.client.call(
          endpoints.gatewayUsage,
          { body: { jobId, fence: lease.fence, callId: `${jobId}-${n}`, ...call, ...none } },
          { token: GATEWAY },
        );
      }
    }
    await finish(first, 40);
    await finish(second, 7);
    const lease = await begin("bee-1");
    expect(lease).toMatchObject({
      purpose: "publish",
      job: {
        jobId: "best",
        candidate: null,
        bundle: null,
        chosen: {
          n: 2,
          jobId: "best.2",
          branch: "hive/best.2",
          commit: "7".repeat(40),
          start: START,
          summary: "wrote 7",
          agent: { name: "demo", version: "1", model: "scripted" },
          verify: { state: "passed" },
          branches: [
            { ref: "refs/heads/hive/best.1", commits: ["0".repeat(40)] },
            { ref: "refs/heads/hive/best.2", commits: ["7".repeat(40)] },
          ],
        },
      },
    });
    const { usage } = await world.client.call(endpoints.leaseFacts, {}, { token: lease.token });
    expect(usage).toMatchObject({ calls: 3, inputTokens: 30, outputTokens: 15 });
    expect((await job("best")).usage).toMatchObject({ calls: 3 });
    const compared = await world.client.call(endpoints.jobCandidates, { params: { jobId: "best" } });
    expect(compared).toMatchObject({ jobId: "best", status: "running", choose: "rule", chosen: 2, start: START });
    expect(compared.candidates).toMatchObject([
      { n: 1, tests: "green", diffStat: { insertions: 40 }, inputTokens: 20, choosable: true, model: "scripted" },
      { n: 2, tests: "green", diffStat: { insertions: 7 }, inputTokens: 10, choosable: true, summary: "wrote 7" },
    ]);
    expect(compared.candidates[0]?.ms).toBeGreaterThanOrEqual(0);
  });

  it("is a person's where the job says so, and is told in the job's events", async () => {
    await put({ choose: "person" });
    const [first, second] = [await begin("bee-1"), await begin("bee-2")];
    await finish(first, 40);
    const decided = told("job.held");
    await finish(second, 7);
    await decided;
    const held = await job("best");
    expect(held).toMatchObject({ status: "held", reason: "choice" });
    expect(held.waiting).toContain("hive choose best NUMBER");
    const choose = (candidate: number, jobId = "best") =>
      world.client.call(endpoints.chooseCandidate, { params: { jobId }, body: { candidate } });
    await expect(choose(3)).rejects.toThrow(/candidates 1 to 2/);
    await expect(choose(1, "best.1")).rejects.toThrow(/has no candidates/);
    expect(await choose(1)).toEqual({ jobId: "best", status: "queued", reason: null });
    expect(await choose(1)).toMatchObject({ status: "queued" });
    await expect(choose(2)).rejects.toMatchObject({ status: 409 });
    const { events } = await world.client.call(endpoints.jobEvents, { params: { jobId: "best" }, query: {} });
    expect(events.map(({ type }) => type)).toEqual([
      "job.blocked",
      "job.progress",
      "job.progress",
      "job.held",
      "job.chosen",
      "job.queued",
    ]);
    expect(events[4]?.data).toMatchObject({ candidate: 1, candidateId: "best.1", by: "api" });
    expect((await begin("bee-1")).job.chosen).toMatchObject({ n: 1, commit: "0".repeat(40) });
  });

  it("has nothing to show for a job without candidates, or one that is not there", async () => {
    await put({ candidates: undefined });
    for (const jobId of ["best", "nobody"]) {
      const response = await world.send("GET", `/v1/jobs/${jobId}/candidates`);
      expect([response.status, await codeOf(response)]).toEqual([404, "not_found"]);
    }
  });

  it("tells why where none will do", async () => {
    await put();
    const decided = told("job.failed");
    for (const name of ["bee-1", "bee-2"]) {
      const { token } = await begin(name);
      const error = { code: "agent_error", kind: "work" as const, message: "no idea" };
      const body = { finishId: `finish-${name}`, outcome: { end: "failed" as const, error, result: null }, log: null };
      await world.client.call(endpoints.leaseFinish, { body }, { token });
    }
    await decided;
    expect(await job("best")).toMatchObject({ reason: "candidates_failed", error: { code: "candidates_failed" } });
    expect((await job("best")).error?.message).toContain("1 failed (agent_error); 2 failed (agent_error)");
  });
});

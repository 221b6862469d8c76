import { endpoints, type LeaseGrant } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimJob, enqueueJob } from "../http/attempts.fixture.ts";
import { startServer, type TestServer } from "../http/server.fixture.ts";
import { askAgain, type Followed } from "./follow-up.ts";

let world: TestServer;
beforeAll(async () => {
  world = await startServer();
});
afterAll(() => world.close());

const PLACE = "github.com/acme/app";
const DONE = {
  end: "succeeded",
  result: {
    ...{
      summary: "Done.",
      noChanges: false,
      branch: "hive/x",
      commit: "c".repeat(40),
      baseCommit: null,
      patchId: null,
    },
    ...{ diffStat: null, pullRequest: null, verdict: null, outputs: null, usage: null, exitCode: 0, phases: [] },
    ...{ artifacts: [], salvage: null, agent: null, isolation: "none" },
  },
};

async function ask(jobId: string, cause: string, more: { place?: string; rounds?: number } = {}): Promise<Followed> {
  const { place = PLACE, rounds = 2 } = more;
  const asking = { queue: world.queue, source: "gh", trust: "untrusted", rounds } as const;
  return askAgain(asking, { place, branch: `hive/${jobId}`, cause });
}

async function newJob(more: object = {}): Promise<string> {
  const agent = { task: "agent", agent: "demo", script: undefined, instructions: "Do it.", ...more };
  return enqueueJob(world, agent);
}

async function begin(worker: string): Promise<LeaseGrant> {
  const lease = await claimJob(world, worker);
  await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
  return lease;
}

async function finish(lease: LeaseGrant): Promise<void> {
  const json = { finishId: `finish-${lease.job.jobId}-${lease.fence}`, outcome: DONE, log: null };
  const response = await world.send("POST", "/v1/worker/finish", { token: lease.token, json });
  if (response.status !== 200) throw new Error(await response.text());
}

describe("a red check or a review of Hive's own pull request", () => {
  it("gives the job that did the work another round, twice at most, then a person is needed", async () => {
    const jobId = await newJob();
    const worker = await world.worker("bee-rounds", ["demo"]);
    await finish(await begin(worker));

    expect(await ask(jobId, "checks of aaa")).toEqual({ asked: true, jobId, n: 1 });
    const second = await begin(worker);
    expect(second.job).toMatchObject({ jobId, generation: 2, untrusted: true });
    expect(second.job.followUp).toMatchObject({
      feedback: true,
      comments: [{ by: "source:gh", text: "Checks of aaa: see what the pull request says." }],
    });
    await finish(second);

    expect(await ask(jobId, "checks of bbb")).toMatchObject({ asked: true, n: 2 });
    await finish(await begin(worker));
    expect(await ask(jobId, "checks of ccc")).toMatchObject({ asked: false, why: expect.stringContaining("2 rounds") });
    expect(await ask(jobId, "review 7", { rounds: 3 })).toMatchObject({ asked: true, n: 3 });
    await finish(await begin(worker));
  });

  it("is asked for once, however often it is said, and is read by a round that has not begun", async () => {
    const jobId = await newJob();
    const worker = await world.worker("bee-once", ["demo"]);
    await finish(await begin(worker));
    expect(await ask(jobId, "review 1")).toMatchObject({ asked: true });
    expect(await ask(jobId, "review 1")).toMatchObject({ asked: false });
    expect(await ask(jobId, "review 2")).toMatchObject({ asked: false, why: expect.stringContaining("about to") });
    const round = await begin(worker);
    // What is said while it works may have come too late for it.
    expect(await ask(jobId, "review 1")).toMatchObject({ asked: false, why: expect.stringContaining("before") });
    expect(await ask(jobId, "review 3")).toMatchObject({ asked: true, n: 2 });
    await finish(round);
    const next = await begin(worker);
    expect(next.job).toMatchObject({ jobId, generation: 3 });
    await finish(next);
  });

  it("on a branch that is no job's, another repository's, a canceled job's or no agent's gives no work", async () => {
    const jobId = await newJob();
    expect(await ask("nobody", "review 1")).toMatchObject({ asked: false, why: expect.stringContaining("no job") });
    expect(await ask(jobId, "review 1", { place: "github.com/acme/lib" })).toMatchObject({ asked: false });
    expect(await ask("../x", "review 1")).toMatchObject({ asked: false });
    const elsewhere = await newJob({ branch: "feature" });
    expect(await ask(elsewhere, "review 1")).toMatchObject({ asked: false });
    const script = await newJob({ task: "script", agent: undefined, instructions: undefined, script: "true" });
    expect(await ask(script, "review 1")).toMatchObject({ asked: false });
    for (const id of [jobId, elsewhere, script]) await world.send("POST", `/v1/jobs/${id}/cancel`, { json: {} });
    expect(await ask(jobId, "review 1")).toMatchObject({ asked: false, why: expect.stringContaining("canceled") });
  });
});

/** A provider's quota over HTTP: what the gateway tells, what the worker hears, and what the owner sees until it is there again. */

import { endpoints, type JobDetail } from "@hive/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Attempt, beginJob, codeOf, enqueueJob } from "./attempts.fixture.ts";
import { GATEWAY, startServer, type TestServer } from "./server.fixture.ts";

const HOUR = 3_600_000;

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

function quota({ jobId, lease }: Attempt, until: number, more: object = {}): Promise<Response> {
  const json = {
    jobId,
    fence: lease.fence,
    provider: "anthropic",
    until,
    message: "Anthropic: five hours are used up",
    ...more,
  };
  return world.send("POST", "/v1/gateway/quota", { token: GATEWAY, json });
}

const jobOf = async ({ jobId }: Attempt) => (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as JobDetail;
const beat = ({ lease }: Attempt) => world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
const parked = { end: "parked", message: "stopped", result: null } as const;
const finish = ({ lease }: Attempt, outcome: typeof parked = parked) =>
  world.client.call(
    endpoints.leaseFinish,
    { body: { finishId: "finish-000001", outcome, log: null } },
    { token: lease.token },
  );

describe("a used-up quota", () => {
  it("stops the attempt and parks its job until the time, which says so in words", async () => {
    const attempt = await beginJob(world);
    const until = Date.now() + HOUR;
    const told = await quota(attempt, until);
    expect([told.status, await told.json()]).toEqual([200, { parked: true, until }]);
    expect((await beat(attempt)).stop).toEqual({ code: "quota", message: "Anthropic: five hours are used up" });
    expect(await finish(attempt)).toEqual({ status: "scheduled" });
    expect(await jobOf(attempt)).toMatchObject({
      status: "scheduled",
      reason: "quota",
      runAt: until,
      failures: 0,
      losses: 0,
      error: null,
      waiting: `The provider of its model takes no more calls; it goes on by itself at ${new Date(until).toISOString()}.`,
      history: [{ end: "parked" }],
    });
  });

  it("of a lease that is over, or told by anybody but the server's own, is nothing", async () => {
    const attempt = await beginJob(world);
    const stranger = await world.send("POST", "/v1/gateway/quota", { token: attempt.lease.token, json: {} });
    expect(stranger.status).toBe(401);
    const old = await quota(attempt, 0, { fence: 7 });
    expect([old.status, await codeOf(old)]).toEqual([409, "lease_lost"]);
    expect((await beat(attempt)).stop).toBeNull();
  });
});

describe("whether an agent's work is verified", () => {
  const agent = { task: "agent", agent: "demo", instructions: "Do it.", script: undefined };

  async function leased(more: object) {
    const jobId = await enqueueJob(world, { ...agent, ...more });
    const token = await world.worker(`bee-${jobId}`, ["demo"]);
    const claim = { claimId: `claim-${jobId}-1`, waitMs: 5_000 };
    const { lease } = await world.client.call(endpoints.workerClaim, { body: claim }, { token });
    return lease?.job;
  }

  it("comes with the lease, as do the limits of a stuck agent", async () => {
    expect(await leased({})).toMatchObject({
      verify: { rounds: 2 },
      idleTimeoutMs: 900_000,
      stuck: { repeats: 8, turns: 100 },
    });
    expect(await leased({ verifyRounds: 0 })).toMatchObject({ verify: { rounds: 0 } });
    expect(await leased({ verify: false, verifyRounds: 5 })).toMatchObject({ verify: null });
  });

  it("is said for agents alone, and in numbers that make sense", async () => {
    const send = (json: object) =>
      world.send("POST", "/enqueue", { json: { repo: "https://github.com/acme/app", ...json } });
    for (const wrong of [
      { ...agent, verifyRounds: 11 },
      { ...agent, verifyRounds: -1 },
      { ...agent, verify: "no" },
    ]) {
      expect((await send(wrong)).status).toBe(422);
    }
    const script = await send({ task: "script", script: "true", verify: true });
    expect([script.status, await script.json()]).toMatchObject([
      422,
      { fields: [{ path: "verify", message: expect.stringContaining('the task "script" does not use verify') }] },
    ]);
  });
});

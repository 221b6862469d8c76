import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { GATEWAY, OWNER, startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

describe("an old fence", () => {
  it("is refused by every worker write, and leaves no trace", async () => {
    const { jobId, lease, worker } = await beginJob(world);
    const { token } = lease;
    await world.send("POST", "/v1/worker/goodbye", { token: worker });
    const next = await claimJob(world, await world.worker("bee-next"));
    expect(next).toMatchObject({ fence: 2, job: { jobId } });
    const sha256 = createHash("sha256").update("x").digest("hex");
    const calls = [
      ["POST", "/v1/worker/heartbeat", { json: {} }],
      ["POST", "/v1/worker/logs?offset=0", { body: "stale" }],
      ["POST", "/v1/worker/events", { json: { from: 0, events: [{ type: "stale" }] } }],
      ["POST", "/v1/worker/secrets", {}],
      ["PUT", `/v1/worker/artifacts/x?sha256=${sha256}`, { body: "x" }],
      ["GET", "/v1/worker/artifacts/1/x", {}],
      [
        "POST",
        "/v1/worker/publish",
        { json: { ref: "refs/heads/x", expectedOld: "0".repeat(40), commit: "1".repeat(40) } },
      ],
      ["POST", "/v1/worker/finish", { json: failedFinish(null) }],
    ] as const;
    for (const [method, path, options] of calls) {
      const response = await world.send(method, path, { token, ...options });
      expect([path, response.status, await codeOf(response)]).toEqual([path, 409, "lease_lost"]);
    }
    expect(await world.parts.logs.fences(jobId)).toEqual([]);
    expect(await world.parts.artifacts.listArtifacts({ jobId })).toEqual([]);
    const { events } = (await (await world.send("GET", `/v1/jobs/${jobId}/events`)).json()) as { events: object[] };
    expect(JSON.stringify(events)).not.toContain("stale");
  });

  it("is known as old from the first request after a restart of the committer too", async () => {
    const { lease } = await beginJob(world);
    // Another server with the same keys and an empty store: what a restored, older backup looks like to this lease.
    const other = await startServer({ change: (parts) => ({ ...parts, leaseTokens: world.parts.leaseTokens }) });
    try {
      const response = await other.send("POST", "/v1/worker/heartbeat", { token: lease.token, json: {} });
      expect([401, 409]).toContain(response.status);
    } finally {
      await other.close();
    }
  });
});

describe("a lease that has not begun", () => {
  it("gets no secrets, tells no events, announces and ends nothing", async () => {
    await enqueueJob(world, { githubToken: "ghp_secret" });
    const { token } = await claimJob(world, await world.worker());
    for (const [path, json] of [
      ["/v1/worker/secrets", undefined],
      ["/v1/worker/events", { from: 0, events: [{}] }],
      ["/v1/worker/publish", { ref: "refs/heads/x", expectedOld: "0".repeat(40), commit: "1".repeat(40) }],
      ["/v1/worker/finish", failedFinish(null)],
    ] as const) {
      const response = await world.send("POST", path, { token, json });
      expect([path, response.status, await codeOf(response)]).toEqual([path, 409, "not_begun"]);
    }
  });
});

describe("a lease's token", () => {
  it("is for one audience: the agent's tokens open nothing of the supervisor's, and the other way round", async () => {
    const { lease } = await beginJob(world);
    for (const token of [lease.llmToken, lease.egressToken]) {
      for (const path of ["/v1/worker/heartbeat", "/v1/worker/secrets", "/v1/worker/claim", "/v1/worker/goodbye"]) {
        expect([path, (await world.send("POST", path, { token, json: {} })).status]).toEqual([path, 401]);
      }
    }
    const verify = (token: string) => world.send("POST", "/v1/gateway/verify", { token: GATEWAY, json: { token } });
    expect((await verify(lease.llmToken)).status).toBe(200);
    for (const token of [lease.token, lease.egressToken, OWNER, "x"]) expect((await verify(token)).status).toBe(401);
  });

  it("of one job reaches nothing of another", async () => {
    const one = await beginJob(world);
    const two = await beginJob(world);
    await world.send("POST", "/v1/worker/logs?offset=0", { token: one.lease.token, body: "of one" });
    const sha256 = createHash("sha256").update("x").digest("hex");
    await world.send("PUT", `/v1/worker/artifacts/mine?sha256=${sha256}`, { token: one.lease.token, body: "x" });
    const foreign = await world.send("GET", "/v1/worker/artifacts/1/mine", { token: two.lease.token });
    expect(foreign.status).toBe(404);
    expect((await world.send("GET", "/v1/worker/artifacts/1/mine", { token: one.lease.token })).status).toBe(200);
    expect(await (await world.send("GET", `/v1/jobs/${two.jobId}/logs`)).text()).toBe("");
  });

  it("is no better for the gateway once its lease is over", async () => {
    const { lease, worker, jobId } = await beginJob(world);
    const usage = {
      jobId,
      fence: 1,
      callId: "call-1",
      provider: "anthropic",
      model: "m",
      inputTokens: 5,
      outputTokens: 7,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      cacheWrite1hTokens: 0,
      webSearches: 0,
      final: true,
    };
    for (const counted of [true, false]) {
      const response = await world.send("POST", "/v1/gateway/usage", { token: GATEWAY, json: usage });
      expect(await response.json()).toEqual({ counted });
    }
    const shown = (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as { usage: object };
    expect(shown.usage).toMatchObject({ calls: 1, inputTokens: 5, outputTokens: 7 });
    await world.send("POST", "/v1/worker/goodbye", { token: worker });
    const gone = await world.send("POST", "/v1/gateway/verify", { token: GATEWAY, json: { token: lease.llmToken } });
    expect([gone.status, await codeOf(gone)]).toEqual([409, "lease_lost"]);
  });
});

import { createHash } from "node:crypto";
import { endpoints } from "@hive/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

describe("a worker", () => {
  it("registers, gets a job, works and ends it", async () => {
    const { jobId, lease } = await beginJob(world, {
      githubToken: "ghp_secret_of_the_job",
      branch: "ci/demo",
      metadata: { a: 1 },
    });
    expect(lease).toMatchObject({ fence: 1, purpose: "work", firstBeatMs: 10_000 });
    expect(lease.job).toMatchObject({
      jobId,
      attempt: 1,
      generation: 1,
      task: "script",
      branch: "ci/demo",
      announced: [],
      previous: null,
    });
    expect(JSON.stringify(lease)).not.toContain("ghp_");
    const token = lease.token;

    const secrets = await world.send("POST", "/v1/worker/secrets", { token });
    expect(await secrets.json()).toEqual({
      git: { username: "x-access-token", password: "ghp_secret_of_the_job" },
      githubApiUrl: "https://api.github.com",
    });
    const text = Buffer.from("hello\nworld\n");
    expect(
      await (await world.send("POST", "/v1/worker/logs?offset=0", { token, body: text.subarray(0, 6) })).json(),
    ).toEqual({ committed: 6 });
    const gap = await world.send("POST", "/v1/worker/logs?offset=9", { token, body: text.subarray(9) });
    expect([gap.status, await gap.json()]).toEqual([
      409,
      expect.objectContaining({ code: "wrong_offset", expected: 6 }),
    ]);
    const early = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(text) });
    expect([early.status, await early.json()]).toEqual([
      409,
      expect.objectContaining({ code: "log_incomplete", expected: 6 }),
    ]);
    await world.send("POST", "/v1/worker/logs?offset=6", { token, body: text.subarray(6) });
    const report = await world.send("POST", "/v1/worker/events", {
      token,
      json: { from: 0, events: [{ type: "message", text: "hi" }] },
    });
    expect(await report.json()).toEqual({ accepted: 1 });

    const file = Buffer.from("<script>alert(1)</script>");
    const sha256 = createHash("sha256").update(file).digest("hex");
    const put = await world.send("PUT", `/v1/worker/artifacts/page.html?sha256=${sha256}`, { token, body: file });
    expect([put.status, await put.json()]).toEqual([200, { name: "page.html", bytes: file.length, sha256 }]);

    const finish = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(text) });
    expect([finish.status, await finish.json()]).toEqual([200, { status: "failed" }]);
    const again = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(text) });
    expect([again.status, await again.json()]).toEqual([200, { status: "failed" }]);
    const other = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(text, "finish-000002") });
    expect([other.status, await codeOf(other)]).toEqual([409, "lease_lost"]);

    const shown = (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as Record<string, unknown>;
    expect(shown).toMatchObject({
      status: "failed",
      reason: "exit_code",
      attempts: 1,
      failures: 1,
      error: { code: "exit_code" },
    });
    expect(JSON.stringify(shown)).not.toContain("ghp_");
    const log = await world.send("GET", `/v1/jobs/${jobId}/logs`);
    expect([await log.text(), log.headers.get("content-type")]).toEqual([
      "hello\nworld\n",
      "text/plain; charset=utf-8",
    ]);
    const part = await world.send("GET", `/v1/jobs/${jobId}/logs`, { headers: { range: "bytes=6-" } });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([
      206,
      "world\n",
      "bytes 6-11/12",
    ]);
    expect((await world.send("GET", `/v1/jobs/${jobId}/logs`, { headers: { range: "bytes=12-" } })).status).toBe(416);
    const download = await world.send("GET", `/v1/jobs/${jobId}/artifacts/1/page.html`);
    expect(await download.text()).toBe(file.toString());
    expect(download.headers.get("content-type")).toBe("application/octet-stream");
    expect(download.headers.get("content-disposition")).toBe('attachment; filename="page.html"');
    expect(download.headers.get("content-security-policy")).toMatch(/sandbox/);
    expect(world.logged.join("")).not.toContain("ghp_");
  });

  it("that repeats its registration or its claim gets the same answer", async () => {
    const jobId = await enqueueJob(world);
    const token = await world.worker("bee-1");
    const first = await claimJob(world, token, "claim-repeated");
    const again = await claimJob(world, token, "claim-repeated");
    expect(again).toEqual(first);
    expect(again.job.jobId).toBe(jobId);
  });

  it("that registers anew replaces its older self, whose token is worthless", async () => {
    const older = await world.worker("bee-1");
    const newer = await world.worker("bee-1");
    const refused = await world.send("POST", "/v1/worker/claim", {
      token: older,
      json: { claimId: "claim-older1", waitMs: 0 },
    });
    expect([refused.status, await codeOf(refused)]).toEqual([401, "worker_unknown"]);
    const taken = await world.send("POST", "/v1/worker/claim", {
      token: newer,
      json: { claimId: "claim-newer1", waitMs: 0 },
    });
    expect(taken.status).toBe(200);
  });

  it("of another version, or with a wrong secret, is told what to do", async () => {
    const body = {
      registrationId: "registration-1",
      protocol: 99,
      name: "old",
      version: "0",
      roles: [],
      labels: [],
      provider: "process",
      isolation: "none",
      agents: [],
      proof: { kind: "secret", at: Date.now(), nonce: "n".repeat(16), mac: "m".repeat(43) },
    };
    const outdated = await world.send("POST", "/v1/worker/register", { token: null, json: body });
    expect([outdated.status, await codeOf(outdated)]).toEqual([426, "worker_outdated"]);
    const wrong = await world.send("POST", "/v1/worker/register", { token: null, json: { ...body, protocol: 1 } });
    expect([wrong.status, await codeOf(wrong)]).toEqual([401, "registration_refused"]);
  });

  it("with a job may not have a second one", async () => {
    const { worker } = await beginJob(world);
    await enqueueJob(world);
    const second = await world.send("POST", "/v1/worker/claim", {
      token: worker,
      json: { claimId: "claim-second", waitMs: 0 },
    });
    expect([second.status, await codeOf(second)]).toEqual([409, "worker_busy"]);
  });

  it("that leaves gives its job back uncounted", async () => {
    const { jobId, worker } = await beginJob(world);
    const bye = await world.send("POST", "/v1/worker/goodbye", { token: worker });
    expect(await bye.json()).toEqual({ ended: jobId });
    const shown = (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as Record<string, unknown>;
    expect(shown).toMatchObject({ status: "queued", failures: 0, losses: 0 });
    const gone = await world.send("POST", "/v1/worker/claim", { token: worker, json: { claimId: "claim-gone-1" } });
    expect([gone.status, await codeOf(gone)]).toEqual([401, "worker_unknown"]);
  });

  it("is drained, and told so", async () => {
    const { lease } = await beginJob(world);
    const { workers } = (await (await world.send("GET", "/v1/workers")).json()) as { workers: { workerId: string }[] };
    const workerId = workers[0]?.workerId ?? "";
    const drained = await world.send("POST", `/v1/workers/${workerId}/drain`);
    expect(await drained.json()).toEqual({ workerId, draining: true });
    const beat = await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
    expect(beat.drain).toBe(true);
    expect((await world.send("POST", "/v1/workers/nobody/drain")).status).toBe(404);
  });

  it("hears of a cancel at once on its stream, and in its next heartbeat", async () => {
    const { jobId, lease, worker } = await beginJob(world);
    const stop = new AbortController();
    const stream = await world.send("GET", "/v1/worker/signals", { token: worker, signal: stop.signal });
    const reader = readerOf(stream);
    await world.send("POST", `/v1/jobs/${jobId}/cancel`, { json: { reason: "not needed" } });
    expect(await reader.until("event: cancel")).toMatch(/"reason":"not needed"/);
    const beat = await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
    expect(beat.cancel).toEqual({ reason: "not needed" });
    stop.abort();
    // A stream opened later hears what still holds.
    const later = await world.send("GET", "/v1/worker/signals", { token: worker });
    expect(await readerOf(later).until("event: cancel")).toContain(jobId);
  });
});

describe("a claim", () => {
  it("waits on the server and is answered when work comes", async () => {
    const token = await world.worker();
    const asked = claimJob(world, token, "claim-waiting", 20_000);
    while (world.parts.waiters.size === 0) await new Promise(setImmediate);
    const jobId = await enqueueJob(world);
    expect((await asked).job.jobId).toBe(jobId);
  });

  it("whose connection closed takes no work from others", async () => {
    const gone = await world.worker("gone");
    const closing = new AbortController();
    const asked = world.send("POST", "/v1/worker/claim", {
      token: gone,
      json: { claimId: "claim-closing" },
      signal: closing.signal,
    });
    while (world.parts.waiters.size === 0) await new Promise(setImmediate);
    closing.abort();
    await expect(asked).rejects.toThrow();
    while (world.parts.waiters.size > 0) await new Promise(setImmediate);
    const jobId = await enqueueJob(world);
    const { fence, job } = await claimJob(world, await world.worker("here"));
    expect([job.jobId, fence]).toEqual([jobId, 1]);
  });
});

describe("following a log", () => {
  it("brings every byte from the first on, over attempts, and ends with the job", async () => {
    const { jobId, lease, worker } = await beginJob(world);
    await world.send("POST", "/v1/worker/logs?offset=0", { token: lease.token, body: "one " });
    const following = world.send("GET", `/v1/jobs/${jobId}/logs?follow=true`).then((response) => response.text());
    await world.send("POST", "/v1/worker/logs?offset=4", { token: lease.token, body: "two " });
    await world.send("POST", "/v1/worker/goodbye", { token: worker });
    const next = await claimJob(world, await world.worker("bee-next"));
    await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: next.token });
    const text = Buffer.from("three");
    await world.send("POST", "/v1/worker/logs?offset=0", { token: next.token, body: text });
    await world.send("POST", "/v1/worker/finish", { token: next.token, json: failedFinish(text) });
    const all = await following;
    expect(["one two three", "three"]).toContain(all);
    expect(await (await world.send("GET", `/v1/jobs/${jobId}/logs?fence=1&follow=true`)).text()).toBe("one two ");
    expect(await (await world.send("GET", `/v1/jobs/${jobId}/logs?follow`)).text()).toBe("three");
    expect((await world.send("GET", "/v1/jobs/nobody/logs?follow")).status).toBe(404);
  });
});

/** Reads an event stream until a text has come. */
function readerOf(response: Response): { until(text: string): Promise<string> } {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let all = "";
  return {
    async until(text) {
      for (;;) {
        const at = all.indexOf(text);
        const end = at < 0 ? -1 : all.indexOf("\n\n", at);
        if (end >= 0) return all.slice(at, end);
        const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
        if (done) throw new Error(`the stream ended before "${text}": ${all}`);
        all += decoder.decode(value, { stream: true });
      }
    },
  };
}

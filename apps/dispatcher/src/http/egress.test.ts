/** What the way out asks of the dispatcher, over HTTP with real leases. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Attempt, beginJob, claimJob, codeOf, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { GATEWAY, OWNER, startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  world = await startServer({ change: (parts) => ({ ...parts, egress: ["registries", "*.example.com"] }) });
});
afterEach(() => world.close());

function call(path: string, json: object): Promise<Response> {
  return world.send("POST", `/v1/egress/${path}`, { token: GATEWAY, json });
}

const open = (token: string, host: string, port = 443) => call("open", { token, host, port });

async function blockedOf({ jobId }: Attempt): Promise<readonly object[]> {
  const response = await world.send("GET", `/v1/jobs/${jobId}/events`);
  const { events } = (await response.json()) as { events: { type: string; data: object }[] };
  return events.filter(({ type }) => type === "job.egress_blocked").map(({ data }) => data);
}

async function jobOf({ jobId }: Attempt): Promise<unknown> {
  return (await world.send("GET", `/v1/jobs/${jobId}`)).json();
}

it("tells whose token it is and what it opens", async () => {
  const { jobId, lease } = await beginJob(world);
  const verdict = await open(lease.egressToken, "Registry.NPMJS.org.");
  expect([verdict.status, await verdict.json()]).toEqual([
    200,
    { allowed: true, jobId, fence: 1, audience: "egress", verifyName: true, publicOnly: false },
  ]);
  expect(await (await open(lease.token, "github.com")).json()).toMatchObject({ allowed: true, audience: "worker" });
  expect(await (await open(lease.token, "registry.npmjs.org")).json()).toMatchObject({ reason: "not_git_host" });
  expect(await (await open(lease.egressToken, "github.com")).json()).toMatchObject({ reason: "not_allowed" });
});

it("refuses tokens that are for something else, and leases that have not begun or are over", async () => {
  const { lease, worker } = await beginJob(world);
  for (const token of [lease.llmToken, worker, OWNER, GATEWAY, "x", `${lease.egressToken}x`]) {
    expect((await open(token, "registry.npmjs.org")).status).toBe(401);
  }
  await enqueueJob(world);
  const fresh = await claimJob(world, await world.worker("bee-fresh"));
  expect(await codeOf(await open(fresh.egressToken, "registry.npmjs.org"))).toBe("not_begun");
  await world.send("POST", "/v1/worker/finish", { token: lease.token, json: failedFinish(null) });
  for (const token of [lease.egressToken, lease.token]) {
    expect(await codeOf(await open(token, "registry.npmjs.org"))).toBe("lease_lost");
  }
});

it("refuses what is no host", async () => {
  const { lease } = await beginJob(world);
  for (const host of ["a/b", "a b", "a@b", "[::1", "a:1"]) {
    expect([host, await codeOf(await open(lease.egressToken, host))]).toEqual([host, "invalid_field"]);
  }
});

it("makes a refusal an event of the job, shows it in the job, and counts it", async () => {
  const attempt = await beginJob(world);
  for (let n = 0; n < 3; n += 1) await open(attempt.lease.egressToken, "Evil.example");
  const other = {
    jobId: attempt.jobId,
    fence: 1,
    host: "registry.npmjs.org",
    port: 443,
    reason: "wrong_name",
    message: "asked for evil.example",
  };
  expect(await (await call("blocked", other)).json()).toEqual({ told: true });
  expect(await (await call("blocked", other)).json()).toEqual({ told: false });
  expect(await blockedOf(attempt)).toMatchObject([
    {
      fence: 1,
      host: "evil.example",
      port: 443,
      reason: "not_allowed",
      message: expect.stringContaining("HIVE_EGRESS"),
    },
    { fence: 1, host: "registry.npmjs.org", port: 443, reason: "wrong_name", message: "asked for evil.example" },
  ]);
  expect(await jobOf(attempt)).toMatchObject({
    blocked: [
      { fence: 1, host: "evil.example", port: 443, reason: "not_allowed" },
      { fence: 1, host: "registry.npmjs.org", port: 443, reason: "wrong_name" },
    ],
  });
  const metrics = await (await world.send("GET", "/metrics")).text();
  expect(metrics).toContain('hive_egress_refusals_total{reason="not_allowed"} 3');
  expect(metrics).toContain('hive_egress_refusals_total{reason="wrong_name"} 2');
  expect(world.logged.filter((line) => line.includes("blocked: evil.example:443"))).toHaveLength(1);
});

it("takes no refusal under an old fence", async () => {
  const attempt = await beginJob(world);
  await world.send("POST", "/v1/worker/finish", { token: attempt.lease.token, json: failedFinish(null) });
  const late = { jobId: attempt.jobId, fence: 1, host: "evil.example", port: 443, reason: "not_tls", message: "" };
  expect(await codeOf(await call("blocked", late))).toBe("lease_lost");
  expect(await blockedOf(attempt)).toEqual([]);
});

it("narrows a job to its own list, which the job shows", async () => {
  const attempt = await beginJob(world, { egress: ["pypi.org", "a.example.com:443"] });
  const { egressToken } = attempt.lease;
  expect(await (await open(egressToken, "pypi.org")).json()).toMatchObject({ allowed: true });
  expect(await (await open(egressToken, "a.example.com")).json()).toMatchObject({ allowed: true });
  expect(await (await open(egressToken, "a.example.com", 80)).json()).toMatchObject({ reason: "not_in_job" });
  expect(await (await open(egressToken, "registry.npmjs.org")).json()).toMatchObject({ reason: "not_in_job" });
  expect(await jobOf(attempt)).toMatchObject({ egress: ["pypi.org", "a.example.com:443"] });
  const none = await beginJob(world, { egress: [] });
  expect(await (await open(none.lease.egressToken, "pypi.org")).json()).toMatchObject({ reason: "not_in_job" });
  expect(await (await open(none.lease.token, "github.com")).json()).toMatchObject({ allowed: true });
  expect(await jobOf(await beginJob(world))).toMatchObject({ egress: null });
});

it("takes an egress list only of entries that mean something", async () => {
  const json = { repo: "https://github.com/acme/app", task: "script", script: "true" };
  const wrong = await world.send("POST", "/enqueue", { json: { ...json, egress: ["pypi.org", "https://pypi.org/"] } });
  expect([wrong.status, await wrong.json()]).toMatchObject([
    422,
    {
      code: "invalid_field",
      fields: [{ path: "egress[1]", message: expect.stringContaining("must be a host (registry.npmjs.org)") }],
    },
  ]);
  const many = await world.send("POST", "/enqueue", { json: { ...json, egress: Array(257).fill("a.example") } });
  expect(many.status).toBe(422);
});

it("lets a worker's launcher say what its jobs may reach, before the server's own list", async () => {
  const jobId = await enqueueJob(world);
  const launchToken = world.parts.registrar.issue({ pool: "big", egress: ["only.example"] });
  const registration = {
    registrationId: "registration-launched",
    protocol: 1,
    name: "launched",
    version: "1",
    roles: [],
    labels: [],
    provider: "docker",
    isolation: "container",
    agents: [],
    proof: { kind: "launch", token: launchToken },
  };
  const registered = await world.send("POST", "/v1/worker/register", { token: null, json: registration });
  const { token } = (await registered.json()) as { token: string };
  const lease = await claimJob(world, token);
  expect(lease.job.jobId).toBe(jobId);
  await world.send("POST", "/v1/worker/heartbeat", { token: lease.token, json: {} });
  expect(await (await open(lease.egressToken, "only.example")).json()).toMatchObject({ allowed: true });
  expect(await (await open(lease.egressToken, "registry.npmjs.org")).json()).toMatchObject({
    allowed: false,
    message: expect.stringContaining('add "registry.npmjs.org" to egress of the pool big in hive.yaml'),
  });
});

it("says which leases are over, and keeps what passed for the metrics", async () => {
  const [one, two] = [await beginJob(world), await beginJob(world)];
  const leases = [
    { jobId: one.jobId, fence: 1 },
    { jobId: two.jobId, fence: 1 },
    { jobId: two.jobId, fence: 2 },
    { jobId: "never-was", fence: 1 },
  ];
  const report = async () => (await call("report", { leases, connections: 3, bytesOut: 10, bytesIn: 20 })).json();
  expect(await report()).toEqual({ over: leases.slice(2) });
  await world.send("POST", "/v1/worker/finish", { token: one.lease.token, json: failedFinish(null) });
  expect(await report()).toEqual({ over: [leases[0], ...leases.slice(2)] });
  const metrics = await (await world.send("GET", "/metrics")).text();
  expect(metrics).toContain("hive_egress_connections 3");
  expect(metrics).toContain('hive_egress_bytes_total{direction="out"} 20');
  expect(metrics).toContain('hive_egress_bytes_total{direction="in"} 40');
});

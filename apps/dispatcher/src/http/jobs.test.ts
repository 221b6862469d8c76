import { endpoints } from "@hive/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startServer, type TestServer } from "./server.fixture.ts";

const REPO = "https://github.com/acme/app";
const job = { repo: REPO, task: "script", script: "true" };

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly fields?: readonly { readonly path: string; readonly message: string }[];
}

async function enqueue(
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> & Partial<Problem> }> {
  const response = await world.send("POST", "/enqueue", { json: { ...job, ...body }, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function get(path: string): Promise<Record<string, unknown>> {
  return (await (await world.send("GET", path)).json()) as Record<string, unknown>;
}

describe("the brief's own call", () => {
  it("is accepted, word for word", async () => {
    const { status, body } = await enqueue({
      jobId: "demo-1",
      repo: "https://github.com/acme/app",
      branch: "ci/demo",
      base: "main",
      task: "agent",
      script: undefined,
      instructions: "Add README quickstart",
      githubToken: "ghp_0123",
    });
    expect(status).toBe(202);
    expect(body).toEqual({
      accepted: true,
      jobId: "demo-1",
      status: "held",
      reason: "no_agent",
      position: 0,
      url: "http://hive.test/v1/jobs/demo-1",
    });
    const shown = await get("/v1/jobs/demo-1");
    expect(shown["waiting"]).toMatch(/HIVE_AGENT/);
    expect(JSON.stringify(shown)).not.toContain("ghp_");
    expect(JSON.stringify(await get("/v1/jobs/demo-1/events"))).not.toContain("ghp_");
  });

  it("to health needs no token", async () => {
    const response = await world.send("GET", "/health", { token: null });
    expect(await response.json()).toMatchObject({
      ok: true,
      leader: true,
      store: "memory",
      queue: { queued: 0 },
      workers: { total: 0 },
    });
    expect((await world.send("GET", "/health/ready", { token: null })).status).toBe(200);
  });

  it("to health says what the store may lose", async () => {
    const warnings = ["redis://db has appendfsync everysec: the jobs of the last seconds"];
    const risky = await startServer({ change: (parts) => ({ ...parts, storeWarnings: () => warnings }) });
    try {
      const health = await risky.send("GET", "/health", { token: null });
      expect(await health.json()).toMatchObject({ ok: true, warnings });
    } finally {
      await risky.close();
    }
  });
});

describe("the same id", () => {
  it("with the same body is the same job, also with a renewed token", async () => {
    expect((await enqueue({ jobId: "a", githubToken: "one" })).status).toBe(202);
    expect((await enqueue({ jobId: "a", githubToken: "two" })).body).toMatchObject({ accepted: true, jobId: "a" });
    expect(((await get("/v1/jobs"))["jobs"] as unknown[]).length).toBe(1);
  });

  it("with another body is a conflict", async () => {
    await enqueue({ jobId: "a" });
    const { status, body } = await enqueue({ jobId: "a", script: "false" });
    expect([status, body.code]).toEqual([409, "id_conflict"]);
  });

  it("sent a hundred times at once is one job", async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => enqueue({ jobId: "a" })));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([202]));
    expect(((await get("/v1/jobs"))["jobs"] as unknown[]).length).toBe(1);
  });
});

describe("an Idempotency-Key", () => {
  it("gives a repeated request its first answer, and refuses another request", async () => {
    const first = await enqueue({}, { "idempotency-key": "key-1" });
    const again = await enqueue({}, { "idempotency-key": "key-1" });
    expect(again.body["jobId"]).toBe(first.body["jobId"]);
    expect((await enqueue({}, { "idempotency-key": "key-2" })).body["jobId"]).not.toBe(first.body["jobId"]);
    const other = await enqueue({ script: "false" }, { "idempotency-key": "key-1" });
    expect([other.status, other.body.code]).toEqual([409, "idempotency_conflict"]);
    expect((await enqueue({}, { "idempotency-key": "x".repeat(300) })).status).toBe(422);
  });
});

describe("bad input gets a clear answer and harms nothing", () => {
  it.each([
    ["an unknown task", { task: "dance" }, "task"],
    ["a wrong type", { priority: "high" }, "priority"],
    ["an option as the repository", { repo: "--upload-pack=touch /tmp/owned" }, "repo"],
    ["a remote helper", { repo: "ext::sh -c touch% /tmp/owned" }, "repo"],
    ["a folder of this machine", { repo: "file:///etc" }, "repo"],
    ["an SSH address", { repo: "git@github.com:acme/app.git" }, "repo"],
    ["plain http", { repo: "http://github.com/acme/app" }, "repo"],
    ["a branch that is an option", { branch: "-x" }, "branch"],
    ["a branch that is a path", { branch: "../../x" }, "branch"],
    ["a branch with the whole ref", { branch: "refs/heads/../x" }, "branch"],
    ["a base that is an option", { base: "--force" }, "base"],
    ["a date that is none", { runAt: "tomorrow" }, "runAt"],
    ["the year 9999", { runAt: "9999-12-31T23:59:59Z" }, "runAt"],
    ["a callback to a private address", { callbackUrl: "http://127.0.0.1:8080/" }, "callbackUrl"],
    ["a callback to the metadata service", { callbackUrl: "http://169.254.169.254/latest/meta-data" }, "callbackUrl"],
    ["a callback with credentials", { callbackUrl: "https://user:secret@example.com/" }, "callbackUrl"],
    ["a token of two lines", { githubToken: "a\nb" }, "githubToken"],
    ["seventeen labels", { labels: Array.from({ length: 17 }, (_, i) => `l${i}`) }, "labels"],
    ["a hundred and one dependencies", { dependsOn: Array.from({ length: 101 }, (_, i) => `d${i}`) }, "dependsOn"],
    ["metadata too deep", { metadata: { a: JSON.parse(`${"[".repeat(20)}${"]".repeat(20)}`) as unknown } }, "metadata"],
    ["a name that breaks a header", { gitUser: { name: "x\ny", email: "a@b.co" } }, "gitUser.name"],
  ])("%s", async (_what, body, field) => {
    const { status, body: answer } = await enqueue(body);
    expect(status).toBe(422);
    expect(answer.fields?.map(({ path }) => path)).toContain(field);
    expect(answer.detail).toContain(field);
    expect((await get("/v1/jobs"))["jobs"]).toEqual([]);
  });

  it("runAt in the past is at once", async () => {
    expect((await enqueue({ runAt: "2001-01-01T00:00:00Z" })).body["status"]).toBe("queued");
  });

  it("an unknown dependency and a cycle are named", async () => {
    const unknown = await enqueue({ dependsOn: ["nobody"] });
    expect([unknown.status, unknown.body.code]).toEqual([422, "unknown_dependency"]);
    const jobs = [
      { ...job, jobId: "a", dependsOn: ["b"] },
      { ...job, jobId: "b", dependsOn: ["a"] },
    ];
    const cycle = await world.send("POST", "/v1/jobs", { json: { jobs } });
    expect([cycle.status, ((await cycle.json()) as Problem).code]).toEqual([422, "dependency_cycle"]);
    const self = await enqueue({ jobId: "c", dependsOn: ["c"] });
    expect(self.status).toBe(422);
    expect((await get("/v1/jobs"))["jobs"]).toEqual([]);
  });

  it("one bad job of a batch refuses them all", async () => {
    const jobs = [job, { ...job, repo: "nonsense" }];
    expect((await world.send("POST", "/v1/jobs", { json: { jobs } })).status).toBe(422);
    expect((await get("/v1/jobs"))["jobs"]).toEqual([]);
  });

  it("a wrong cursor, filter or id is refused", async () => {
    expect((await world.send("GET", "/v1/jobs?cursor=nonsense")).status).toBe(422);
    expect((await world.send("GET", "/v1/jobs?status=sleeping")).status).toBe(422);
    expect((await world.send("GET", "/v1/jobs?limit=0")).status).toBe(422);
    expect((await world.send("GET", "/v1/jobs?sort=id;drop")).status).toBe(422);
    expect((await world.send("GET", "/v1/jobs?limit=1&limit=2")).status).toBe(422);
    for (const id of ["nobody", "..%2f..%2fetc%2fpasswd", "%00", "a%2fb", ".hidden"]) {
      const response = await world.send("GET", `/v1/jobs/${id}`);
      expect([id, response.status]).toEqual([id, id === "nobody" ? 404 : 422]);
    }
    for (const name of ["..%2f..%2fetc%2fpasswd", "%2e%2e", "%252e%252e", "a%00b"]) {
      expect([404, 422]).toContain((await world.send("GET", `/v1/jobs/nobody/artifacts/1/${name}`)).status);
    }
  });
});

describe("lists", () => {
  it("have pages, by status and by repository in any spelling", async () => {
    for (let i = 0; i < 5; i += 1) await enqueue({ jobId: `a${i}` });
    await enqueue({ jobId: "b", repo: "https://example.com/other" });
    const { jobs: first, next } = await world.client.call(endpoints.listJobs, { query: { limit: 4 } });
    expect(first.map(({ jobId }) => jobId)).toEqual(["b", "a4", "a3", "a2"]);
    const rest = await world.client.call(endpoints.listJobs, { query: { limit: 4, cursor: next ?? "" } });
    expect([rest.jobs.map(({ jobId }) => jobId), rest.next]).toEqual([["a1", "a0"], null]);
    const oldest = await world.client.call(endpoints.listJobs, {
      query: { status: "queued", order: "oldest", limit: 1 },
    });
    expect(oldest.jobs[0]?.jobId).toBe("a0");
    const other = await world.client.call(endpoints.listJobs, { query: { repo: "https://github.com/acme/app.git" } });
    expect(other.jobs).toHaveLength(5);
  });

  it("may be by status and repository at once, page by page, and bulk finds the same jobs", async () => {
    for (let i = 0; i < 6; i += 1) await enqueue({ jobId: `a${i}` });
    await enqueue({ jobId: "b", repo: "https://example.com/other" });
    for (const id of ["a1", "a4", "b"]) await world.send("POST", `/v1/jobs/${id}/cancel`);
    const found = async (status: "queued" | "canceled"): Promise<string[]> => {
      const ids: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const from: { readonly cursor?: string } = cursor === "" ? {} : { cursor };
        const query = { status, repo: `${REPO}.git`, limit: 1, ...from };
        const { jobs, next } = await world.client.call(endpoints.listJobs, { query });
        ids.push(...jobs.map(({ jobId }) => jobId));
        cursor = next;
      }
      return ids;
    };
    expect(await found("canceled")).toEqual(["a4", "a1"]);
    expect(await found("queued")).toEqual(["a5", "a3", "a2", "a0"]);
    const body = { action: "retry", filter: { status: "canceled", repo: REPO } } as const;
    expect(await world.client.call(endpoints.bulkJobs, { body: { ...body, dryRun: true } })).toMatchObject({
      matched: 2,
    });
    expect(await world.client.call(endpoints.bulkJobs, { body })).toMatchObject({ matched: 2, done: 2, skipped: [] });
    expect((await world.client.call(endpoints.listJobs, { query: { status: "canceled" } })).jobs).toHaveLength(1);
  });
});

describe("decisions", () => {
  it("cancel, retry, approve and reject change what they may, and say so where they may not", async () => {
    await enqueue({ jobId: "a" });
    const canceled = await world.send("POST", "/v1/jobs/a/cancel");
    expect(await canceled.json()).toEqual({ jobId: "a", status: "canceled", reason: "requested" });
    const retried = await world.send("POST", "/v1/jobs/a/retry");
    expect(await retried.json()).toMatchObject({ jobId: "a", status: "queued", generation: 2 });
    const again = await world.send("POST", "/v1/jobs/a/retry");
    expect([again.status, ((await again.json()) as Problem).code]).toEqual([409, "wrong_status"]);
    expect((await world.send("POST", "/v1/jobs/nobody/cancel")).status).toBe(404);
    await enqueue({ jobId: "held", task: "agent", script: undefined, instructions: "x" });
    const rejected = await world.send("POST", "/v1/jobs/held/reject", { json: { reason: "no" } });
    expect(await rejected.json()).toMatchObject({ status: "canceled" });
  });

  it("in bulk count first, then act in chunks that go on where they stopped", async () => {
    const jobs = Array.from({ length: 25 }, (_, i) => ({ ...job, jobId: `j${i}` }));
    await world.send("POST", "/v1/jobs", { json: { jobs } });
    const bulk = (body: object) =>
      world.client.call(endpoints.bulkJobs, { body: { action: "cancel", filter: { repo: REPO }, ...body } as never });
    expect(await bulk({ dryRun: true })).toMatchObject({ matched: 25, done: 0, next: null });
    const first = await bulk({ limit: 10 });
    expect(first).toMatchObject({ matched: 10, done: 10, skipped: [] });
    const second = await bulk({ limit: 10, cursor: first.next ?? "" });
    const third = await bulk({ limit: 10, cursor: second.next ?? "" });
    expect([second.done, third.done, third.next]).toEqual([10, 5, null]);
    expect(await bulk({ dryRun: true })).toMatchObject({ matched: 0 });
  });
});

describe("why a job waits", () => {
  it("is said in words", async () => {
    const waiting = async (body: { readonly jobId: string }): Promise<unknown> => {
      expect((await enqueue(body)).status).toBe(202);
      return (await get(`/v1/jobs/${body.jobId}`))["waiting"];
    };
    expect(await waiting({ jobId: "none" })).toMatch(/No worker is connected/);
    await world.worker("bee-1");
    expect(await waiting({ jobId: "gpu", ...{ labels: ["gpu"] } })).toMatch(/None of the 1 workers has the label gpu/);
    expect(await waiting({ jobId: "dep", ...{ dependsOn: ["none"] } })).toMatch(/waits for none/);
    expect(await waiting({ jobId: "time", ...{ runAt: new Date(Date.now() + 3_600_000).toISOString() } })).toMatch(
      /waits until/,
    );
  });
});

describe("a store that fails", () => {
  it("answers 503 with Retry-After, loses nothing that was acknowledged, and comes back", async () => {
    let failing = false;
    const broken = await startServer({
      faults: {
        beforeCommit: () => {
          if (failing) throw new Error("ENOSPC: no space left on device");
        },
      },
    });
    try {
      const send = (jobId: string) => broken.send("POST", "/enqueue", { json: { ...job, jobId } });
      expect((await send("before")).status).toBe(202);
      failing = true;
      const refused = await send("during");
      expect([refused.status, ((await refused.json()) as Problem).code]).toEqual([503, "store_failed"]);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      failing = false;
      let accepted = await send("after");
      for (let tries = 0; accepted.status === 503 && tries < 1000; tries += 1) {
        expect(accepted.headers.get("retry-after")).not.toBeNull();
        await new Promise((resolve) => void setTimeout(resolve, 10));
        accepted = await send("after");
      }
      expect(accepted.status).toBe(202);
      expect((await broken.send("GET", "/v1/jobs/before")).status).toBe(200);
      expect((await broken.send("GET", "/v1/jobs/during")).status).toBe(404);
      expect((await broken.send("GET", "/health", { token: null })).status).toBe(200);
    } finally {
      await broken.close();
    }
  });
});

describe("what the server says of itself", () => {
  it("counts, for people and for Prometheus", async () => {
    await enqueue({ jobId: "a" });
    await enqueue({ jobId: "a" });
    await world.send("POST", "/v1/jobs/a/cancel");
    expect(await get("/v1/stats")).toMatchObject({ accepted: 1, canceled: 1, succeeded: 0, queue: { queued: 0 } });
    const text = await (await world.send("GET", "/metrics")).text();
    expect(text).toMatch(/hive_jobs_accepted_total 1/);
    expect(text).toMatch(/hive_jobs_ended_total\{end="canceled"\} 1/);
    expect(text).toMatch(/hive_http_request_seconds_count\{endpoint="enqueue",status="202"\} 2/);
  });
});

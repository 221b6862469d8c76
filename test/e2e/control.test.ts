/** What people do to jobs and workers while they run: cancel, retry, order, drain, approve. One server, two workers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { withTraces } from "./processes.ts";
import { until } from "./until.ts";

let git: GitHost;
let server: HiveProcess;
let gates: string;

beforeAll(async () => {
  git = await startGitHost();
  git.makeRepo("app.git");
  git.makeRepo("careful/app.git");
  const host = new URL(git.server.url).host;
  server = await startHive({
    env: { HIVE_AGENT: "demo" },
    yaml: `repos: [{ match: "${host}/careful/*", approve: publish }, { match: "${host}/asks/*", approve: start }]`,
  });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

/** A job that waits inside its script until the test opens its gate. */
function gated(jobId: string, more: Partial<NewJobRequest> = {}): NewJobRequest {
  const script = `while [ ! -e ${join(gates, jobId)} ]; do sleep 0.05; done; echo ${jobId} > ${jobId}.txt`;
  return { jobId, repo: `${git.server.url}/app.git`, task: "script", script, ...more };
}

function open(jobId: string): void {
  writeFileSync(join(gates, jobId), "");
}

function quick(jobId: string, more: Partial<NewJobRequest> = {}): NewJobRequest {
  return { jobId, repo: `${git.server.url}/app.git`, task: "script", script: "true", ...more };
}

function inPhase(jobId: string, phase: string): Promise<JobDetail> {
  return until(
    `${jobId} to be in ${phase}`,
    async () => {
      const job = await server.hive.get(jobId);
      return job.phase === phase ? job : null;
    },
    { more: () => server.printed().slice(-4000) },
  );
}

test("a running job is canceled: its whole process tree dies, and the job says who and why", async () => {
  await server.hive.enqueue({
    ...quick("cancel-me"),
    script: `trap '' TERM INT HUP; (setsid sh -c 'trap "" TERM; while :; do sleep 1000; done' &) ; hive-progress 10 on; while :; do sleep 1; done`,
  });
  await inPhase("cancel-me", "run");
  await server.hive.cancel("cancel-me", "changed my mind");
  const job = await server.over("cancel-me");
  expect(job).toMatchObject({ status: "canceled", failures: 0, losses: 0 });
  expect(await (await server.fetch("/v1/jobs/cancel-me/events")).text()).toContain("changed my mind");
  await until(
    "its processes to be gone",
    () => withTraces({ folder: "/no/such", uids: server.traces.uids }).length === 0,
  );
  expect(git.head("app.git", "hive/cancel-me")).toBeNull();
  expect(await server.hive.cancel("cancel-me")).toMatchObject({ status: "canceled" });
});

test("a waiting job is canceled at once, and retried by hand it runs", async () => {
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await server.hive.enqueue(quick("not-yet", { runAt: later }));
  expect(await server.hive.get("not-yet")).toMatchObject({ status: "scheduled" });
  expect(await server.hive.cancel("not-yet")).toMatchObject({ status: "canceled" });
  expect(await server.hive.retry("not-yet")).toMatchObject({ generation: 2 });
  expect(["scheduled", "queued", "running", "succeeded"]).toContain((await server.hive.get("not-yet")).status);
});

test("a failed job is retried by hand as a new generation, with a higher fence", async () => {
  const done = join(gates, "second-try");
  await server.hive.enqueue({ ...quick("again"), script: `test -e ${done}` });
  const first = await server.over("again");
  expect(first).toMatchObject({ status: "failed", generation: 1 });
  writeFileSync(done, "");
  await server.hive.retry("again");
  const second = await until("the second generation to end", async () => {
    const job = await server.hive.get("again");
    return job.generation === 2 && job.status === "succeeded" ? job : null;
  });
  expect(second.fence).toBeGreaterThan(first.fence);
  expect(second.history.map((one) => one.generation)).toEqual([1, 2]);
  await expect(server.hive.retry("again")).rejects.toMatchObject({ code: "wrong_status" });
});

test("a job waits for the jobs it depends on; one whose dependency failed does not run", async () => {
  await server.hive.enqueueAll([
    gated("graph-a"),
    quick("graph-b", { dependsOn: ["graph-a"] }),
    quick("graph-c", { dependsOn: ["graph-a", "graph-b"] }),
    { ...quick("graph-bad"), script: "exit 1" },
    quick("graph-after-bad", { dependsOn: ["graph-bad"] }),
  ]);
  expect(await server.hive.get("graph-c")).toMatchObject({ status: "blocked", waitsFor: ["graph-a", "graph-b"] });
  open("graph-a");
  for (const jobId of ["graph-a", "graph-b", "graph-c"]) {
    expect(await server.over(jobId)).toMatchObject({ status: "succeeded" });
  }
  const begun = async (jobId: string) => (await server.hive.get(jobId)).history[0]?.grantedAt ?? 0;
  const ended = async (jobId: string) => (await server.hive.get(jobId)).endedAt ?? Infinity;
  expect(await begun("graph-b")).toBeGreaterThanOrEqual(await ended("graph-a"));
  expect(await begun("graph-c")).toBeGreaterThanOrEqual(await ended("graph-b"));
  await server.over("graph-bad");
  const after = await server.over("graph-after-bad");
  expect(after).toMatchObject({ attempts: 0 });
  expect(["failed", "canceled"]).toContain(after.status);
  expect(after.reason).toContain("depend");
});

test("a circle and an unknown dependency are refused, and nothing of the batch is kept", async () => {
  const circle = [quick("circle-a", { dependsOn: ["circle-b"] }), quick("circle-b", { dependsOn: ["circle-a"] })];
  await expect(server.hive.enqueueAll(circle)).rejects.toMatchObject({ code: "dependency_cycle" });
  await expect(server.hive.enqueue(quick("orphan", { dependsOn: ["no-such"] }))).rejects.toMatchObject({
    code: "unknown_dependency",
  });
  for (const jobId of ["circle-a", "orphan"])
    await expect(server.hive.get(jobId)).rejects.toMatchObject({ code: "not_found" });
});

test("a job with runAt starts when it is due", async () => {
  const due = Date.now() + 1_500;
  const accepted = await server.hive.enqueue(quick("timed", { runAt: new Date(due).toISOString() }));
  expect(accepted.status).toBe("scheduled");
  const job = await server.over("timed");
  expect(job).toMatchObject({ status: "succeeded" });
  expect(job.history[0]?.grantedAt).toBeGreaterThanOrEqual(due);
});

test("priority goes first, then first in, first out; a job for a role nobody plays waits and says so", async () => {
  await server.hive.enqueueAll([gated("block-1", { branch: "b1" }), gated("block-2", { branch: "b2" })]);
  await inPhase("block-1", "run");
  await inPhase("block-2", "run");
  await server.hive.enqueue(quick("for-nobody", { labels: ["gpu"] }));
  await server.hive.enqueueAll([
    quick("low", { priority: 9, branch: "p" }),
    quick("middle-1", { branch: "p" }),
    quick("middle-2", { branch: "p" }),
    quick("high", { priority: 0, branch: "p" }),
  ]);
  open("block-1");
  open("block-2");
  const jobs = await Promise.all(["high", "middle-1", "middle-2", "low"].map((jobId) => server.over(jobId)));
  const granted = jobs.map((job) => job.history[0]?.grantedAt ?? 0);
  expect(granted).toEqual(granted.toSorted((a, b) => a - b));
  const nobody = await server.hive.get("for-nobody");
  expect(nobody).toMatchObject({ status: "queued" });
  expect(nobody.waiting).toContain("gpu");
  await server.hive.cancel("for-nobody");
});

test("jobs of one branch run one after the other", async () => {
  await server.hive.enqueueAll([gated("one-1", { branch: "one" }), gated("one-2", { branch: "one" })]);
  await inPhase("one-1", "run");
  expect((await server.hive.get("one-2")).status).toBe("queued");
  expect((await server.hive.get("one-2")).waiting).not.toBeNull();
  open("one-1");
  open("one-2");
  expect(await server.over("one-1")).toMatchObject({ status: "succeeded" });
  expect(await server.over("one-2")).toMatchObject({ status: "succeeded" });
  expect(git.read("app.git", "one", "one-1.txt")).toBe("one-1");
  expect(git.read("app.git", "one", "one-2.txt")).toBe("one-2");
});

test("a drained worker finishes its job and leaves; a fresh one takes its place", async () => {
  const workers = async () => {
    const reply = await server.fetch("/v1/workers");
    return ((await reply.json()) as { workers: { workerId: string; registeredAt: number }[] }).workers;
  };
  await server.hive.enqueue(gated("draining"));
  await inPhase("draining", "run");
  const { workerId } = await server.hive.get("draining");
  const registeredAt = async () => (await workers()).find((one) => one.workerId === workerId)?.registeredAt ?? 0;
  const before = await registeredAt();
  const drain = { method: "POST", headers: { "content-type": "application/json" }, body: '{"draining":true}' };
  expect(await (await server.fetch(`/v1/workers/${workerId}/drain`, drain)).json()).toEqual({
    workerId,
    draining: true,
  });
  open("draining");
  expect(await server.over("draining")).toMatchObject({ status: "succeeded", attempts: 1, losses: 0 });
  await until("a fresh worker", async () => (await registeredAt()) > before);
  expect(await server.run(quick("after-the-drain"))).toMatchObject({ status: "succeeded", attempts: 1 });
});

test("logs come in parts by Range and follow to the end, byte for byte", async () => {
  await server.hive.enqueue({
    ...gated("talks"),
    script: `echo first; while [ ! -e ${join(gates, "talks")} ]; do sleep 0.05; done; printf 'ünï\\0x\\n'; echo last`,
  });
  await inPhase("talks", "run");
  const followed = (async () => {
    const parts: Uint8Array[] = [];
    for await (const part of await server.hive.logs("talks", { follow: true })) parts.push(part);
    return Buffer.concat(parts);
  })();
  await until("the first words", async () =>
    (await (await server.fetch("/v1/jobs/talks/logs")).text()).includes("first\n"),
  );
  open("talks");
  const job = await server.over("talks");
  const whole = Buffer.from(await (await server.fetch("/v1/jobs/talks/logs")).arrayBuffer());
  expect(whole.toString()).toContain("first\nünï\0x\nlast\n");
  expect(whole.length).toBe(job.history[0]?.log?.bytes);
  expect((await followed).equals(whole)).toBe(true);
  const part = await server.fetch("/v1/jobs/talks/logs", { headers: { range: "bytes=3-9" } });
  expect(part.status).toBe(206);
  expect(part.headers.get("content-range")).toBe(`bytes 3-9/${whole.length}`);
  expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(3, 10))).toBe(true);
  const beyond = await server.fetch("/v1/jobs/talks/logs", { headers: { range: `bytes=${whole.length}-` } });
  expect(beyond.status).toBe(416);
});

test("work that needs approval waits as a bundle; only the hash that was looked at publishes it", async () => {
  const job = await server.run({
    jobId: "careful",
    repo: `${git.server.url}/careful/app.git`,
    task: "script",
    script: "echo reviewed > reviewed.txt",
  });
  expect(job).toMatchObject({ status: "held", reason: "publish" });
  expect(git.head("careful/app.git", "hive/careful")).toBeNull();
  expect(await (await server.fetch("/v1/jobs/careful/diff")).text()).toContain("+reviewed");
  const sha256 = job.bundle?.sha256 ?? "";
  const bundle = await server.fetch(`/v1/jobs/careful/artifacts/${job.fence}/${job.bundle?.artifact}`);
  const digest = await crypto.subtle.digest("SHA-256", await bundle.arrayBuffer());
  expect(Buffer.from(digest).toString("hex")).toBe(sha256);
  await expect(server.hive.approve("careful", "0".repeat(64))).rejects.toMatchObject({ code: "approval_mismatch" });
  await expect(server.hive.approve("careful")).rejects.toMatchObject({ code: "approval_mismatch" });
  await server.hive.approve("careful", sha256);
  const done = await until("the publishing attempt to end", async () => {
    const now = await server.hive.get("careful");
    return now.status === "succeeded" || now.status === "failed" ? now : null;
  });
  expect(done).toMatchObject({ status: "succeeded", error: null });
  expect(git.read("careful/app.git", "hive/careful", "reviewed.txt")).toBe("reviewed");
  expect(git.head("careful/app.git", "hive/careful")).toBe(done.result?.commit);
});

test("a repository that asks first: approved it runs, rejected it never does", async () => {
  git.makeRepo("asks/app.git");
  const repo = `${git.server.url}/asks/app.git`;
  expect(await server.hive.enqueue(quick("asked", { repo }))).toMatchObject({ status: "held", reason: "approval" });
  await server.hive.approve("asked");
  expect(
    (
      await until("its end", async () => {
        const job = await server.hive.get("asked");
        return job.status === "succeeded" ? job : null;
      })
    ).attempts,
  ).toBe(1);
  await server.hive.enqueue(quick("refused", { repo }));
  expect(await server.hive.reject("refused", "no")).toMatchObject({ status: "canceled" });
  expect(await server.hive.get("refused")).toMatchObject({ attempts: 0 });
});

test("an attempt that takes too long is ended", async () => {
  const job = await server.run({ ...quick("too-long", { timeoutMs: 1500, maxAttempts: 1 }), script: "sleep 1000" });
  expect(job).toMatchObject({ status: "failed" });
  expect(job.reason).toContain("time");
});

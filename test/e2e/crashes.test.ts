/** Programs that die in the middle: a worker, the server, and readers who were watching. Nothing acknowledged is lost. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

let git: GitHost;
let server: HiveProcess;
let gates: string;

beforeAll(async () => {
  git = await startGitHost();
  git.makeRepo("app.git");
  // Short leases: what a dead server or worker held comes back while the test watches.
  server = await startHive({ env: { HIVE_AGENT: "demo", HIVE_LEASE_MS: "6000" } });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

/** A job that notes each of its starts, waits for its gate, and changes the repository. */
function gated(jobId: string, more: Partial<NewJobRequest> = {}): NewJobRequest {
  const script = `while [ ! -e ${join(gates, jobId)} ]; do sleep 0.05; done; echo ${jobId} > ${jobId}.txt`;
  return { jobId, repo: `${git.server.url}/app.git`, task: "script", script, ...more };
}

function running(jobId: string, after = 0): Promise<JobDetail> {
  return until(
    `${jobId} to run`,
    async () => {
      const job = await server.hive.get(jobId).catch(() => null);
      return job !== null && job.phase === "run" && job.fence > after ? job : null;
    },
    { more: () => server.printed().slice(-6000) },
  );
}

/** The process of a worker the server started, from the note it keeps. */
function pidOf(worker: string): number {
  const folder = join(server.data, "workers", "running");
  for (const name of readdirSync(folder)) {
    const note = JSON.parse(readFileSync(join(folder, name), "utf8")) as { name: string; pid: number };
    if (note.name === worker) return note.pid;
  }
  throw new Error(`${worker} is not running`);
}

test("a worker killed in the middle: the job is taken over with a higher fence and ends once", async () => {
  await server.hive.enqueue(gated("widow"));
  const first = await running("widow");
  process.kill(pidOf(first.workerId ?? ""), "SIGKILL");
  const second = await running("widow", first.fence);
  expect(second.fence).toBe(first.fence + 1);
  writeFileSync(join(gates, "widow"), "");
  const job = await server.over("widow");
  expect(job).toMatchObject({ status: "succeeded", attempts: 2, losses: 1, failures: 0 });
  expect(job.history.map((one) => one.end)).toEqual(["lost", "succeeded"]);
  expect(git.head("app.git", "hive/widow")).toBe(job.result?.commit);
  expect(git.read("app.git", "hive/widow", "widow.txt")).toBe("widow");
});

test("the server killed in the middle: started again, every job it acknowledged ends, once", async () => {
  const ids = ["orphan-1", "orphan-2", "orphan-3"];
  await server.hive.enqueueAll(ids.map((jobId) => gated(jobId)));
  await running("orphan-1");
  await running("orphan-2");
  await server.crash();
  await server.start();
  for (const jobId of ids) writeFileSync(join(gates, jobId), "");
  for (const jobId of ids) {
    const job = await server.over(jobId);
    expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", failures: 0 });
    expect(job.history.filter((one) => one.end === "succeeded")).toHaveLength(1);
    expect(git.head("app.git", `hive/${jobId}`)).toBe(job.result?.commit);
    const events = (await (await server.fetch(`/v1/jobs/${jobId}/events?limit=1000`)).json()) as {
      events: { type: string }[];
    };
    expect(events.events.filter((one) => one.type === "job.succeeded")).toHaveLength(1);
  }
});

test("a job that ends while the server is down is told from the worker's disk to the next server", async () => {
  const gate = join(gates, "told-later");
  const files = { ".hive/config.yaml": `test: while [ ! -e ${gate} ]; do sleep 0.05; done; echo heard` };
  const repo = git.makeRepo("told-later.git", files);
  await server.hive.enqueue({ jobId: "told-later", repo, task: "test", maxAttempts: 1 });
  const before = await running("told-later");
  await server.crash();
  writeFileSync(gate, "");
  // Only these folders: a look through a whole working copy meets files that its job is just removing.
  const workers = join(server.data, "workers");
  const unsent = (): string[] =>
    readdirSync(workers)
      .map((worker) => join(workers, worker, `slot-${worker}`, "unsent"))
      .flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  await until("the result to be on the worker's disk", () => unsent().length > 0);
  await server.start();
  const job = await server.over("told-later");
  expect(job).toMatchObject({ status: "succeeded", fence: before.fence, attempts: 1, losses: 0 });
  expect(await (await server.fetch("/v1/jobs/told-later/logs")).text()).toContain("heard\n");
  await until("the worker's disk to be clear again", () => unsent().length === 0);
});

test("a reader of events misses none over a restart of the server", async () => {
  const seen: { id: number; type: string; jobId: string | null }[] = [];
  const reading = new AbortController();
  const reader = (async () => {
    for await (const event of server.hive.events({ after: 0, signal: reading.signal })) {
      if (event.type !== "reset") seen.push({ id: event.id, type: event.type, jobId: event.jobId });
    }
  })();
  await server.hive.enqueue(gated("watched"));
  await running("watched");
  await server.stop();
  await server.start();
  writeFileSync(join(gates, "watched"), "");
  // The stop did not wait for it for ever: the job was given back, which counts against nobody, and done again.
  const job = await server.over("watched");
  expect(job).toMatchObject({ status: "succeeded", failures: 0, losses: 0 });
  expect(job.history.map((one) => one.end)).toEqual(["returned", "succeeded"]);
  await until("the reader to see the end", () =>
    seen.some((one) => one.type === "job.succeeded" && one.jobId === "watched"),
  );
  reading.abort();
  await reader;
  const ids = seen.map((one) => one.id);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBe(ids.length);
  const kept = (await (await server.fetch("/v1/jobs/watched/events?limit=1000")).json()) as {
    events: { id: number }[];
  };
  for (const { id } of kept.events) expect(ids).toContain(id);
});

test("Last-Event-ID goes on right behind it; one that never was gets a reset", async () => {
  const read = async (after: string): Promise<string> => {
    const reply = await server.fetch("/v1/events", {
      headers: { "last-event-id": after },
      signal: AbortSignal.timeout(20_000),
    });
    const reader = reply.body?.getReader();
    let text = "";
    while (!/\n\n.*\n\n/s.test(text)) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    await reader?.cancel();
    return text;
  };
  const ids = [...(await read("1")).matchAll(/^id: ?(\d+)$/gm)].map((match) => Number(match[1]));
  expect(ids[0]).toBe(2);
  expect(await read("999999999")).toContain("event: reset");
});

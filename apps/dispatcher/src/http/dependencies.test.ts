import { endpoints, type Dependencies } from "@hive/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimJob, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

const ask = (query: { readonly job?: string; readonly limit?: number } = {}): Promise<Dependencies> =>
  world.client.call(endpoints.dependencies, { query });

const idsOf = ({ jobs }: Dependencies): string[] => jobs.map(({ jobId }) => jobId).sort();
const linesOf = ({ edges }: Dependencies): string[] =>
  edges
    .map(({ from, to, waits, kind }) => `${from} ${waits ? "->" : "~>"} ${to}${kind === "candidate" ? " (c)" : ""}`)
    .sort();

/** Jobs by id, each with what it waits for. */
async function put(jobs: Readonly<Record<string, readonly string[]>>): Promise<void> {
  for (const [jobId, dependsOn] of Object.entries(jobs)) await enqueueJob(world, { jobId, dependsOn });
}

/** Does the job that is first in the queue, badly or well. */
async function doNext(end: "failed" | "canceled" | "succeeded", name: string): Promise<string> {
  const { job, token } = await claimJob(world, await world.worker(name));
  await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token });
  const response = await world.send("POST", "/v1/worker/finish", {
    token,
    json:
      end === "succeeded"
        ? { finishId: "finish-000001", outcome: { end, result: RESULT }, log: null }
        : failedFinish(null),
  });
  expect(response.status).toBe(200);
  return job.jobId;
}

const RESULT = {
  summary: null,
  noChanges: true,
  branch: null,
  commit: null,
  baseCommit: null,
  patchId: null,
  diffStat: null,
  pullRequest: null,
  verdict: null,
  outputs: null,
  usage: null,
  exitCode: 0,
  phases: [],
  artifacts: [],
  salvage: null,
  agent: null,
  isolation: "none",
};

test("all that waits is listed with what it waits for, and nothing else", async () => {
  await put({ alone: [], first: [], second: ["first"], third: ["first", "second"] });
  const graph = await ask();
  expect(idsOf(graph)).toEqual(["first", "second", "third"]);
  expect(linesOf(graph)).toEqual(["first -> second", "first -> third", "second -> third"]);
  expect(graph).toMatchObject({ blocked: 2, truncated: false });
});

test("a job that is over stays in the picture with those that waited for it, and its line waits no more", async () => {
  await put({ first: [], second: ["first"], third: ["second"] });
  expect(await doNext("succeeded", "bee")).toBe("first");
  const graph = await ask();
  expect(idsOf(graph)).toEqual(["first", "second", "third"]);
  expect(linesOf(graph)).toEqual(["first ~> second", "second -> third"]);
  expect(await doNext("succeeded", "bee")).toBe("second");
  expect(await doNext("succeeded", "bee")).toBe("third");
  expect(linesOf(await ask())).toEqual(["first ~> second", "second ~> third"]);
});

test("the family of a job is all that hangs together with it, up and down, also when it is over", async () => {
  await put({ other: [], next: ["other"], a: [], b: ["a"], c: ["b"], d: ["a"] });
  for (const job of ["a", "c", "d"]) expect(idsOf(await ask({ job }))).toEqual(["a", "b", "c", "d"]);
  expect(await doNext("succeeded", "bee")).toBe("other");
  expect(await doNext("succeeded", "bee")).toBe("next");
  const over = await ask({ job: "other" });
  expect(idsOf(over)).toEqual(["next", "other"]);
  expect(over.jobs[0]).toMatchObject({ jobId: "other", status: "succeeded" });
});

test("candidates are in the family of their parent, and wait for what it depends on", async () => {
  await put({ before: [] });
  const asked = { jobId: "best", task: "agent", agent: "demo", instructions: "do it", script: undefined };
  await enqueueJob(world, { ...asked, candidates: 2, dependsOn: ["before"] });
  const graph = await ask({ job: "best.2" });
  expect(idsOf(graph)).toEqual(["before", "best", "best.1", "best.2"]);
  expect(linesOf(graph)).toEqual(["before -> best.1", "before -> best.2", "best.1 -> best (c)", "best.2 -> best (c)"]);
});

test("more than the limit is cut, which the answer says, and a job that is not there is not found", async () => {
  await put({ first: [] });
  await put(Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`after-${n}`, ["first"]])));
  const cut = await ask({ limit: 10 });
  expect(cut.jobs).toHaveLength(10);
  expect(cut).toMatchObject({ truncated: true, blocked: 30 });
  expect((await ask({ job: "first", limit: 10 })).truncated).toBe(true);
  expect((await ask()).truncated).toBe(false);
  expect((await world.send("GET", "/v1/dependencies?job=nobody")).status).toBe(404);
});

test("a worker's last jobs are listed with how they ended, and since when it has the one it does", async () => {
  await put({ first: [], second: [], third: [] });
  await doNext("succeeded", "bee");
  await doNext("failed", "bee");
  const jobs = async (workerId: string): Promise<unknown> =>
    (await world.client.call(endpoints.workerJobs, { params: { workerId } })).jobs;
  expect(await jobs("bee")).toMatchObject([
    { jobId: "second", status: "failed", end: "failed" },
    { jobId: "first", status: "succeeded", end: "succeeded" },
  ]);
  expect(await jobs("nobody")).toEqual([]);
  await claimJob(world, await world.worker("wasp"));
  const { workers } = await world.client.call(endpoints.listWorkers, {});
  expect(workers.map(({ workerId, jobId, jobSince }) => [workerId, jobId, typeof jobSince])).toEqual([
    ["bee", null, "object"],
    ["wasp", "third", "number"],
  ]);
});

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FinishRequest, LeasedJob } from "@hive/protocol";
import { pino } from "pino";
import { type GitHubApi, startGitHubApi } from "../../../test/peers/github/github-api.ts";
import { readConfig } from "./config.ts";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "./git/git-fixture.ts";
import { machineClock } from "./loops/clock.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import { openWay } from "./way/way-to-server.ts";
import { createTasks, JOB_PROGRAMS } from "./tasks/tasks.ts";

let world: GitWorld;
let github: GitHubApi;
let front: Server;
let host = "";
let dispatcher: ScriptedDispatcher;
let worker: Worker;
let data = "";

/** A GitHub Enterprise: git and the API under one host. */
function oneHost(git: string, api: string): Server {
  return createServer((incoming, outgoing) => {
    const target = new URL(incoming.url?.startsWith("/api/v3") === true ? api : git);
    const { method, url, headers } = incoming;
    const passed = request({ host: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
}

beforeAll(async () => {
  world = await startGitWorld();
  await world.makeRepo("acme/app.git");
  github = await startGitHubApi({
    prefix: "/api/v3",
    tokens: { [TOKEN]: {} },
    repositories: { "acme/app": { private: true, branches: ["hive/job-1", "hive/job-2"] } },
  });
  front = oneHost(world.server.url, github.url);
  await new Promise<void>((resolve) => {
    front.listen(0, "127.0.0.1", resolve);
  });
  host = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: world.credential, githubApiUrl: `${host}/api/v3` };
  data = await mkdtemp(join(tmpdir(), "hive-publish-"));
  await chmod(data, 0o711);
  const secret = "s".repeat(32);
  const env = { HIVE_URL: dispatcher.url, CALLBACK_SECRET: secret, HIVE_WORKER_DATA: data };
  const config = readConfig({ ...env, HIVE_AGENT_UID_BASE: String(53_000 + (process.pid % 5_000)) });
  const way = await openWay(config, machineClock, () => undefined);
  worker = await startWorker({
    config,
    credential: { kind: "secret", secret },
    way,
    clock: { ...machineClock, after: (ms, act) => machineClock.after(ms < 5_000 ? Math.min(ms, 20) : ms, act) },
    log: pino({ level: "silent" }),
    version: "test",
    agents: [],
    tools: Promise.resolve({}),
    mustReach: JOB_PROGRAMS,
    tasksWith: (git) => createTasks({ ...config, llmUrl: way.llmUrl, git, agents: [] }),
  });
});
afterAll(async () => {
  worker.stopNow("the test is over");
  await worker.done;
  await dispatcher.close();
  front.closeAllConnections();
  front.close();
  await github.stop();
  await world.stop();
  await rm(data, { recursive: true, force: true });
});

async function outcomeOf(job: Partial<LeasedJob>): Promise<FinishRequest["outcome"]> {
  const before = dispatcher.callsOf("leaseFinish").length;
  await dispatcher.offer({ repo: `${host}/acme/app.git`, task: "changes", ...job });
  return (await until("the end", () => dispatcher.callsOf("leaseFinish")[before]?.body as FinishRequest | undefined))
    .outcome;
}

const served = (...args: string[]): string => plainGit(join(world.folder, "served", "acme/app.git"), ...args);

test("on a GitHub the end of a job is a draft pull request; a moment's trouble there costs no new attempt", async () => {
  github.fail({ on: (method) => method === "POST", status: 502 });
  const outcome = await outcomeOf({
    jobId: "job-1",
    instructions: "Write the notes\nand more",
    changes: [{ path: "notes.txt", content: "one" }],
  });
  expect(outcome).toMatchObject({ end: "succeeded", result: { branch: "hive/job-1", pullRequest: { number: 1 } } });
  expect(github.pulls).toMatchObject([{ head: "hive/job-1", base: "main", title: "Write the notes", draft: true }]);
  expect(github.violations).toEqual([]);
});

test("a refused pull request fails the job although it is pushed, and its retry only opens it", async () => {
  const job = { jobId: "job-2", changes: [{ path: "two.txt", content: "two" }] };
  github.fail({
    on: (method) => method === "POST",
    status: 403,
    body: { message: "Resource not accessible by personal access token" },
    headers: { "x-accepted-github-permissions": "pull_requests=write" },
  });
  const refused = await outcomeOf(job);
  expect(refused).toMatchObject({ end: "failed", error: { code: "pr_refused", kind: "work" } });
  expect(JSON.stringify(refused)).toContain("Pull requests: write");
  const commit = served("rev-parse", "hive/job-2");
  if (refused.end !== "failed") throw new Error("not failed");

  const again = await outcomeOf({
    ...job,
    announced: [{ ref: "refs/heads/hive/job-2", commit }],
    previous: refused.error,
    attempt: 2,
  });
  expect(again).toMatchObject({
    end: "succeeded",
    result: { commit, branch: "hive/job-2", pullRequest: { number: 2 } },
  });
  if (again.end !== "succeeded") throw new Error("not succeeded");
  expect(again.result.phases.map(({ name }) => name)).not.toContain("run");
  expect(served("rev-parse", "hive/job-2")).toBe(commit);
});

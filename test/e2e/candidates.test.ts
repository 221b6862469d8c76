/** One job done several times by real workers: compared side by side, one published, the others cleaned up. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApiError, type JobDetail, type NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Files, git as runGit, type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

/**
 * An agent whose candidates differ: the first writes much, the second little, the third breaks the tests. Where the
 * instructions name a gate, the first waits for it.
 */
const AGENT = `prompt=$(cat); gate=$(printf '%s' "$prompt" | sed -n 's/.*GATE=\\([^ ]*\\).*/\\1/p' | head -n 1)
case $HIVE_JOB_ID in
  *.1) [ -z "$gate" ] || while [ ! -e "$gate" ]; do sleep 0.05; done; seq 1 40 > notes.txt; echo "wrote forty lines";;
  *.2) echo one > notes.txt; echo "wrote one line";;
  *.3) echo broken > broken.txt; echo "all is well";;
  *) echo again >> notes.txt; echo "went on";;
esac`;
const FILES = { "a.txt": "a\n", ".hive/config.yaml": "test: echo testing; test ! -e broken.txt\n" };

let git: GitHost;
let server: HiveProcess;

beforeAll(async () => {
  git = await startGitHost();
  server = await startHive({
    env: { HIVE_AGENT: "command", HIVE_AGENT_COMMAND: AGENT, HIVE_ALLOW_UNISOLATED: "1", HIVE_WORKERS: "2" },
  });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

function ask(jobId: string, more: Partial<NewJobRequest> = {}, files: Files = FILES): NewJobRequest {
  const repo = git.makeRepo(`${jobId}.git`, files);
  return { jobId, repo, task: "agent", instructions: "Write the notes", verifyRounds: 0, ...more };
}

/** The job once it is neither waiting nor running. */
async function ended(jobId: string): Promise<JobDetail> {
  return until(`the end of ${jobId}`, async () => {
    const job = await server.hive.get(jobId);
    return ["succeeded", "failed", "canceled"].includes(job.status) ? job : null;
  });
}

/** The branches of a repository, in order. */
function branches(jobId: string): string[] {
  return runGit(git.path(`${jobId}.git`), "for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n");
}

async function log(jobId: string): Promise<string> {
  return (await server.fetch(`/v1/jobs/${jobId}/logs`)).text();
}

test("by rule: what the tests refuse is out, the smaller diff is published, the candidates' branches are gone", async () => {
  const job = await server.run(ask("rule", { candidates: 3 }));
  expect(job).toMatchObject({
    status: "succeeded",
    candidates: { count: 3, choose: "rule", chosen: 2 },
    result: {
      branch: "hive/rule",
      summary: "wrote one line",
      diffStat: { files: 1, insertions: 1, deletions: 0 },
      agent: { name: "command" },
    },
  });
  expect(branches("rule")).toEqual(["hive/rule", "main"]);
  expect(git.read("rule.git", "hive/rule", "notes.txt")).toBe("one");
  const { candidates, start, why } = await server.hive.candidates("rule");
  expect(
    candidates.map(({ n, jobId, status, tests, diffStat, choosable }) => [
      n,
      jobId,
      status,
      tests,
      diffStat?.insertions ?? null,
      choosable,
    ]),
  ).toEqual([
    [1, "rule.1", "succeeded", "green", 40, true],
    [2, "rule.2", "succeeded", "green", 1, true],
    [3, "rule.3", "failed", "red", 1, true],
  ]);
  expect(candidates[2]?.error?.code).toBe("verify_failed");
  expect(why).toContain("the smaller one (1 lines, the next 40)");
  expect(start).toEqual({ base: git.head("rule.git", "main"), commit: git.head("rule.git", "main") });
  expect(job.result?.commit).toBe(candidates[1]?.commit);
  expect(await log("rule")).toContain("removed refs/heads/hive/rule.3");
  expect(await (await server.fetch("/v1/jobs/rule/diff")).text()).toContain("+one");
});

test("by different agents: each does it in its own way, and their result says which", async () => {
  const request = ask("agents", { candidates: [{ agent: "command" }, { agent: "demo" }], choose: "person" });
  expect(await server.run(request)).toMatchObject({ status: "held", reason: "choice" });
  const { candidates } = await server.hive.candidates("agents");
  expect(candidates.map(({ agent, tests, branch, ms }) => [agent, tests, branch, (ms ?? 0) > 0])).toEqual([
    ["command", "green", "hive/agents.1", true],
    ["demo", "green", "hive/agents.2", true],
  ]);
  await server.hive.choose("agents", 2);
  expect(await ended("agents")).toMatchObject({ agent: "demo", result: { agent: { name: "demo" } } });
});

test("by a person: the job waits with all branches there to look at, and publishes what is named, also a red one", async () => {
  const held = await server.run(ask("person", { candidates: 3, choose: "person" }));
  expect(held).toMatchObject({ status: "held", reason: "choice" });
  expect(held.waiting).toContain("hive choose person");
  expect(branches("person")).toEqual(["hive/person.1", "hive/person.2", "hive/person.3", "main"]);
  const none = await server.hive.choose("person", 4).catch((error: unknown) => error);
  expect(none instanceof ApiError && none.is("not_found")).toBe(true);
  expect(await server.hive.choose("person", 3)).toMatchObject({ jobId: "person" });
  const job = await ended("person");
  expect(job).toMatchObject({ status: "succeeded", candidates: { chosen: 3 } });
  expect(git.read("person.git", "hive/person", "broken.txt")).toBe("broken");
  expect(branches("person")).toEqual(["hive/person", "main"]);
});

test("all start at one commit, although the base moves while the first of them runs", async () => {
  const gate = join(server.data, "..", "start-gate");
  const jobs = ["moved.1", "moved.2"];
  const before = ask("moved", {
    candidates: 2,
    concurrencyKey: "one at a time",
    instructions: `Write GATE=${gate} now`,
  });
  const start = git.head("moved.git", "main");
  await server.hive.enqueue(before);
  await until("the first to run", async () => (await server.hive.get("moved.1")).phase === "run");
  git.commit("moved.git", "main", { "b.txt": "by somebody else\n" });
  writeFileSync(gate, "");
  expect((await server.over("moved")).status).toBe("succeeded");
  const results = await Promise.all(jobs.map(async (id) => (await server.hive.get(id)).result));
  expect(results.map((result) => result?.baseCommit)).toEqual([start, start]);
  expect(git.read("moved.git", "hive/moved", "b.txt")).toBeNull();
});

test("a branch the job names is gone on from by all, and nobody's commit on it is lost", async () => {
  const request = ask("branch", { candidates: 2, branch: "feature" });
  const theirs = git.commit("branch.git", "feature", { "theirs.txt": "theirs\n" });
  const job = await server.run(request);
  expect(job.error).toBeNull();
  expect(job).toMatchObject({ status: "succeeded", result: { branch: "feature", diffStat: { files: 1 } } });
  expect((await server.hive.candidates("branch")).start?.commit).toBe(theirs);
  expect(git.read("branch.git", "feature", "theirs.txt")).toBe("theirs");
  expect(git.read("branch.git", "feature", "notes.txt")).toBe("one");
  expect(branches("branch")).toEqual(["feature", "main"]);
});

test("a candidate's branch that somebody pushed to stays, and so does a job's branch that moved", async () => {
  const held = await server.run(ask("theirs", { candidates: 2, choose: "person" }));
  expect(held.status).toBe("held");
  git.commit("theirs.git", "hive/theirs.1", { "mine.txt": "mine\n" });
  git.commit("theirs.git", "hive/theirs", { "else.txt": "else\n" });
  await server.hive.choose("theirs", 2);
  const failed = await ended("theirs");
  expect(failed).toMatchObject({ status: "failed", reason: "branch_moved" });
  expect(branches("theirs")).toEqual(["hive/theirs", "hive/theirs.1", "hive/theirs.2", "main"]);
  runGit(git.path("theirs.git"), "branch", "-D", "hive/theirs");
  await server.hive.retry("theirs");
  expect((await server.over("theirs")).status).toBe("succeeded");
  expect(branches("theirs")).toEqual(["hive/theirs", "hive/theirs.1", "main"]);
  expect(await log("theirs")).toContain("refs/heads/hive/theirs.1 stays: somebody else's");
});

test("where all fail the job says how, and a retry tries them again; a cancel takes all of them", async () => {
  const gate = join(server.data, "..", "never");
  const broken = { ...FILES, "broken.txt": "from the start\n" };
  const failed = await server.run(ask("fail", { candidates: 2 }, broken));
  expect(failed).toMatchObject({ status: "failed", reason: "candidates_failed", error: { code: "candidates_failed" } });
  expect(failed.error?.message).toMatch(/1 failed \(verify_failed\), pushed hive\/fail\.1; 2 failed/);
  await server.hive.retry("fail");
  expect((await server.hive.get("fail.2")).generation).toBe(2);
  expect((await server.over("fail")).status).toBe("failed");

  await server.hive.enqueue(ask("stop", { candidates: 2, instructions: `Write GATE=${gate} now` }));
  await until("the first to run", async () => (await server.hive.get("stop.1")).phase === "run");
  await server.hive.cancel("stop");
  expect((await server.over("stop")).status).toBe("canceled");
  expect((await server.over("stop.1")).status).toBe("canceled");
  expect(existsSync(gate)).toBe(false);
});

test("what is said to the job afterwards goes to one agent, on the published branch", async () => {
  expect((await server.run(ask("talk", { candidates: 2 }))).status).toBe("succeeded");
  await server.hive.comment("talk", "Say it again");
  await until("the second round", async () => {
    const { generation, status } = await server.hive.get("talk");
    return generation === 2 && status === "succeeded";
  });
  expect(git.read("talk.git", "hive/talk", "notes.txt")).toBe("one\nagain");
});

test("requests that mean nothing are refused with the field", async () => {
  const wrong = async (more: Partial<NewJobRequest>): Promise<unknown> => {
    const repo = "https://git.example/none.git";
    const reply = await server.fetch("/enqueue", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ repo, task: "agent", instructions: "x", ...more }),
    });
    expect(reply.status).toBe(422);
    return ((await reply.json()) as { fields: { path: string }[] }).fields.map(({ path }) => path);
  };
  expect(await wrong({ task: "test", instructions: "x", candidates: 2 })).toEqual(["candidates"]);
  expect(await wrong({ choose: "rule" })).toEqual(["choose"]);
  expect(await wrong({ candidates: [{ agent: "demo" }, { agent: "nobody" }] })).toEqual(["candidates[1].agent"]);
  expect(await wrong({ candidates: 2, jobId: "x".repeat(127) })).toEqual(["jobId"]);
});

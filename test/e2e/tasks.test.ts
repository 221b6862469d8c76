/** All seven kinds of work, from the queue to the remote, and who decides what they run. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApiError, type JobDetail, type NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Files, type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";

let git: GitHost;
let server: HiveProcess;

beforeAll(async () => {
  git = await startGitHost();
  server = await startHive({ env: { HIVE_AGENT: "demo", HIVE_LEASE_MS: "15000" } });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

function run(jobId: string, files: Files, more: Omit<NewJobRequest, "repo" | "jobId">): Promise<JobDetail> {
  return server.run({ jobId, repo: git.makeRepo(`${jobId}.git`, files), ...more });
}

async function text(path: string): Promise<string> {
  const reply = await server.fetch(path);
  expect(reply.status, path).toBe(200);
  return reply.text();
}

const CONFIG = `
setup: echo prepared > $HOME/prepared
build: ["test -e $HOME/prepared", "echo building; mkdir -p out; echo 1 > out/app"]
test: echo testing; exit 3
lint: echo linting
`;

test("agent: an agent changes the repository, the change is pushed and told", async () => {
  const job = await run(
    "agent",
    { "README.md": "# Old\n" },
    { task: "agent", instructions: "Add a quick start to the README" },
  );
  expect(job).toMatchObject({
    status: "succeeded",
    result: {
      branch: "hive/agent",
      noChanges: false,
      diffStat: { files: 1, deletions: 0 },
      agent: { name: "demo" },
      pullRequest: null,
    },
  });
  expect(job.result?.phases.map((phase) => phase.name)).toEqual(
    ["prepare", "setup", "run", "publish", "report"].slice(0, job.result?.phases.length),
  );
  expect(git.head("agent.git", "hive/agent")).toBe(job.result?.commit);
  expect(git.read("agent.git", "hive/agent", "README.md")).toContain("## Quick start");
  expect(await text("/v1/jobs/agent/diff")).toContain("+## Quick start");
  const events = JSON.parse(await text("/v1/jobs/agent/events")) as { events: { type: string; data: object }[] };
  expect(events.events.some((one) => one.type === "job.agent")).toBe(true);
});

test("script: a script changes the repository and tells its progress", async () => {
  const repo = git.makeRepo("script.git", { "a.txt": "a\n" });
  const gate = join(server.data, "..", "gate");
  await server.hive.enqueue({
    jobId: "script",
    repo,
    task: "script",
    script: `echo one > one.txt; mkdir d; echo two > "d/two words.txt"; chmod +x one.txt
hive-progress 40 "half way"; while [ ! -e ${gate} ]; do sleep 0.05; done`,
  });
  for await (const event of server.hive.events({ jobId: "script", after: 0, signal: AbortSignal.timeout(60_000) })) {
    if (event.type !== "job.progress" || event.data["percent"] == null) continue;
    expect(event.data).toMatchObject({ phase: "run", percent: 40, message: "half way", status: "running" });
    break;
  }
  writeFileSync(gate, "");
  const job = await server.over("script");
  expect(job).toMatchObject({ status: "succeeded", result: { exitCode: 0, diffStat: { files: 2, insertions: 2 } } });
  expect(git.read("script.git", "hive/script", "d/two words.txt")).toBe("two");
});

test("script: one that fails is failed work, tried once, with its exit code and its log", async () => {
  const job = await run("script-fails", {}, { task: "script", script: "echo before; exit 7" });
  expect(job).toMatchObject({ status: "failed", reason: "script_failed", attempts: 1, result: { exitCode: 7 } });
  expect(await text("/v1/jobs/script-fails/logs")).toContain("before\n");
  expect(git.head("script-fails.git", "hive/script-fails")).toBeNull();
});

test("script: failed work is tried again where the job says so", async () => {
  const job = await run("script-again", {}, { task: "script", script: "exit 1", retryOn: "failure", maxAttempts: 2 });
  expect(job).toMatchObject({ status: "failed", attempts: 2, failures: 2 });
});

test("changes: files are written, replaced and deleted exactly as given", async () => {
  const files = { "old.txt": "old\n", "keep.txt": "keep\n" };
  const job = await run("changes", files, {
    task: "changes",
    changes: [
      { path: "docs/new.md", content: "# Ünïcode\n" },
      { path: "bin/run", base64: Buffer.from([0, 1, 2, 255]).toString("base64"), mode: "755" },
      { path: "old.txt", delete: true },
    ],
  });
  expect(job).toMatchObject({ status: "succeeded", result: { diffStat: { files: 3 } } });
  expect(git.read("changes.git", "hive/changes", "docs/new.md")).toBe("# Ünïcode");
  expect(git.read("changes.git", "hive/changes", "old.txt")).toBeNull();
  expect(git.read("changes.git", "hive/changes", "keep.txt")).toBe("keep");
});

test("changes: no path leads out of the repository or into git's own folder", async () => {
  const repo = git.makeRepo("paths.git");
  const before = git.head("paths.git", "main");
  for (const path of ["../out.txt", "/etc/hive-test", ".git/hooks/pre-push", "a/../../b", ".GIT/config"]) {
    const end = await server
      .run({ repo, task: "changes", changes: [{ path, content: "x" }] })
      .catch((error: unknown) => error);
    // Refused at the door, or by the worker before anything is written.
    expect(end instanceof ApiError ? end.code : (end as JobDetail).status, path).toMatch(/^(invalid_field|failed)$/);
  }
  expect(git.head("paths.git", "main")).toBe(before);
  expect(existsSync("/etc/hive-test")).toBe(false);
});

test("build, test and lint run what .hive/config.yaml says, after its setup, and push nothing", async () => {
  const files = { ".hive/config.yaml": CONFIG };
  expect(await run("build", files, { task: "build" })).toMatchObject({
    status: "succeeded",
    result: { noChanges: true, branch: null, exitCode: 0 },
  });
  expect(await text("/v1/jobs/build/logs")).toContain("building\n");
  expect(await run("test", files, { task: "test" })).toMatchObject({
    status: "failed",
    reason: "test_failed",
    attempts: 1,
    result: { exitCode: 3 },
  });
  expect(await run("lint", files, { task: "lint" })).toMatchObject({ status: "succeeded" });
  for (const name of ["build", "test", "lint"]) expect(git.head(`${name}.git`, `hive/${name}`)).toBeNull();
});

test("test: what package.json makes plain needs no configuration", async () => {
  const files = { "package.json": JSON.stringify({ scripts: { test: "echo from-package-json" } }) };
  expect(await run("plain-test", files, { task: "test" })).toMatchObject({ status: "succeeded" });
  expect(await text("/v1/jobs/plain-test/logs")).toContain("from-package-json");
});

test("build: a repository that says nothing about it has nothing to run", async () => {
  const job = await run("nothing", { "README.md": "x" }, { task: "build" });
  expect(job).toMatchObject({ status: "failed", reason: "nothing_to_run", attempts: 1 });
  expect(job.error?.message).toContain(".hive/config.yaml");
});

test("a branch that changes .hive/config.yaml does not change the commands its own work is judged by", async () => {
  const repo = git.makeRepo("judged.git", { ".hive/config.yaml": "test: echo THE-BASE; exit 1\n" });
  git.commit("judged.git", "feature", { ".hive/config.yaml": "test: echo THE-BRANCH; exit 0\n" });
  const job = await server.run({ jobId: "judged", repo, task: "test", base: "main", branch: "feature" });
  expect(job).toMatchObject({ status: "failed", reason: "test_failed" });
  const log = await text("/v1/jobs/judged/logs");
  expect(log).toContain("THE-BASE");
  expect(log).not.toContain("THE-BRANCH");
});

test("analyze: an agent reads, leaves a report and a verdict, and pushes nothing", async () => {
  const job = await run(
    "analyze",
    { "a.txt": "a\n" },
    { task: "analyze", instructions: "Is it good? demo:verdict=fail" },
  );
  expect(job).toMatchObject({ status: "succeeded", result: { verdict: "fail", noChanges: true, branch: null } });
  const report = job.result?.artifacts.find((one) => one.name === "report.md");
  const last = job.history.at(-1)?.fence;
  const bytes = await text(`/v1/jobs/analyze/artifacts/${last}/report.md`);
  expect(bytes).toContain("# Report");
  expect(Buffer.byteLength(bytes)).toBe(report?.bytes);
  expect(git.head("analyze.git", "hive/analyze")).toBeNull();
});

test("agent: one that changes nothing succeeds and says so", async () => {
  const job = await run("no-changes", {}, { task: "agent", instructions: "demo:nothing" });
  expect(job).toMatchObject({ status: "succeeded", result: { noChanges: true, commit: null, branch: null } });
});

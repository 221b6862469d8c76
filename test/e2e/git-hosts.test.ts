/** Private repositories on a real git host: where the credential comes from, how a refusal reads, where it never shows. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CallbackReceiver, startCallbackReceiver } from "./callbacks.ts";
import { filesHolding, holds } from "./canary.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const TOKENS = {
  job: "ghp_gitHosts0Canary1JobToken2For3Hive4Tests",
  env: "glpat-gitHosts0Canary1EnvToken2For3Hive",
  file: "gitHosts0Canary1FileToken2For3Hive4Tests5",
  reader: "ghp_gitHosts0Canary1Reader2For3Hive4Tests56",
  stranger: "ghp_gitHosts0Canary1Stranger2For3Hive4Test",
};
let git: GitHost;
let backend: CallbackReceiver;
let server: HiveProcess;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-e2e-credentials-"));
  git = await startGitHost({
    "x-access-token": { password: TOKENS.job, sees: ["acme/app.git", "acme/hooked.git", "acme/moved.git"] },
    "from-env": { password: TOKENS.env, sees: ["env/app.git"] },
    "from-file": { password: TOKENS.file, sees: ["file/app.git"] },
    reader: { password: TOKENS.reader, sees: ["read/app.git"], mayPush: false },
  });
  for (const name of [
    "acme/app.git",
    "acme/hooked.git",
    "acme/moved.git",
    "env/app.git",
    "file/app.git",
    "read/app.git",
  ])
    git.makeRepo(name);
  writeFileSync(join(folder, "token"), `${TOKENS.file}\n`);
  writeFileSync(join(folder, "reader"), TOKENS.reader);
  chmodSync(join(folder, "token"), 0o600);
  backend = await startCallbackReceiver(SECRET);
  const host = new URL(git.server.url).host;
  server = await startHive({
    env: { HIVE_AGENT: "demo", HIVE_WEBHOOK_SECRET: SECRET, HIVE_CALLBACK_URL: backend.url, TEAM_TOKEN: TOKENS.env },
    yaml: `
repos:
  - match: "${host}/env/*"
    token: { env: TEAM_TOKEN }
    username: from-env
  - match: "${host}/file/*"
    token: { file: "${folder}/token" }
    username: from-file
  - match: "${host}/read/*"
    token: { file: "${folder}/reader" }
    username: reader
  - match: "${host}/broken/*"
    token: { file: "${folder}/missing" }
`,
  });
});
afterAll(async () => {
  await server?.dispose();
  await backend?.stop();
  await git?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function run(jobId: string, repo: string, more: Partial<NewJobRequest> = {}): Promise<JobDetail> {
  const asked = {
    jobId,
    repo: `${git.server.url}/${repo}`,
    task: "script" as const,
    script: `echo ${jobId} > ${jobId}.txt`,
  };
  return server.run({ ...asked, ...more });
}

test("the job's own token opens a private repository", async () => {
  const job = await run("own-token", "acme/app.git", { githubToken: TOKENS.job });
  expect(job).toMatchObject({ status: "succeeded", error: null });
  expect(git.read("acme/app.git", "hive/own-token", "own-token.txt")).toBe("own-token");
});

test("hive.yaml names the variable that opens a private repository", async () => {
  expect(await run("by-env", "env/app.git")).toMatchObject({ status: "succeeded" });
  expect(git.read("env/app.git", "hive/by-env", "by-env.txt")).toBe("by-env");
});

test("hive.yaml names the file that opens a private repository", async () => {
  expect(await run("by-file", "file/app.git")).toMatchObject({ status: "succeeded" });
  expect(git.read("file/app.git", "hive/by-file", "by-file.txt")).toBe("by-file");
});

test("a private repository without any credential says that a token is needed, and how to give one", async () => {
  const job = await run("no-token", "acme/app.git");
  expect(job).toMatchObject({ status: "failed", reason: "token_needed" });
  expect(job.error?.message).toMatch(/githubToken|repos:/);
});

test("a file of hive.yaml that is not there is named in the server's own log", async () => {
  const job = await run("no-file", "broken/app.git", { maxAttempts: 1 });
  expect(job).toMatchObject({ status: "failed", reason: "token_needed" });
  expect(server.printed()).toContain(`${folder}/missing cannot be read on this server`);
});

test("a token the host does not know is refused by name, once", async () => {
  const job = await run("stranger", "acme/app.git", { githubToken: TOKENS.stranger });
  expect(job).toMatchObject({ status: "failed", reason: "token_refused", attempts: 1 });
});

test("a repository that is not there, or that the token cannot see, reads the same", async () => {
  const [gone, unseen] = [
    await run("gone", "acme/gone.git", { githubToken: TOKENS.job }),
    await run("unseen", "env/unseen.git", { githubToken: TOKENS.job }),
  ];
  expect(gone).toMatchObject({ status: "failed", reason: "repo_not_found", attempts: 1 });
  expect(unseen).toMatchObject({ status: "failed", reason: "repo_not_found", attempts: 1 });
});

test("a base that is not there is named", async () => {
  const job = await run("no-base", "acme/app.git", { githubToken: TOKENS.job, base: "no-such-base" });
  expect(job).toMatchObject({ status: "failed", reason: "base_not_found" });
  expect(job.error?.message).toContain("no-such-base");
});

test("a push the token may not do is told, and the work is kept", async () => {
  const job = await run("read-only", "read/app.git");
  expect(job).toMatchObject({ status: "failed", reason: "token_refused" });
  expect(job.result?.salvage).toMatch(/salvage\.(bundle|patch)/);
});

test("a push the host's hook rejects is told in the hook's own words, and the work is kept", async () => {
  git.hook("acme/hooked.git", "pre-receive", "#!/bin/sh\necho 'Only Fridays, please' >&2\nexit 1\n");
  const job = await run("hooked", "acme/hooked.git", { githubToken: TOKENS.job });
  expect(job).toMatchObject({ status: "failed", reason: "push_rejected" });
  expect(job.error?.message).toContain("Only Fridays, please");
  expect(job.result?.salvage).not.toBeNull();
  expect(git.head("acme/hooked.git", "hive/hooked")).toBeNull();
});

test("a branch that moved while the job ran is left alone, and the work goes to a branch beside it", async () => {
  git.commit("acme/moved.git", "shared", { "theirs.txt": "1" });
  // The job itself goes on only when the branch has moved.
  const gate = join(folder, "gate");
  chmodSync(folder, 0o711);
  const accepted = await server.hive.enqueue({
    jobId: "moved",
    repo: `${git.server.url}/acme/moved.git`,
    branch: "shared",
    task: "script",
    script: `echo mine > mine.txt; hive-progress 50 waiting; while [ ! -e ${gate} ]; do sleep 0.05; done`,
    githubToken: TOKENS.job,
  });
  await until("the script to run", async () => (await server.hive.get(accepted.jobId)).phase === "run");
  const theirs = git.commit("acme/moved.git", "shared", { "theirs.txt": "2" });
  writeFileSync(gate, "");
  const job = await server.over("moved");
  expect(job).toMatchObject({ status: "failed", reason: "branch_moved" });
  expect(git.head("acme/moved.git", "shared")).toBe(theirs);
  expect(git.read("acme/moved.git", job.result?.salvage ?? "", "mine.txt")).toBe("mine");
});

test("no token is anywhere afterwards: files of the server and its workers, logs, events, replies, callbacks, output", async () => {
  const jobs = (await server.hive.list()).jobs.map((job) => job.jobId);
  expect(jobs.length).toBeGreaterThan(9);
  await until("all callbacks to be delivered", async () => {
    const pending = await server.fetch("/v1/callbacks?state=pending");
    return ((await pending.json()) as { callbacks: unknown[] }).callbacks.length === 0;
  });
  const replies: string[] = [JSON.stringify(backend.received), server.printed()];
  for (const jobId of jobs) {
    for (const part of ["", "/events?limit=1000", "/logs", "/artifacts"])
      replies.push(await (await server.fetch(`/v1/jobs/${jobId}${part}`)).text());
  }
  await server.stop();
  for (const [name, token] of Object.entries(TOKENS)) {
    const found = filesHolding(token, server.data);
    expect(found.looked).toBeGreaterThan(50);
    expect(found.files, name).toEqual([]);
    expect(
      replies.filter((text) => holds(token, text)),
      name,
    ).toEqual([]);
  }
});

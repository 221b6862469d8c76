/** The worker that docs/worker-protocol.md prints, run as it stands there: what the page promises is enough to work. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const TOKEN = "ghp_documentedWorker1Canary2Token3For4Hive";
const SECRET = "documented-worker-shared-secret";
let git: GitHost;
let server: HiveProcess;
let worker: ChildProcess;
let said = "";

beforeAll(async () => {
  git = await startGitHost({ "x-access-token": { password: TOKEN, sees: ["app.git"] } });
  git.makeRepo("app.git");
  server = await startHive({ env: { HIVE_WORKERS: "0", HIVE_LEASE_MS: "3000", CALLBACK_SECRET: SECRET } });
  const [, program] =
    /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, "docs/worker-protocol.md"), "utf8")) ?? [];
  if (program === undefined) throw new Error("docs/worker-protocol.md has no worker");
  const file = join(dirname(server.data), "documented-worker.mjs");
  writeFileSync(file, program);
  const env = plainEnvironment({ HIVE_URL: server.url, CALLBACK_SECRET: SECRET, TMPDIR: dirname(server.data) });
  worker = spawn(process.execPath, [file], { cwd: dirname(server.data), env, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [worker.stdout, worker.stderr]) stream?.on("data", (text: Buffer) => (said += text.toString()));
});
afterAll(async () => {
  worker?.kill("SIGKILL");
  await server?.dispose();
  await git?.stop();
});

function script(jobId: string, text: string, more: Partial<NewJobRequest> = {}): NewJobRequest {
  const repo = `${git.server.url}/app.git`;
  return { jobId, repo, githubToken: TOKEN, task: "script", script: text, labels: ["tiny"], ...more };
}

async function logOf({ jobId }: JobDetail): Promise<string> {
  return (await server.fetch(`/v1/jobs/${jobId}/logs`)).text();
}

test("it clones a private repository, runs the script, pushes and tells how it was", async () => {
  const job = await server.run(script("doc-1", "echo hello | tee hello.txt; env | grep -c Basic || true"));
  expect(job, said).toMatchObject({ status: "succeeded", result: { branch: "hive/doc-1", exitCode: 0 } });
  expect(git.read("app.git", "hive/doc-1", "hello.txt")).toBe("hello");
  // The credential was never in the script's environment.
  expect(await logOf(job)).toBe("hello\n0\n");
  expect(await server.hive.diff("doc-1")).toContain("+hello");
});

test("it sends a log of several pieces, whole", async () => {
  const job = await server.run(script("doc-2", "seq 300000"));
  expect(job, said).toMatchObject({ status: "succeeded", result: { noChanges: true } });
  expect(await logOf(job)).toBe(`${Array.from({ length: 300_000 }, (_, at) => at + 1).join("\n")}\n`);
});

test("it fails a job whose script fails, and goes on", async () => {
  const job = await server.run(script("doc-3", "echo no >&2; exit 3"));
  expect(job, said).toMatchObject({ status: "failed", reason: "script_failed", result: { exitCode: 3 } });
});

test("it kills a script whose job is canceled", async () => {
  await server.hive.enqueue(script("doc-4", "echo begun; sleep 1000"));
  await until("doc-4 to run", async () => (await server.hive.get("doc-4")).phase === "run");
  await server.hive.cancel("doc-4");
  expect(await server.over("doc-4"), said).toMatchObject({ status: "canceled", reason: "requested" });
});

test("it says goodbye when it is drained", async () => {
  const gone = new Promise<number | null>((resolve) => worker.once("exit", resolve));
  await server.fetch("/v1/workers/tiny-1/drain", { method: "POST" });
  expect(await gone, said).toBe(0);
  expect(await (await server.fetch("/v1/workers")).json()).toEqual({ workers: [] });
});

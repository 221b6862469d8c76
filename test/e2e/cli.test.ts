/** The `hive` command against a running server, as a person and as a program (`--json`) use it. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { freePort, type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { type Ran, runProgram } from "./run-program.ts";
import { until } from "./until.ts";

const CLI = join(ROOT, "apps/cli/src/main.ts");
let git: GitHost;
let server: HiveProcess;
let repo: string;
let gates: string;

beforeAll(async () => {
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  git.makeRepo("careful.git");
  const host = new URL(git.server.url).host;
  server = await startHive({
    env: { HIVE_AGENT: "demo" },
    yaml: `repos: [{ match: "${host}/careful", approve: publish }]`,
  });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return plainEnvironment({ HIVE_DATA: server.data, HIVE_PORT: String(server.port), ...more });
}

function hive(
  args: readonly string[],
  options: { stdin?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return runProgram([process.execPath, CLI, ...args], environment(options.env), options);
}

/** The answer of a command that must succeed, as JSON. */
async function json(args: readonly string[], stdin?: string): Promise<Record<string, unknown>> {
  const ran = await hive([...args, "--json"], stdin === undefined ? {} : { stdin });
  expect(ran.code, ran.stderr + ran.stdout).toBe(0);
  return JSON.parse(ran.stdout) as Record<string, unknown>;
}

test("submit puts a job in and says how to follow it; the same id makes no second one", async () => {
  const args = ["submit", "--repo", repo, "--id", "cli-1", "--branch", "ci/cli-1", "Add a quick start to the README"];
  const ran = await hive(args);
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stdout).toContain("npm run hive -- logs -f cli-1");
  expect(await json(args)).toMatchObject({ accepted: true, jobId: "cli-1" });
  expect(await server.over("cli-1")).toMatchObject({ status: "succeeded" });
  expect(git.head("app.git", "ci/cli-1")).not.toBeNull();
});

test("submit --script - --wait reads the script from standard input and ends with the job's fate", async () => {
  const good = await hive(["submit", "--repo", repo, "--id", "cli-good", "--script", "-", "--wait"], {
    stdin: "echo x > x.txt",
  });
  expect(good.code, good.stderr).toBe(0);
  expect(good.stdout).toContain("succeeded");
  const bad = await hive(["submit", "--repo", repo, "--id", "cli-bad", "--script", "-", "--wait", "--json"], {
    stdin: "exit 4",
  });
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.stdout)).toMatchObject({ jobId: "cli-bad", status: "failed", result: { exitCode: 4 } });
});

test("ls lists newest first, by status and by page", async () => {
  const all = (await json(["ls"])) as { jobs: { jobId: string }[] };
  expect(all.jobs.map((job) => job.jobId)).toEqual(["cli-bad", "cli-good", "cli-1"]);
  const failed = (await json(["ls", "--status", "failed"])) as { jobs: { jobId: string }[] };
  expect(failed.jobs.map((job) => job.jobId)).toEqual(["cli-bad"]);
  const page = (await json(["ls", "--limit", "2"])) as { jobs: unknown[]; next: string };
  const rest = (await json(["ls", "--limit", "2", "--cursor", page.next])) as { jobs: { jobId: string }[] };
  expect(rest.jobs.map((job) => job.jobId)).toEqual(["cli-1"]);
  expect((await hive(["ls"])).stdout).toMatch(/cli-bad.*failed/);
});

test("show tells everything about a job, and its diff", async () => {
  expect(await json(["show", "cli-1"])).toMatchObject({
    jobId: "cli-1",
    status: "succeeded",
    result: { branch: "ci/cli-1" },
  });
  expect((await hive(["show", "cli-1"])).stdout).toContain("ci/cli-1");
  expect((await hive(["show", "cli-1", "--diff"])).stdout).toContain("+## Quick start");
});

test("logs -f shows a log while it is written and ends with the attempt", async () => {
  const gate = join(gates, "talk");
  await json(
    ["submit", "--repo", repo, "--id", "cli-talks", "--script", "-"],
    `echo before; while [ ! -e ${gate} ]; do sleep 0.05; done; echo after`,
  );
  await until("the script to run", async () => (await server.hive.get("cli-talks")).phase === "run");
  const child = spawn(process.execPath, [CLI, "logs", "-f", "cli-talks"], {
    env: environment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString("utf8");
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await until("the first words", () => shown.includes("before\n"));
  expect(shown).not.toContain("after\n");
  writeFileSync(gate, "");
  expect(await ended).toBe(0);
  expect(shown).toContain("after\n");
  expect(shown).toBe(await (await server.fetch("/v1/jobs/cli-talks/logs")).text());
});

test("cancel and retry", async () => {
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await json(["submit", "--repo", repo, "--id", "cli-later", "--script", "-", "--run-at", later], "true");
  expect(await json(["cancel", "cli-later", "--reason", "not today"])).toMatchObject({ status: "canceled" });
  expect(await json(["retry", "cli-later"])).toMatchObject({ generation: 2 });
});

test("approve publishes what was looked at", async () => {
  const careful = `${git.server.url}/careful.git`;
  const ran = await hive(["submit", "--repo", careful, "--id", "cli-careful", "--script", "-", "--wait", "--json"], {
    stdin: "echo y > y.txt",
  });
  const held = JSON.parse(ran.stdout) as { status: string; bundle: { sha256: string } };
  expect(held).toMatchObject({ status: "held", reason: "publish" });
  const wrong = await hive(["approve", "cli-careful", "--sha256", "f".repeat(64), "--json"]);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stderr)).toMatchObject({ code: "approval_mismatch" });
  await json(["approve", "cli-careful", "--sha256", held.bundle.sha256]);
  await until("the push", () => git.head("careful.git", "hive/cli-careful"));
});

test("token prints the token of the first start, and nothing else", async () => {
  expect((await hive(["token"])).stdout).toBe(`${server.token}\n`);
  expect(await json(["token"])).toEqual({ token: server.token, from: join(server.data, "secrets.env") });
});

test("doctor checks this machine and the server, and a repository", async () => {
  const { checks } = (await json(["doctor", "--repo", repo])) as {
    checks: { name: string; state: string; text: string }[];
  };
  expect(checks.length).toBeGreaterThan(3);
  expect(checks.filter((check) => check.state === "bad")).toEqual([]);
  expect(checks.map((check) => check.text).join("\n")).toContain(`${server.port}`);
  // This server's workers are processes.
  expect(checks.find((check) => check.name === "Isolation")).toMatchObject({
    state: "note",
    text: expect.stringMatching(/^(\d+) of \1 workers are processes of a machine/) as unknown,
  });
});

test("mistakes get one clear line: a wrong token, no server, an unknown job, a bad repository", async () => {
  const wrong = await hive(["ls"], { env: { INTERNAL_API_TOKEN: "wrong-wrong-wrong-wrong" } });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain(`source ${server.data}/secrets.env`);
  const nowhere = await hive(["ls"], { env: { HIVE_PORT: String(await freePort()) } });
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain("npm start");
  const unknown = await hive(["show", "no-such-job", "--json"]);
  expect(unknown.code).toBe(1);
  expect(JSON.parse(unknown.stderr)).toMatchObject({ code: "not_found" });
  const ssh = await hive(["submit", "--repo", "git@github.com:acme/app.git", "x"]);
  expect(ssh.code).toBe(1);
  expect(ssh.stderr).toContain("https://github.com/acme/app");
  for (const ran of [wrong, nowhere, unknown, ssh]) expect(ran.stderr).not.toContain("    at ");
});

/** The first minutes of a newcomer: start, the calls of the README, and the mistakes everybody makes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CallbackReceiver, startCallbackReceiver } from "./callbacks.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { DISPATCHER, freePort, type HiveProcess, plainEnvironment, startHive } from "./hive-process.ts";
import { runProgram } from "./run-program.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const TOKEN = "ghp_quickStart0Canary1Token2For3Hive4Tests5";
let git: GitHost;
let backend: CallbackReceiver;
let server: HiveProcess;

beforeAll(async () => {
  git = await startGitHost({ "x-access-token": { password: TOKEN } });
  backend = await startCallbackReceiver(SECRET);
  server = await startHive({
    env: { HIVE_AGENT: "demo", HIVE_WEBHOOK_SECRET: SECRET, HIVE_CALLBACK_URL: backend.url },
  });
});
afterAll(async () => {
  await server?.dispose();
  await backend?.stop();
  await git?.stop();
});

/** The words of the brief in a shell of its own, with the token where `source` puts it. */
async function shell(line: string): Promise<string> {
  const env = plainEnvironment({ REPO: git.server.url, GITHUB_TOKEN: TOKEN });
  const sourced = `. ${server.data}/secrets.env && ${line.replaceAll(":8099", `:${server.port}`)}`;
  const { stdout, code, stderr } = await runProgram(["/bin/sh", "-c", sourced], env);
  expect(code, stderr).toBe(0);
  return stdout;
}

/** Whether somebody built the pages is no matter of these tests. */
const WEB_UI = existsSync(new URL("../../apps/web/dist/index.html", import.meta.url))
  ? 'Web UI       the same address; sign in with what "npm run hive -- token" prints'
  : 'Web UI       not built: "npm run build"';

test("a start prints what runs and what is missing, with the step that adds it", () => {
  expect(server.printed()).toContain(
    [
      `Hive ready   http://localhost:${server.port}`,
      WEB_UI,
      `Token        source ${server.data}/secrets.env`,
      "Isolation    none (HIVE_FLEET is process): real agents are held",
      "Agents       claude: no key (set ANTHROPIC_API_KEY on this server), default: demo",
      "GitHub       no credential (repos: in hive.yaml, or githubToken per job)",
      'Next         npm run hive -- submit --repo https://… "Add a quick start to the README"',
    ].join("\n"),
  );
});

test("the first start keeps random secrets where only their owner reads them", () => {
  const file = join(server.data, "secrets.env");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, "utf8");
  for (const name of ["INTERNAL_API_TOKEN", "CALLBACK_SECRET", "HIVE_SEALING_KEYS", "HIVE_SIGNING_KEY"]) {
    expect(text).toMatch(new RegExp(`^export ${name}=\\S{32,}$`, "m"));
  }
});

test("curl /health tells what runs, without a token", async () => {
  const health = JSON.parse(await shell("curl -s http://localhost:8099/health")) as object;
  expect(health).toMatchObject({
    ok: true,
    leader: true,
    store: "sqlite",
    queue: { held: 0, blocked: 0, scheduled: 0, queued: 0, running: 0 },
  });
});

test("the README's curl goes from POST /enqueue to a pushed branch and a signed callback", async () => {
  git.makeRepo("acme/app.git");
  const answer = await shell(
    `curl -s -X POST http://localhost:8099/enqueue -H "Authorization: Bearer $INTERNAL_API_TOKEN" -H "Content-Type: application/json" -d '{"jobId":"demo-1","repo":"'"$REPO"'/acme/app.git","branch":"ci/demo","base":"main","task":"agent","instructions":"Add README quickstart","githubToken":"'"$GITHUB_TOKEN"'"}'`,
  );
  expect(JSON.parse(answer)).toMatchObject({
    accepted: true,
    jobId: "demo-1",
    status: "queued",
    url: `http://localhost:${server.port}/v1/jobs/demo-1`,
  });
  const job = await server.over("demo-1");
  expect(job).toMatchObject({ status: "succeeded", error: null, result: { branch: "ci/demo", noChanges: false } });
  expect(job.result?.commit).toBe(git.head("acme/app.git", "ci/demo"));
  expect(git.read("acme/app.git", "ci/demo", "README.md")).toContain("## Quick start");

  const told = await backend.next("job.succeeded", "demo-1");
  expect(told.callback?.data).toMatchObject({ jobId: "demo-1", status: "succeeded" });
  const types = backend.received.map((one) => one.callback?.type);
  expect(types[0]).toBe("job.queued");
  expect(types.at(-1)).toBe("job.succeeded");
  expect(types).toContain("job.started");
  expect(types).toContain("job.progress");
  expect(backend.received.every((one) => one.ok)).toBe(true);
  expect(JSON.stringify(backend.received)).not.toContain(TOKEN);
});

test("the same jobId with the same body is the same job; with another body it is refused", async () => {
  const body = {
    jobId: "twice",
    repo: git.makeRepo("acme/twice.git"),
    task: "agent" as const,
    instructions: "demo:nothing",
  };
  await server.hive.enqueue({ ...body, githubToken: TOKEN });
  await server.hive.enqueue({ ...body, githubToken: TOKEN });
  await expect(server.hive.enqueue({ ...body, githubToken: TOKEN, instructions: "else" })).rejects.toMatchObject({
    code: "id_conflict",
  });
  expect(await server.over("twice")).toMatchObject({ status: "succeeded", seq: 2, result: { noChanges: true } });
});

test("a wrong token is told where the right one is", async () => {
  const reply = await fetch(`${server.url}/enqueue`, { method: "POST", headers: { authorization: "Bearer wrong" } });
  expect(reply.status).toBe(401);
  const problem = (await reply.json()) as { code: string; detail: string };
  expect(problem.code).toBe("unauthorized");
  expect(problem.detail).toContain(`source ${server.data}/secrets.env`);
});

test("an SSH-style address is answered with the https address that works", async () => {
  const job = { repo: "git@github.com:acme/app.git", task: "agent" as const, instructions: "x" };
  await expect(server.hive.enqueue(job)).rejects.toMatchObject({
    code: "invalid_field",
    problem: { fields: [{ path: "repo", message: expect.stringContaining("https://github.com/acme/app") as string }] },
  });
});

test("a second start on the same port says which command helps", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hive-e2e-second-"));
  try {
    const env = plainEnvironment({ HIVE_DATA: folder, HIVE_PORT: String(server.port), HIVE_WORKERS: "0" });
    const { code, stderr } = await runProgram([process.execPath, DISPATCHER], env, { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain(
      `Port ${server.port} is in use. Start with another one: HIVE_PORT=${server.port + 1} npm start`,
    );
    expect(stderr).not.toContain("    at ");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a second start on the same data says who has it", async () => {
  const env = plainEnvironment({ HIVE_DATA: server.data, HIVE_PORT: String(await freePort()), HIVE_WORKERS: "0" });
  const { code, stderr } = await runProgram([process.execPath, DISPATCHER], env, { cwd: tmpdir() });
  expect(code).toBe(1);
  expect(stderr).toContain(`is in use by process ${server.pid()}`);
  expect(stderr).toContain(`(kill ${server.pid()})`);
  expect(stderr).not.toContain("    at ");
  expect((await server.hive.health()).ok).toBe(true);
});

test("bad settings are all listed at once, and nothing is left behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hive-e2e-bad-"));
  const env = plainEnvironment({
    HIVE_DATA: join(folder, "data"),
    HIVE_PORT: "99999",
    HIVE_STORE: "mongo",
    HIVE_WORKERS: "many",
    INTERNAL_API_TOKEN: "short",
    HIVE_CALLBACK_URL: "ftp://nowhere",
  });
  try {
    const { code, stderr } = await runProgram([process.execPath, DISPATCHER], env, { cwd: folder });
    expect(code).toBe(1);
    for (const name of ["HIVE_PORT", "HIVE_STORE", "HIVE_WORKERS", "INTERNAL_API_TOKEN", "HIVE_CALLBACK_URL"]) {
      expect(stderr).toContain(`- ${name}: `);
    }
    expect(stderr).toContain("5 problem(s)");
    expect(() => statSync(join(folder, "data"))).toThrow();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

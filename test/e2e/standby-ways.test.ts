// A worker whose dispatcher is not the queen: what its agent asks of models and of the world goes out there, by that
// dispatcher's own gateway and way out, while the queen decides what is allowed and keeps the accounts.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobDetail } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";
import { say } from "../peers/models/steps.ts";
import { type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const QUEENS_KEY = "sk-proj-e2eQueensKey4For5Hive6Tests7abcdefGG";
const STANDBYS_KEY = "sk-proj-e2eStandbyKey4For5Hive6Tests7abcdefGG";

/** Twice, with a wait for a file between: a model call, a host that is allowed, one that is not. */
const PROGRAM = `
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
const { body, allowed, refused, before, go } = JSON.parse(readFileSync(0, "utf8").match(/^CALL (.*)$/m)[1]);
const headers = { authorization: "Bearer " + process.env.HIVE_LLM_TOKEN, "content-type": "application/json" };
const get = (url) => execFileSync("curl", ["-sS", "--noproxy", "", "-w", " %{http_code}", url], { encoding: "utf8" });
const round = async () => {
  const answer = await fetch(process.env.HIVE_LLM_URL + "/llm/openai/v1/responses", { method: "POST", headers, body: JSON.stringify(body) });
  await answer.text();
  return answer.status + " | " + get(allowed) + " | " + get(refused).slice(-3);
};
const rounds = [await round()];
writeFileSync(before, "");
while (!existsSync(go)) await new Promise((settle) => setTimeout(settle, 50));
rounds.push(await round());
writeFileSync("rounds.txt", rounds.join("\\n") + "\\n");
`;

let folder: string;
let git: GitHost;
let repo: string;
let models: ModelServer;
let outside: Server;
let redis: RedisServer;
let queen: HiveProcess;
let standby: HiveProcess;
let worker: ChildProcess;
let said = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-standby-"));
  chmodSync(folder, 0o711);
  for (const name of ["acts", "data", "run"]) mkdirSync(join(folder, name));
  chmodSync(join(folder, "acts"), 0o777);
  chmodSync(join(folder, "data"), 0o711);
  writeFileSync(join(folder, "rounds.mjs"), PROGRAM, { mode: 0o644 });
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  models = await startModels({ withoutTools: true });
  outside = createServer((_, response) => response.end("from outside")).listen(0, "127.0.0.1");
  await once(outside, "listening");
  redis = await startRedis();
  const env = { HIVE_STORE: redis.url, HIVE_WORKERS: "0", HIVE_EGRESS: `localhost:${portOf(outside)}` };
  const yaml = `{ llm: { openai: { baseUrl: "${models.url}", keys: [{ env: THE_KEY }] } } }`;
  queen = await startHive({ env: { ...env, THE_KEY: QUEENS_KEY }, yaml });
  const more = { ...secretsOf(queen), THE_KEY: STANDBYS_KEY, HIVE_RUN: join(folder, "run") };
  standby = await startHive({ env: { ...env, ...more, HIVE_SHARE_CALLBACK_SECRET: "1" }, yaml });
  worker = startWorker();
  const listed = async (): Promise<number> => (await queen.hive.workers()).length;
  await until("the worker", async () => (await listed()) === 1, { more: () => said });
});

afterAll(async () => {
  if (worker?.exitCode === null) {
    worker.kill("SIGTERM");
    await once(worker, "exit");
  }
  await standby?.dispose();
  await queen?.dispose();
  await redis?.dispose();
  outside?.close();
  await models?.close();
  await git?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As docs/operating.md says: all dispatchers of a store have the secrets of the first. */
function secretsOf({ data }: HiveProcess): Record<string, string> {
  const lines = readFileSync(join(data, "secrets.env"), "utf8").matchAll(/^export (\w+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** One that knows nothing but the standby's socket, as in a container. */
function startWorker(): ChildProcess {
  const child = spawn(process.execPath, [join(ROOT, "apps/worker/src/main.ts")], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: plainEnvironment({
      HIVE_SOCKET: join(folder, "run", "dispatcher.sock"),
      CALLBACK_SECRET_FILE: join(folder, "run", "callback-secret"),
      HIVE_PROVIDER: "manual",
      HIVE_WORKER_NAME: "beside-the-standby",
      HIVE_WORKER_DATA: join(folder, "data"),
      HIVE_AGENT_UID_BASE: String(standby.traces.uids[0]),
      HIVE_ALLOW_UNISOLATED: "1",
      HIVE_AGENT_COMMAND: `"${process.execPath}" "${join(folder, "rounds.mjs")}"`,
    }),
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  return child;
}

const told = (): string => `${said.slice(-3_000)}\n--- standby\n${standby.printed().slice(-3_000)}`;
const roleOf = async ({ url }: HiveProcess): Promise<unknown> =>
  ((await (await fetch(`${url}/health`)).json()) as { readonly role: unknown }).role;

/** Puts the agent's job in and waits for its first round; `end` lets it go on and waits for its end. */
async function begin(jobId: string): Promise<{ end(): Promise<JobDetail> }> {
  const act = (name: string): string => join(folder, "acts", `${jobId}-${name}`);
  models.play(jobId, [say("one"), say("two")]);
  const call = {
    body: { model: "gpt-5.1-codex", stream: true, input: jobId },
    allowed: `http://localhost:${portOf(outside)}/`,
    refused: `http://localhost:${new URL(redis.url).port}/`,
    before: act("before"),
    go: act("go"),
  };
  const instructions = `CALL ${JSON.stringify(call)}`;
  await standby.hive.enqueue({ jobId, repo, agent: "command", task: "agent", verify: false, instructions });
  const isOver = async (): Promise<boolean> => existsSync(call.before) || (await over(jobId));
  await until("the first round", isOver, { more: told });
  return {
    async end() {
      writeFileSync(call.go, "");
      return standby.hive.wait(jobId, { held: true, signal: AbortSignal.timeout(60_000) });
    },
  };
}

async function over(jobId: string): Promise<boolean> {
  return ["succeeded", "failed", "held"].includes((await standby.hive.get(jobId)).status);
}

/** What each round of a job must have come to, and who paid for it. */
async function expectTwoRounds(job: JobDetail): Promise<void> {
  const { jobId } = job;
  expect(job, told()).toMatchObject({ status: "succeeded", error: null, attempts: 1 });
  expect(git.read("app.git", `hive/${jobId}`, "rounds.txt")).toBe(
    ["200 | from outside 200 | 403", "200 | from outside 200 | 403"].join("\n"),
  );
  expect(models.callsOf(jobId).map(({ key }) => key)).toEqual([STANDBYS_KEY, STANDBYS_KEY]);
  const cost = models.costOf(jobId);
  const counted = async (): Promise<boolean> => (await standby.hive.get(jobId)).usage?.calls === 2;
  await until("both calls to be counted", counted, { limitMs: 20_000, more: told });
  expect((await standby.hive.get(jobId)).usage).toMatchObject({ inputTokens: cost.input, outputTokens: cost.output });
  const events = await (await standby.fetch(`/v1/jobs/${jobId}/events?limit=1000`)).text();
  expect(events).toContain("job.egress_blocked");
}

test("its agent's model calls and its way out go by the standby, and the queen allows and counts them", async () => {
  const job = await begin("beside-a-standby");
  expect(await roleOf(standby)).toBe("standby");
  await expectTwoRounds(await job.end());
  expect(await roleOf(standby)).toBe("standby");
});

test("an agent goes on by the same ways when the queen is killed and its dispatcher takes her place", async () => {
  const job = await begin("through-a-takeover");
  await queen.crash();
  await until("the standby to lead", async () => (await roleOf(standby)) === "queen", { limitMs: 20_000 });
  await expectTwoRounds(await job.end());
});

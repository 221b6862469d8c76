/**
 * The gateway of a running server, asked by a program of the operator's: keys that are passed over, a local server that
 * takes one call at a time, a gateway that dies in the middle of a call, and keys that are none.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";
import { say, type Step } from "../peers/models/steps.ts";
import { holds } from "./canary.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { descendants } from "./processes.ts";
import { until } from "./until.ts";

const BAD_KEY = "sk-proj-e2eRefusedKey4For5Hive6Tests7abcdefBB";
const GOOD_KEY = "sk-proj-e2eSecondKey4For5Hive6Tests7abcdefBB";

/** Makes each call its prompt names at once, again where the gateway was away, and commits what it was answered. */
const PROGRAM = `
import { readFileSync, writeFileSync } from "node:fs";
const calls = readFileSync(0, "utf8").split("\\n").filter((line) => line.startsWith("CALL ")).map((line) => JSON.parse(line.slice(5)));
const ask = async ({ path, body }, left = 300) => {
  try {
    const headers = { authorization: "Bearer " + process.env.HIVE_LLM_TOKEN, "content-type": "application/json" };
    const answer = await fetch(process.env.HIVE_LLM_URL + path, { method: "POST", headers, body: JSON.stringify(body) });
    await answer.text();
    if (answer.status !== 503 && answer.status !== 502) return answer.status;
  } catch {}
  if (left === 0) return "away";
  await new Promise((settle) => setTimeout(settle, 100));
  return ask({ path, body }, left - 1);
};
const answers = await Promise.all(calls.map((call) => ask(call)));
writeFileSync("answers.txt", answers.join(" ") + "\\n");
console.log(answers.join(" "));
`;

let folder: string;
let git: GitHost;
let models: ModelServer;
let server: HiveProcess;
let repo: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-gateway-"));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "ask.mjs"), PROGRAM, { mode: 0o644 });
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  models = await startModels({ withoutTools: true });
  models.refuseKey(BAD_KEY, { do: "fail", status: 401 });
  server = await startHive({
    env: {
      HIVE_WORKERS: "2",
      HIVE_ALLOW_UNISOLATED: "1",
      HIVE_AGENT_COMMAND: `"${process.execPath}" "${join(folder, "ask.mjs")}"`,
      FIRST_KEY: BAD_KEY,
      SECOND_KEY: GOOD_KEY,
    },
    yaml: `
llm:
  openai: { baseUrl: "${models.url}", keys: [{ env: FIRST_KEY }, { env: SECOND_KEY }] }
  local: { baseUrl: "${models.url}/v1" }
`,
  });
});
afterAll(async () => {
  await server?.dispose();
  await models?.close();
  await git?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const RESPONSES = "/llm/openai/v1/responses";
const CHAT = "/llm/local/v1/chat/completions";

/** A job whose agent makes these calls; each says the job's id, which is how its story is found. */
function ask(jobId: string, path: string, calls: number, steps: readonly Step[]) {
  models.play(jobId, steps);
  const body = { model: "gpt-5.1-codex", stream: true, input: jobId, messages: [{ role: "user", content: jobId }] };
  const lines = Array.from({ length: calls }, () => `CALL ${JSON.stringify({ path, body })}`);
  return { jobId, repo, agent: "command", task: "agent" as const, verify: false, instructions: lines.join("\n") };
}

// The first: what the stand-in counts is all it ever had.
test("a server of one's own has one call at a time, over all jobs, at no price", async () => {
  const jobs = await Promise.all(
    ["local-a", "local-b"].map((id) => server.run(ask(id, CHAT, 3, [say("one"), say("two"), say("three")]))),
  );
  for (const job of jobs) {
    const cost = models.costOf(job.jobId);
    expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
    expect(job.usage).toMatchObject({ calls: 3, inputTokens: cost.input, outputTokens: cost.output, costUsd: 0 });
  }
  expect(models.calls.map(({ key }) => key)).toEqual([null, null, null, null, null, null]);
  expect(models.mostAtOnce()).toBe(1);
});

describe("keys", () => {
  test("one that is refused is passed over for the next, said in the log by its name, and never shown", async () => {
    const job = await server.run(ask("passed-over", RESPONSES, 2, [say("one"), say("two")]));
    expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
    expect(git.read("app.git", "hive/passed-over", "answers.txt")).toBe("200 200");
    const keys = models.callsOf("passed-over").map(({ key }) => key);
    expect(new Set(keys)).toEqual(new Set([BAD_KEY, GOOD_KEY]));
    expect(keys.at(-1)).toBe(GOOD_KEY);
    const cost = models.costOf("passed-over");
    expect(job.usage).toMatchObject({ calls: 2, inputTokens: cost.input, outputTokens: cost.output });
    expect(server.printed()).toMatch(
      /a key is set aside: it is refused \(401\).*FIRST_KEY|FIRST_KEY.*a key is set aside/,
    );
    for (const key of [BAD_KEY, GOOD_KEY]) {
      expect(holds(key, server.printed())).toBe(false);
      expect(holds(key, JSON.stringify(job))).toBe(false);
    }
  });

  test("a login in place of a key ends the start and says what to use", async () => {
    const env = { OPENAI_API_KEY: "eyJhbGciOiJub25lIn0.e30.", GEMINI_API_KEY: "ya29.a0-login" };
    const start = startHive({ env });
    await expect(start).rejects.toThrow(/OPENAI_API_KEY is a ChatGPT login.*\n.*GEMINI_API_KEY is a Google login/);
  });
});

test("a gateway that dies in the middle of a call is there again; what the call may have cost is kept", async () => {
  const waiting = server.run(
    ask("crashed", RESPONSES, 1, [{ do: "stall", text: "a long answer begins" }, say("again")]),
  );
  await models.played("crashed", 1);
  const [gateway] = descendants(server.pid()).filter(({ command }) => command.includes("gateway/main.ts"));
  expect(gateway).toBeDefined();
  process.kill(gateway?.pid ?? 0, "SIGKILL");
  const job = await waiting;
  expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
  expect(git.read("app.git", "hive/crashed", "answers.txt")).toBe("200");
  await until(
    "the lost call to be counted",
    async () => (await server.hive.get("crashed")).usage?.uncertainCalls === 1,
  );
  const { usage, budget } = await server.hive.get("crashed");
  const cost = models.costOf("crashed");
  expect(usage).toMatchObject({ calls: 2, uncertainCalls: 1 });
  expect(usage?.inputTokens).toBeGreaterThanOrEqual(cost.input);
  // 128,000 tokens of answer, which nobody can say were not written.
  expect(budget?.reserved.usd).toBeGreaterThan(1);
});

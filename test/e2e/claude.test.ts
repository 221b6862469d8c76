/**
 * The real Claude Code, headless, in a job of the running server: its only way to a model is the gateway, which puts the
 * server's key in place of the lease's token. Behind the gateway stands a scripted Messages endpoint.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnthropicEndpoint, startAnthropicEndpoint, USAGE_PER_CALL } from "../peers/anthropic-endpoint.ts";
import { filesHolding, holds } from "./canary.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const KEY = "sk-ant-api03-e2eCanaryKey0For1Hive2Tests3-abcdefAA";
const bin = join(import.meta.dirname, "../peers/claude/node_modules/.bin");
const installed = existsSync(join(bin, "claude"));
const install = "npm ci --prefix test/peers/claude";

test("the Claude Code CLI is there", ({ skip }) => {
  if (!installed && process.env["CI"] !== "true") skip(`not installed: ${install}`);
  expect(installed, `the Claude Code CLI is missing: ${install}`).toBe(true);
});

describe.runIf(installed)("Claude Code in a job", () => {
  let git: GitHost;
  let endpoint: AnthropicEndpoint;
  let server: HiveProcess;
  let repo: string;

  beforeAll(async () => {
    git = await startGitHost();
    repo = git.makeRepo("app.git");
    endpoint = await startAnthropicEndpoint({ mode: "ok" });
    // At first as a newcomer has it: no key, nothing allowed.
    server = await startHive({
      env: {
        PATH: [bin, process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter),
        ANTHROPIC_BASE_URL: endpoint.url,
        HIVE_WORKERS: "1",
      },
    });
  });
  afterAll(async () => {
    await server?.dispose();
    await endpoint?.close();
    await git?.stop();
  });

  const ask = (jobId: string, more: object = {}) => ({
    jobId,
    repo,
    task: "agent" as const,
    instructions: "Write hello.txt, please.",
    ...more,
  });

  test("without a key, a job that names no agent is held and says what to set", async () => {
    const accepted = await server.hive.enqueue(ask("waits-for-an-agent"));
    expect(accepted).toMatchObject({ status: "held", reason: "no_agent" });
    expect((await server.hive.get("waits-for-an-agent")).waiting).toContain("ANTHROPIC_API_KEY");
  });

  test("without isolation a real agent is held and says what to set", async () => {
    const accepted = await server.hive.enqueue(ask("waits-for-isolation", { agent: "claude" }));
    expect(accepted).toMatchObject({ status: "held", reason: "no_isolation" });
    expect((await server.hive.get("waits-for-isolation")).waiting).toContain("HIVE_ALLOW_UNISOLATED");
    expect(endpoint.requests).toEqual([]);
  });

  test("a restart with the key alone holds both for the isolation; with the setting both go on and push", async () => {
    await server.stop();
    await server.start({ ANTHROPIC_API_KEY: KEY });
    expect(server.printed()).toContain("claude: key is set");
    expect(await server.hive.get("waits-for-an-agent")).toMatchObject({ status: "held", reason: "no_isolation" });
    await server.stop();
    endpoint.script.mode = "tool";
    endpoint.script.tool = { name: "Bash", input: { command: "echo hello > hello.txt; env" } };
    await server.start({ HIVE_ALLOW_UNISOLATED: "1" });
    for (const jobId of ["waits-for-an-agent", "waits-for-isolation"]) {
      const job = await server.over(jobId);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
      expect(git.read("app.git", `hive/${jobId}`, "hello.txt")).toBe("hello");
    }
  });

  test("tokens are counted by the gateway and shown in the result", async () => {
    const before = endpoint.calls();
    const job = await server.run(ask("counted"));
    expect(job).toMatchObject({ status: "succeeded", result: { agent: { name: "claude" } } });
    const calls = endpoint.calls() - before;
    expect(calls).toBeGreaterThanOrEqual(2);
    expect(job.usage).toMatchObject({
      calls,
      inputTokens: calls * USAGE_PER_CALL.input_tokens,
      outputTokens: calls * USAGE_PER_CALL.output_tokens,
      cacheReadTokens: calls * USAGE_PER_CALL.cache_read_input_tokens,
    });
    expect(job.result?.usage).toEqual(job.usage);
    expect((await server.hive.get("counted")).result?.summary).toContain("All done.");
  });

  test("the key reaches the provider and nothing else: not the agent, not a file, not a reply", async () => {
    const asked = endpoint.requests.filter((one) => one.path.startsWith("/v1/messages"));
    expect(asked.length).toBeGreaterThan(0);
    for (const request of asked) {
      expect(request.headers["x-api-key"]).toBe(KEY);
      // The agent's own environment comes back to the model as a tool's result: neither key nor lease token of the server.
      expect(holds(KEY, JSON.stringify(request.body))).toBe(false);
      expect(JSON.stringify(request.headers)).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}/);
    }
    const bodies = asked.map((one) => JSON.stringify(one.body)).join("\n");
    // What the tool printed came back: the agent's whole environment.
    expect(bodies).toContain("ANTHROPIC_BASE_URL=");
    expect(filesHolding(KEY, server.data).files).toEqual([]);
    for (const part of ["", "/events?limit=1000", "/logs", "/diff"]) {
      const text = await (await server.fetch(`/v1/jobs/counted${part}`)).text();
      expect(holds(KEY, text), part).toBe(false);
    }
    expect(holds(KEY, server.printed())).toBe(false);
  });

  test("an agent that commits its environment, and with it the lease's token, is not pushed", async () => {
    endpoint.script.tool = { name: "Bash", input: { command: "env > environment.txt" } };
    const job = await server.run(ask("leaks"));
    expect(job).toMatchObject({ status: "failed", reason: "secret_in_diff" });
    expect(job.error?.message).toContain("environment.txt");
    expect(git.head("app.git", "hive/leaks")).toBeNull();
  });

  test("a key the provider refuses ends the job and says whose key it is", async () => {
    endpoint.script.mode = "401";
    const job = await server.run(ask("refused-key", { maxAttempts: 1 }));
    expect(job.status).toBe("failed");
    expect(job.error?.message).toMatch(/key|401|auth/i);
    expect(holds(KEY, JSON.stringify(job))).toBe(false);
  });

  test("a model that never answers can be canceled, and the CLI is dead", async () => {
    endpoint.script.mode = "hang";
    const before = endpoint.calls();
    await server.hive.enqueue(ask("hangs"));
    await until("the CLI to ask", () => endpoint.calls() > before);
    await server.hive.cancel("hangs");
    expect(await server.over("hangs")).toMatchObject({ status: "canceled" });
    await until("the CLI to be gone", async () => (await server.hive.health()).workers.free === 1);
    endpoint.script.mode = "ok";
    expect(await server.run(ask("after"))).toMatchObject({ status: "succeeded", result: { noChanges: true } });
  });
});

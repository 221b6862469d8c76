/**
 * How a newcomer comes to an agent that works: from no key, through a key that may not be used yet, to a job that is done;
 * and what is said when the key is no good. With the real Claude Code behind the real gateway.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";
import { run } from "../peers/models/steps.ts";
import { holds } from "./canary.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";

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
  let models: ModelServer;
  let server: HiveProcess;
  let repo: string;

  beforeAll(async () => {
    git = await startGitHost();
    repo = git.makeRepo("app.git");
    models = await startModels();
    // At first as a newcomer has it: no key, nothing allowed.
    server = await startHive({
      env: {
        PATH: [bin, process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter),
        ANTHROPIC_BASE_URL: models.url,
        HIVE_WORKERS: "1",
      },
    });
  });
  afterAll(async () => {
    await server?.dispose();
    await models?.close();
    await git?.stop();
  });

  const ask = (jobId: string, more: object = {}) => ({
    jobId,
    repo,
    task: "agent" as const,
    instructions: `Do what the story ${jobId} says, please.`,
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
    expect(models.calls).toEqual([]);
  });

  test("a restart with the key alone holds both for the isolation; with the setting both go on and push", async () => {
    await server.stop();
    await server.start({ ANTHROPIC_API_KEY: KEY });
    expect(server.printed()).toContain("claude: key is set");
    expect(await server.hive.get("waits-for-an-agent")).toMatchObject({ status: "held", reason: "no_isolation" });
    await server.stop();
    for (const jobId of ["waits-for-an-agent", "waits-for-isolation"])
      models.play(jobId, [run("echo hello > hello.txt")]);
    await server.start({ HIVE_ALLOW_UNISOLATED: "1" });
    for (const jobId of ["waits-for-an-agent", "waits-for-isolation"]) {
      const job = await server.over(jobId);
      expect(job, server.printed().slice(-4000)).toMatchObject({ status: "succeeded", error: null });
      expect(git.read("app.git", `hive/${jobId}`, "hello.txt")).toBe("hello");
    }
  });

  test("an agent that commits its environment, and with it the lease's token, is not pushed", async () => {
    models.play("leaks", [run("env > environment.txt")]);
    const job = await server.run(ask("leaks"));
    expect(job).toMatchObject({ status: "failed", reason: "secret_in_diff" });
    expect(job.error?.message).toContain("environment.txt");
    expect(git.head("app.git", "hive/leaks")).toBeNull();
  });

  test("a key the provider refuses ends the job and says whose key it is", async () => {
    models.refuseKey(KEY, { do: "fail", status: 401 });
    const job = await server.run(ask("refused-key", { maxAttempts: 1 }));
    expect(job.status).toBe("failed");
    expect(job.error?.message).toMatch(/key|401|auth/i);
    expect(holds(KEY, JSON.stringify(job))).toBe(false);
  });
});

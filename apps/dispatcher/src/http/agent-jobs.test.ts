/** Agents over HTTP: what jobs may say of theirs, and what a worker is told with its lease. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agentPolicy } from "../agents/agent-policy.fixture.ts";
import { agentsSchema } from "../agents/agent-settings.ts";
import { claimJob, enqueueJob } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeEach(async () => {
  const agents = agentPolicy({
    agent: "claude",
    agents: agentsSchema.parse({
      claude: { model: "sonnet", models: ["sonnet", "opus"], args: ["--effort", "high"], systemPrompt: "Be brief." },
      aider: { command: "aider --yes", promptBy: "file" },
    }),
  });
  world = await startServer({ change: (parts) => ({ ...parts, policy: { ...parts.policy, agents } }) });
});
afterEach(() => world.close());

const AGENTIC = { task: "agent", instructions: "Do it.", script: undefined };

describe("a job for an agent", () => {
  it("comes to its worker with the operator's settings and its own model", async () => {
    const jobId = await enqueueJob(world, { ...AGENTIC, model: "opus" });
    const lease = await claimJob(world, await world.worker("bee-1", ["claude"]));
    expect(lease.job).toMatchObject({
      jobId,
      agent: "claude",
      agentSettings: { model: "opus", args: ["--effort", "high"], systemPrompt: "Be brief.", command: null },
    });
    const shown = await (await world.send("GET", `/v1/jobs/${jobId}`)).json();
    expect(shown).toMatchObject({ agent: "claude", model: "opus" });
  });

  it("comes with the operator's model where it names none, and a script without any settings of agents", async () => {
    await enqueueJob(world, AGENTIC);
    const worker = await world.worker("bee-1", ["claude"]);
    expect((await claimJob(world, worker)).job.agentSettings.model).toBe("sonnet");
    await enqueueJob(world);
    const plain = await claimJob(world, await world.worker("bee-2"));
    expect(plain.job).toMatchObject({ agent: null, agentSettings: { model: null, args: [], systemPrompt: null } });
  });

  it("is refused with a model the operator does not allow, or where no agent does the task", async () => {
    const problemsOf = async (more: object): Promise<unknown> => {
      const json = { repo: "https://github.com/acme/app", ...more };
      const refused = await world.send("POST", "/enqueue", { json });
      return [refused.status, await refused.json()];
    };
    expect(await problemsOf({ ...AGENTIC, model: "haiku" })).toEqual([
      422,
      expect.objectContaining({
        fields: [{ path: "model", message: 'claude may use sonnet, opus here, not "haiku"' }],
      }),
    ]);
    expect(await problemsOf({ task: "test", model: "opus" })).toMatchObject([422, { fields: [{ path: "model" }] }]);
    expect(await problemsOf({ ...AGENTIC, model: "--print" })).toMatchObject([422, {}]);
  });
});

describe("an agent that is a command of the operator's", () => {
  it("is done by workers that run such commands, and by no others", async () => {
    const jobId = await enqueueJob(world, { ...AGENTIC, agent: "aider" });
    const other = await world.worker("bee-1", ["claude", "command"]);
    const none = await world.send("POST", "/v1/worker/claim", {
      token: other,
      json: { claimId: "claim-other-1", waitMs: 0 },
    });
    expect(await none.json()).toMatchObject({ lease: null });
    const lease = await claimJob(world, await world.worker("bee-2", ["claude"], { commandLines: true }));
    expect(lease.job).toMatchObject({
      jobId,
      agent: "aider",
      agentSettings: { command: { line: "aider --yes", promptBy: "file" } },
    });
  });
});

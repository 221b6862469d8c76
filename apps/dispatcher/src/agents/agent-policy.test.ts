import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { repoRulesSchema } from "../credentials/repo-rules.ts";
import { poolsSchema } from "../fleet/pool-settings.ts";
import { agentPolicy } from "./agent-policy.fixture.ts";
import { agentProblems } from "./agent-policy.ts";
import { agentsSchema } from "./agent-settings.ts";

const anywhere = { place: "github.com/acme/app", role: null, labels: [] };
const repos = (...rules: object[]) => repoRulesSchema.parse(rules);
const agents = (settings: object) => agentsSchema.parse(settings);

describe("the agent of a job that names none", () => {
  it("is its pool's, then its repository's, then the server's", () => {
    const policy = agentPolicy({
      agent: "claude",
      pools: poolsSchema.parse([
        { name: "a" },
        { name: "b", roles: ["review"], agent: "gemini" },
        { name: "c", labels: ["gpu"], roles: ["train"], agent: "opencode" },
      ]),
      repos: repos({ match: "github.com/acme/*", agent: "codex" }),
    });
    const agentFor = (more: object): string | null => policy.agentFor({ ...anywhere, ...more });
    expect(agentFor({ role: "review" })).toBe("gemini");
    expect(agentFor({ role: "train", labels: ["gpu"] })).toBe("opencode");
    expect(agentFor({ role: "other" })).toBe("codex");
    expect(agentFor({ role: "other", place: "github.com/else/app" })).toBe("claude");
  });

  it("is, where nobody says, the first that has what it needs, and never demo", () => {
    expect(agentPolicy().defaultAgent).toBeNull();
    expect(agentPolicy({ geminiApiKey: "k" }).defaultAgent).toBe("gemini");
    expect(agentPolicy({ geminiApiKey: "k", openaiApiKey: "k" }).defaultAgent).toBe("codex");
    expect(agentPolicy({ openaiApiKey: "k", anthropicApiKey: "k" }).defaultAgent).toBe("claude");
    expect(agentPolicy({ agentCommand: "x" }).defaultAgent).toBe("command");
    expect(agentPolicy({ agents: agents({ aider: { command: "aider" } }) }).defaultAgent).toBe("aider");
    const llm = { local: { baseUrl: "http://127.0.0.1:11434", limit: 1 } };
    expect(agentPolicy({ llm }).defaultAgent).toBeNull();
    expect(agentPolicy({ llm, agents: agents({ opencode: { model: "local/coder" } }) }).defaultAgent).toBe("opencode");
    expect(agentPolicy({ agent: "demo", anthropicApiKey: "k" }).defaultAgent).toBe("demo");
  });
});

describe("the model", () => {
  it("is the job's, then its repository's for that repository's agent, then the agent's", () => {
    const policy = agentPolicy({
      anthropicApiKey: "k",
      claudeModel: "sonnet",
      agents: agents({ codex: { model: "gpt" } }),
      repos: repos({ match: "github.com/acme/*", model: "opus" }),
    });
    const elsewhere = { ...anywhere, place: "github.com/else/app" };
    expect(policy.settingsFor("claude", "haiku", anywhere).model).toBe("haiku");
    expect(policy.settingsFor("claude", null, anywhere).model).toBe("opus");
    expect(policy.settingsFor("claude", null, elsewhere).model).toBe("sonnet");
    expect(policy.settingsFor("codex", null, anywhere).model).toBe("gpt");
    expect(policy.settingsFor("gemini", null, anywhere).model).toBeNull();
  });

  it("must be one the operator allows, where there is a list", () => {
    const policy = agentPolicy({ agents: agents({ claude: { model: "sonnet", models: ["opus"] } }) });
    expect(policy.refuseModel("claude", "opus", anywhere)).toBeNull();
    expect(policy.refuseModel("claude", "sonnet", anywhere)).toBeNull();
    expect(policy.refuseModel("claude", "haiku", anywhere)).toBe('claude may use opus here, not "haiku"');
    expect(policy.refuseModel("codex", "anything", anywhere)).toBeNull();
  });

  it("must be there for OpenCode, which has none of its own, and one that the agent can reach", () => {
    expect(agentPolicy().refuseModel("opencode", null, anywhere)).toMatch(/agents\.opencode\.model/);
    expect(agentPolicy().refuseModel("opencode", "gpt", anywhere)).toMatch(/lacks its provider/);
    expect(agentPolicy().refuseModel("gemini", "local/x", anywhere)).toMatch(/cannot speak to a local model/);
    const set = agentPolicy({ agents: agents({ opencode: { model: "local/coder" } }) });
    expect(set.refuseModel("opencode", null, anywhere)).toBeNull();
  });
});

it("all that hive.yaml says of an agent is told to its worker", () => {
  const mcp = { docs: { command: "docs" } };
  const policy = agentPolicy({
    agentCommand: "own",
    agents: agents({
      claude: { args: ["--effort", "high"], tools: { deny: ["Bash"] }, systemPrompt: "Be brief.", mcp, thinking: true },
      aider: { command: "aider", promptBy: "file" },
    }),
  });
  expect(policy.settingsFor("claude", null, anywhere)).toEqual({
    model: null,
    args: ["--effort", "high"],
    tools: { allow: null, deny: ["Bash"] },
    systemPrompt: "Be brief.",
    mcpServers: { docs: { command: "docs", args: [], env: {} } },
    command: null,
    thinking: true,
  });
  expect(policy.settingsFor("aider", null, anywhere).command).toEqual({ line: "aider", promptBy: "file" });
  expect(policy.settingsFor("command", null, anywhere).command).toEqual({ line: "own", promptBy: "stdin" });
  expect(policy.commandNames).toEqual(["command", "aider"]);
  expect(policy.names).toEqual(["claude", "codex", "opencode", "gemini", "command", "demo", "aider"]);
});

it("names of agents that do not exist are found at the start, wherever they stand", () => {
  const config = loadConfig({ HIVE_AGENT: "demo" });
  expect(agentProblems(config)).toEqual([]);
  const wrong = {
    ...config,
    agent: "skynet",
    repos: repos({ match: "**", agent: "hal" }),
    pools: poolsSchema.parse([{ name: "a", agent: "t1000" }]),
  };
  expect(agentProblems(wrong).map((text) => text.split(";")[0])).toEqual([
    'HIVE_AGENT: there is no agent "skynet"',
    'repos.0.agent: there is no agent "hal"',
    'pools.0.agent: there is no agent "t1000"',
  ]);
  expect(() => loadConfig({ HIVE_AGENT: "skynet" })).toThrow(/no agent "skynet"/);
});

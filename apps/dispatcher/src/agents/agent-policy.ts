/**
 * Which agent does a job, with which settings: the job's own word first, then its pool's, its repository's, the
 * server's, and at last whichever agent has a key. All of it is decided here and told to workers with each lease, so
 * that a change of hive.yaml holds for jobs that are waiting.
 */
import { fits } from "@hive/core";
import { type AgentSettings, DEFAULT_AGENT_SETTINGS } from "@hive/protocol";
import type { Config } from "../config.ts";
import { ruleFor } from "../credentials/repo-rules.ts";
import { configuredProviders } from "../gateway/llm-settings.ts";
import { AGENTS, whyNotModel } from "./agent-settings.ts";

/** What decides a job's agent, where the job names none. */
export interface AgentQuestion {
  /** `host/owner/name`. */
  readonly place: string;
  readonly role: string | null;
  readonly labels: readonly string[];
}

export interface AgentPolicy {
  /** Every agent that jobs may name. */
  readonly names: readonly string[];
  /** Those with a command line of the operator's, which workers are told with the job. */
  readonly commandNames: readonly string[];
  /** The agent where nothing else says: `HIVE_AGENT`, else the one whose provider has a key; null: there is none. */
  readonly defaultAgent: string | null;
  /** The agent of a job that names none; null: there is none. */
  agentFor(question: AgentQuestion): string | null;
  /** Why a job may not have this agent with this model (null: none asked for), or null. */
  refuseModel(agent: string, model: string | null, question: AgentQuestion): string | null;
  /** How a job's agent is to be run; `model`: the one the job asked for, or null. */
  settingsFor(agent: string, model: string | null, question: AgentQuestion): AgentSettings;
}

type AgentConfig = Pick<
  Config,
  | "agent"
  | "agents"
  | "agentCommand"
  | "claudeModel"
  | "repos"
  | "pools"
  | "llm"
  | "anthropicApiKey"
  | "anthropicBaseUrl"
  | "openaiApiKey"
  | "geminiApiKey"
>;

/** The policy of these settings. */
export function createAgentPolicy(config: AgentConfig): AgentPolicy {
  const { agents } = config;
  const commands = commandsOf(config);
  const names = [...new Set([...AGENTS, ...Object.keys(agents)])];
  const fallback = defaultAgent(config);

  function agentFor({ place, role, labels }: AgentQuestion): string | null {
    const pool = config.pools?.find(
      ({ agent, roles, labels: has }) =>
        agent !== undefined && fits({ roles, labels: has, agents: [] }, { role, labels, agent: null }),
    );
    return pool?.agent ?? ruleFor(config.repos, place)?.agent ?? fallback;
  }

  /** A model named for a repository is one for the agent that its jobs have by default. */
  function modelOf(agent: string, question: AgentQuestion): string | null {
    const rule = ruleFor(config.repos, question.place);
    if (rule?.model !== undefined && (rule.agent ?? agentFor(question)) === agent) return rule.model;
    return agents[agent]?.model ?? (agent === "claude" ? (config.claudeModel ?? null) : null);
  }

  return {
    names,
    commandNames: [...commands.keys()],
    defaultAgent: fallback,
    agentFor,
    refuseModel(agent, model, question) {
      if (model === null) {
        if (agent !== "opencode" || modelOf(agent, question) !== null) return null;
        return "opencode has no model of its own: name one (anthropic/NAME, openai/NAME, google/NAME, local/NAME) or set agents.opencode.model in hive.yaml";
      }
      const allowed = agents[agent]?.models;
      if (allowed !== undefined && !allowed.includes(model) && modelOf(agent, question) !== model) {
        return `${agent} may use ${allowed.join(", ")} here, not "${model}"`;
      }
      return whyNotModel(agent, model);
    },
    settingsFor(agent, model, question) {
      const entry = agents[agent];
      return {
        ...DEFAULT_AGENT_SETTINGS,
        model: model ?? modelOf(agent, question),
        command: commands.get(agent) ?? null,
        ...(entry === undefined
          ? {}
          : {
              args: entry.args,
              tools: { allow: entry.tools?.allow ?? null, deny: entry.tools?.deny ?? [] },
              systemPrompt: entry.systemPrompt ?? null,
              mcpServers: entry.mcp,
              thinking: entry.thinking,
            }),
      };
    },
  };
}

/** What `agents`, `repos`, `pools` and `HIVE_AGENT` say that does not go together. */
export function agentProblems(config: AgentConfig): readonly string[] {
  const { names } = createAgentPolicy(config);
  const named = [
    { where: "HIVE_AGENT", agent: config.agent },
    ...config.repos.map((rule, at) => ({ where: `repos.${at}.agent`, agent: rule.agent })),
    ...(config.pools ?? []).map((pool, at) => ({ where: `pools.${at}.agent`, agent: pool.agent })),
  ];
  return named.flatMap(({ where, agent }) =>
    agent === undefined || names.includes(agent)
      ? []
      : [`${where}: there is no agent "${agent}"; known are ${names.join(", ")}, and those of agents: in hive.yaml`],
  );
}

function commandsOf({ agents, agentCommand }: AgentConfig): Map<string, NonNullable<AgentSettings["command"]>> {
  const commands = new Map<string, NonNullable<AgentSettings["command"]>>();
  if (agentCommand !== undefined) commands.set("command", { line: agentCommand, promptBy: "stdin" });
  for (const [name, { command, promptBy = "stdin" }] of Object.entries(agents)) {
    if (command !== undefined) commands.set(name, { line: command, promptBy });
  }
  return commands;
}

/** What the operator chose, else the first agent that has what it needs. Never `demo` unasked. */
function defaultAgent(config: AgentConfig): string | null {
  if (config.agent !== undefined) return config.agent;
  const providers = configuredProviders(config);
  if (providers.includes("anthropic")) return "claude";
  if (providers.includes("openai")) return "codex";
  if (providers.includes("gemini")) return "gemini";
  const local = Object.entries(config.agents).find(([, { model }]) => model?.startsWith("local/") === true);
  if (providers.includes("local") && local !== undefined) return local[0];
  return commandsOf(config).keys().next().value ?? null;
}

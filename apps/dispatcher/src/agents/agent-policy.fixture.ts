/** The agents of a server of which nothing is said, but for what a test is about. */
import { type AgentPolicy, createAgentPolicy } from "./agent-policy.ts";

/** Change what a test is about. Default: no key, no settings. */
export function agentPolicy(change: Partial<Parameters<typeof createAgentPolicy>[0]> = {}): AgentPolicy {
  return createAgentPolicy({
    agent: undefined,
    agents: {},
    agentCommand: undefined,
    claudeModel: undefined,
    repos: [],
    pools: undefined,
    llm: {},
    anthropicApiKey: undefined,
    anthropicBaseUrl: "https://api.anthropic.com",
    openaiApiKey: undefined,
    geminiApiKey: undefined,
    ...change,
  });
}

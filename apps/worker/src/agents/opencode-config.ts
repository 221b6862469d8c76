/** OpenCode's own settings, which it takes whole from its environment: every provider leads to the gateway. */
import type { AgentSettings, McpServer } from "@hive/protocol";
import { type AgentInput, AgentUnavailableError } from "./contract.ts";
import { addressOf } from "./gateway-address.ts";

/**
 * The settings of a run with this model, written `provider/name`.
 * @throws AgentUnavailableError for providers that the gateway has no way to
 */
export function opencodeConfig(input: AgentInput, model: string): Record<string, unknown> {
  const provider = model.slice(0, model.indexOf("/"));
  const models = { [model.slice(provider.length + 1)]: {} };
  return {
    share: "disabled",
    autoupdate: false,
    snapshot: false,
    permission: "allow",
    enabled_providers: [provider],
    model,
    // Whatever it wants a small model for is asked of the same one, so that nothing else is needed.
    small_model: model,
    provider: { [provider]: { ...providerOf(input, provider), models } },
    tools: toolsOf(input.settings),
    mcp: Object.fromEntries(Object.entries(input.settings.mcpServers).map(([name, one]) => [name, mcpOf(one)])),
  };
}

function providerOf(input: AgentInput, name: string): Record<string, unknown> {
  const options = (baseURL: string): Record<string, unknown> => ({ options: { baseURL, apiKey: input.llmToken } });
  switch (name) {
    case "anthropic":
    case "openai":
      return options(`${addressOf(input, name)}/v1`);
    case "google":
    case "gemini":
      return { npm: "@ai-sdk/google", ...options(`${addressOf(input, "gemini")}/v1beta`) };
    case "local":
      return { npm: "@ai-sdk/openai-compatible", name: "local", ...options(`${addressOf(input, "local")}/v1`) };
    default:
      throw new AgentUnavailableError(
        `OpenCode reaches anthropic, openai, google and local models through the gateway, no "${name}"`,
      );
  }
}

function toolsOf({ tools }: AgentSettings): Record<string, boolean> {
  const rules: Record<string, boolean> = tools.allow === null ? {} : { "*": false };
  for (const name of tools.allow ?? []) rules[name] = true;
  for (const name of tools.deny) rules[name] = false;
  return rules;
}

function mcpOf(server: McpServer): Record<string, unknown> {
  if ("command" in server) {
    return { type: "local", command: [server.command, ...server.args], environment: server.env, enabled: true };
  }
  return { type: "remote", url: server.url, headers: server.headers, enabled: true };
}

/** The agents this worker knows, by name. A new adapter is one file and one line here. */
import { claudeAdapter } from "./claude.ts";
import { commandAdapter } from "./command.ts";
import type { AgentAdapter, AgentSearch, Availability } from "./contract.ts";
import { demoAdapter } from "./demo.ts";

/** All adapters. `agentCommand` is the operator's shell line for the agent `command`, or null. */
export function listAgents(agentCommand: string | null): readonly AgentAdapter[] {
  return [claudeAdapter, commandAdapter(agentCommand), demoAdapter];
}

/** Asks every adapter whether it can run here; for the registration and for `doctor`. */
export async function findAgents(
  adapters: readonly AgentAdapter[],
  search: AgentSearch,
): Promise<readonly { readonly adapter: AgentAdapter; readonly found: Availability }[]> {
  return Promise.all(adapters.map(async (adapter) => ({ adapter, found: await adapter.available(search) })));
}

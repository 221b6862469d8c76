/** The agents this worker knows, by name. A new adapter is one file and one line here. */
import { claudeAdapter } from "./claude.ts";
import { commandAdapter } from "./command.ts";
import type { AgentAdapter, AgentSearch, Availability } from "./contract.ts";
import { demoAdapter } from "./demo.ts";

export interface AgentSettings {
  /** The operator's shell line for the agent `command`, or null. */
  readonly agentCommand: string | null;
  /**
   * May agents that do as a model says run here? Not where nothing isolates them, unless the operator wants it: then
   * only `demo` is offered, and jobs for others wait for another worker.
   */
  readonly realAgents: boolean;
}

/** The adapters a worker offers. */
export function listAgents({ agentCommand, realAgents }: AgentSettings): readonly AgentAdapter[] {
  return realAgents ? [claudeAdapter, commandAdapter(agentCommand), demoAdapter] : [demoAdapter];
}

/** Asks every adapter whether it can run here; for the registration and for `doctor`. */
export async function findAgents(
  adapters: readonly AgentAdapter[],
  search: AgentSearch,
): Promise<readonly { readonly adapter: AgentAdapter; readonly found: Availability }[]> {
  return Promise.all(adapters.map(async (adapter) => ({ adapter, found: await adapter.available(search) })));
}

/** The agents this worker knows, by name. A new adapter is one file and one line here. */
import type { LeasedJob } from "@hive/protocol";
import { claudeAdapter } from "./claude.ts";
import { codexAdapter } from "./codex.ts";
import { commandAdapter } from "./command.ts";
import type { AgentAdapter, AgentSearch, Availability } from "./contract.ts";
import { demoAdapter } from "./demo.ts";
import { geminiAdapter } from "./gemini.ts";
import { opencodeAdapter } from "./opencode.ts";

/** What decides which agents a worker offers. */
export interface AgentOffer {
  /** The operator's shell line for the agent `command`, or null. */
  readonly agentCommand: string | null;
  /**
   * May agents that do as a model says run here? Not where nothing isolates them, unless the operator wants it: then
   * only `demo` is offered, and jobs for others wait for another worker.
   */
  readonly realAgents: boolean;
}

/** The adapters a worker offers. */
export function listAgents({ agentCommand, realAgents }: AgentOffer): readonly AgentAdapter[] {
  if (!realAgents) return [demoAdapter];
  const command = commandAdapter(agentCommand === null ? null : { line: agentCommand, promptBy: "stdin" });
  return [claudeAdapter, codexAdapter, opencodeAdapter, geminiAdapter, command, demoAdapter];
}

/** The adapter of a job: the one of its agent's name, or one for the command line that came with the job. */
export function adapterFor(
  adapters: readonly AgentAdapter[],
  { agent, agentSettings: { command } }: Pick<LeasedJob, "agent" | "agentSettings">,
): AgentAdapter | undefined {
  if (agent !== null && command !== null) return commandAdapter(command, agent);
  return adapters.find((one) => one.name === agent);
}

/** Asks every adapter whether it can run here; for the registration and for `doctor`. */
export async function findAgents(
  adapters: readonly AgentAdapter[],
  search: AgentSearch,
): Promise<readonly { readonly adapter: AgentAdapter; readonly found: Availability }[]> {
  return Promise.all(adapters.map(async (adapter) => ({ adapter, found: await adapter.available(search) })));
}

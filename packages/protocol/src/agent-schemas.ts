/**
 * What the server tells a worker about a job's agent. All of it is the operator's word (`agents:` and `repos:` in
 * hive.yaml); the one thing a job may say is its model, and only a trusted one.
 */

import { z } from "zod";

/** A server of the Model Context Protocol: a program started beside the agent, or an address it calls. */
export const mcpServerSchema = z.union([
  z.strictObject({
    command: z.string().min(1).max(4096),
    args: z.array(z.string().max(4096)).max(64).default([]),
    env: z.record(z.string().max(128), z.string().max(8192)).default({}),
  }),
  z.strictObject({
    url: z.url({ protocol: /^https?$/ }).max(2048),
    headers: z.record(z.string().max(128), z.string().max(8192)).default({}),
  }),
]);
export type McpServer = z.output<typeof mcpServerSchema>;

/** A model by the name its provider, or `local/`, knows it by. It can never be taken for an option. */
export const agentModelSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:/@[\]-]{0,127}$/, "must be 1 to 128 of A-Z a-z 0-9 _ . : / @ [ ] -");

/** How a job's agent is to be run. */
export const agentSettingsSchema = z.object({
  /** The model to ask for; null: the agent's own default. */
  model: z.string().nullable(),
  /** Further arguments of the agent's program. None of them says how it speaks to Hive: the server refuses those. */
  args: z.array(z.string()),
  /** The agent's tools by its own names; `allow` null: all of them. */
  tools: z.object({ allow: z.array(z.string()).nullable(), deny: z.array(z.string()) }),
  /** Said to the agent beside Hive's own rules; null: nothing. */
  systemPrompt: z.string().nullable(),
  mcpServers: z.record(z.string(), mcpServerSchema),
  /** For agents that are any program: the shell line, and how it is given the prompt. Null: the agent is a known one. */
  command: z.object({ line: z.string(), promptBy: z.enum(["stdin", "file"]) }).nullable(),
  /** Whether what the agent thinks becomes events. */
  thinking: z.boolean(),
});
export type AgentSettings = z.output<typeof agentSettingsSchema>;

/**
 * What a session of an agent has used so far, over all its runs: some agents report only such sums when they resume,
 * and this run's own figures are the difference.
 */
export const agentTotalsSchema = z.object({
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cacheReadTokens: z.int().min(0),
  cacheWriteTokens: z.int().min(0),
  /** US dollars as the agent reckons; null where it does not. */
  costUsd: z.number().min(0).nullable(),
});
export type AgentTotals = z.output<typeof agentTotalsSchema>;

/** When an agent is stopped because it leads nowhere. */
export const stuckLimitsSchema = z.object({
  /** The same call of a tool, or the same two or three in turn, this often in a row. 0: never. */
  repeats: z.int(),
  /** Answers of its model in a row that changed no file. 0: never. */
  turns: z.int(),
});
export type StuckLimits = z.output<typeof stuckLimitsSchema>;

/** What counts where the operator has said nothing. */
export const DEFAULT_STUCK_LIMITS: StuckLimits = { repeats: 8, turns: 100 };

/** An agent of which the operator has said nothing. */
export const DEFAULT_AGENT_SETTINGS: AgentSettings = {
  model: null,
  args: [],
  tools: { allow: null, deny: [] },
  systemPrompt: null,
  mcpServers: {},
  command: null,
  thinking: false,
};

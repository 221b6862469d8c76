/**
 * `agents:` in hive.yaml: what the operator says of each agent, and agents of the operator's own, which are any program
 * by its command line. Nothing here can come from a job but the name of a model, and only of those listed.
 */
import { agentModelSchema, mcpServerSchema } from "@hive/protocol";
import { z } from "zod";
import { type ProgramAgent, refuseArguments } from "./reserved-arguments.ts";

/** Every agent that a worker knows by itself. */
export const AGENTS = ["claude", "codex", "opencode", "gemini", "command", "demo"] as const;
const PROGRAM_AGENTS: readonly string[] = ["claude", "codex", "opencode", "gemini"] satisfies readonly ProgramAgent[];

const toolName = z.string().regex(/^[A-Za-z][^\s,]{0,127}$/, "must be the name of a tool, as the agent calls it");
const toolNames = z.array(toolName).max(64);

const agentSchema = z.strictObject({
  /** The model it asks for; `local/NAME` is one of `llm.local`. Default: its own. */
  model: agentModelSchema.optional(),
  /** The models that jobs may ask for. Default: any. */
  models: z.array(agentModelSchema).min(1).max(64).optional(),
  /** Further arguments of its program. Default: none. */
  args: z.array(z.string().min(1).max(4096)).max(64).default([]),
  /** Its tools: a list of those it may use, or `allow` and `deny`. Default: all. */
  tools: z
    .union([
      toolNames.transform((allow) => ({ allow, deny: [] })),
      z.strictObject({ allow: toolNames.optional(), deny: toolNames.default([]) }),
    ])
    .optional(),
  /** Said to it beside Hive's own rules. Default: nothing. */
  systemPrompt: z.string().min(1).max(65_536).optional(),
  /** Servers of the Model Context Protocol by name. The agent sees all that is said here. Default: none. */
  mcp: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, "must be 1 to 32 of A-Z a-z 0-9 _ -"), mcpServerSchema)
    .default({}),
  /** The shell line of an agent that is any program. */
  command: z.string().min(1).max(8192).optional(),
  /** How the program is given the prompt: on its standard input, or as the file $HIVE_PROMPT_FILE. Default: stdin. */
  promptBy: z.enum(["stdin", "file"]).optional(),
  /** Shows what it thinks, where it says that. Default: no. */
  thinking: z.boolean().default(false),
});
type AgentEntry = z.output<typeof agentSchema>;

/** The key `agents` of hive.yaml. */
export const agentsSchema = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must be 1 to 32 of a-z 0-9 - and begin with none of -"),
    agentSchema,
  )
  .superRefine((agents, context) => {
    for (const [name, entry] of Object.entries(agents)) {
      const check = isProgramAgent(name) ? programProblems(name, entry) : commandProblems(name, entry);
      for (const [key, message] of check) context.addIssue({ code: "custom", path: [name, key], message });
    }
  });

type Problem = readonly [key: string, message: string];

function isProgramAgent(name: string): name is ProgramAgent {
  return PROGRAM_AGENTS.includes(name);
}

function programProblems(
  name: ProgramAgent,
  { args, command, promptBy, model, models = [], tools }: AgentEntry,
): Problem[] {
  const problems: Problem[] = [];
  if (command !== undefined || promptBy !== undefined) {
    problems.push(["command", `${name} is an agent that Hive knows; give your own command another name`]);
  }
  const refused = refuseArguments(name, args);
  if (refused !== null) problems.push(["args", refused]);
  if (
    name === "codex" &&
    tools !== undefined &&
    (tools.allow !== undefined || tools.deny.some((one) => one !== "web_search"))
  ) {
    problems.push(["tools", "Codex has no list of tools; only web_search can be denied: {deny: [web_search]}"]);
  }
  for (const one of [...(model === undefined ? [] : [model]), ...models]) {
    const message = whyNotModel(name, one);
    if (message !== null) problems.push(["model", message]);
  }
  return problems;
}

function commandProblems(name: string, entry: AgentEntry): Problem[] {
  if (name === "demo") return [["demo", "the demo agent has no settings"]];
  const problems: Problem[] = [];
  if (entry.command === undefined) {
    const known = AGENTS.filter((one) => one !== "demo").join(", ");
    problems.push(["command", `is needed: "${name}" is none of ${known}, so it is any program by its shell line`]);
  }
  if (entry.args.length > 0) problems.push(["args", "write them into the command"]);
  if (entry.tools !== undefined) problems.push(["tools", "a command has none that Hive could choose"]);
  if (Object.keys(entry.mcp).length > 0) problems.push(["mcp", "a command has none that Hive could set up"]);
  return problems;
}

/** Why an agent cannot be asked to use a model of this name, or null. */
export function whyNotModel(agent: string, model: string): string | null {
  if (agent === "gemini" && model.startsWith("local/")) {
    return `the Gemini CLI cannot speak to a local model ("${model}"); use opencode, codex or claude`;
  }
  if (agent === "opencode" && !/^(anthropic|openai|google|local)\/./.test(model)) {
    return `"${model}" lacks its provider, as opencode writes it: anthropic/NAME, openai/NAME, google/NAME or local/NAME`;
  }
  return null;
}

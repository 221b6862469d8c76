/**
 * A Hive whose jobs are done by the real agent programs, each headless in a real worker, with scripted models behind the
 * real gateway. Every model has odd prices, so that a sum tells whether each token was charged at its own.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Tally } from "../peers/models/figures.ts";
import { type ModelServer, startModels } from "../peers/models/model-server.ts";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, ROOT, startHive } from "./hive-process.ts";

/** One agent program. */
export interface Cli {
  readonly name: "claude" | "codex" | "opencode" | "gemini";
  /** The model its jobs use, as the program wants it named. */
  readonly model: string;
  /** The key its provider gets; no other program may ever see it. */
  readonly key: string;
}

/** The four, each with a provider of its own. */
export const CLIS: readonly Cli[] = [
  { name: "claude", model: "claude-sonnet-4-5", key: "sk-ant-api03-e2eCanaryKey0For1Hive2Tests3-abcdefAA" },
  { name: "codex", model: "gpt-5.1-codex", key: "sk-proj-e2eCanaryKey4For5Hive6Tests7abcdefBB" },
  { name: "opencode", model: "local/coder", key: "local-e2eCanaryKey8For9Hive0Tests1abcdefCC" },
  { name: "gemini", model: "gemini-2.5-pro", key: "AIzaSyE2eCanaryKey2For3Hive4Tests5abcdDD" },
];

/** Nano-USD for one token. */
const NANO = { input: 3_070, cacheRead: 310, cacheWrite: 3_830, cacheWrite1h: 6_130, output: 15_110 } as const;

const bins = CLIS.map(({ name }) => join(ROOT, "test/peers", name, "node_modules/.bin"));

/** How to install what is missing. */
export const INSTALL = CLIS.map(({ name }) => `npm ci --prefix test/peers/${name}`).join(" && ");

/** True when the program is there. */
export function isInstalled({ name }: Cli): boolean {
  return existsSync(join(ROOT, "test/peers", name, "node_modules/.bin", name));
}

/** What a whole server for agents has. */
export interface AgentsHive {
  readonly git: GitHost;
  readonly models: ModelServer;
  readonly server: HiveProcess;
  dispose(): Promise<void>;
}

export interface AgentsHiveOptions {
  /** More lines of hive.yaml. */
  readonly yaml?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts one with two workers. */
export async function startAgentsHive(options: AgentsHiveOptions = {}): Promise<AgentsHive> {
  const git = await startGitHost();
  const models = await startModels();
  const dispose = async (): Promise<void> => {
    await models.close();
    await git.stop();
  };
  try {
    const server = await startHive({
      env: {
        PATH: [...bins, process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter),
        HIVE_WORKERS: "2",
        HIVE_ALLOW_UNISOLATED: "1",
        ...Object.fromEntries(CLIS.map(({ name, key }) => [keyVariable(name), key])),
        ...options.env,
      },
      yaml: yamlFor(models.url, options.yaml ?? ""),
    });
    return {
      git,
      models,
      server,
      dispose: async () => {
        try {
          await server.dispose();
        } finally {
          await dispose();
        }
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What these figures cost by the prices of this server: dollars, as the API says them. */
export function priceOf(cost: Tally): number {
  const kinds = ["input", "cacheRead", "cacheWrite", "cacheWrite1h", "output"] as const;
  return kinds.reduce((nano, kind) => nano + cost[kind] * NANO[kind], 0) / 1e9;
}

function keyVariable(name: Cli["name"]): string {
  return `E2E_KEY_${name.toUpperCase()}`;
}

function yamlFor(url: string, more: string): string {
  const provider = (name: Cli["name"]): string => `{ baseUrl: "${url}", keys: [{ env: ${keyVariable(name)} }] }`;
  const perMillion = Object.entries(NANO).map(([kind, nano]) => `${kind}: ${nano / 1_000}`);
  const price = `{ ${perMillion.join(", ")} }`;
  return `
llm:
  anthropic: ${provider("claude")}
  openai: ${provider("codex")}
  gemini: ${provider("gemini")}
  local: ${provider("opencode")}
agents:
${CLIS.map(({ name, model }) => `  ${name}: { model: "${model}" }`).join("\n")}
prices:
${CLIS.flatMap(({ name, model }) => (name === "opencode" ? [] : [`  "${model}": ${price}`])).join("\n")}
${more}
`;
}

/** What a start prints: what runs, and for each thing that is missing the step that adds it. */

import type { Config } from "./config.ts";
import { configuredProviders, type ProviderName } from "./gateway/llm-settings.ts";

export interface BannerFacts {
  readonly url: string;
  /** Whether the pages of the web UI are there. */
  readonly hasPages: boolean;
  /** The command that gives a person the token. */
  readonly tokenHint: string;
  /** What keeps jobs from this machine, in words. */
  readonly isolation: string;
}

/** The block of lines of a start. */
export function banner(config: Config, facts: BannerFacts): string {
  const command = config.command ?? "npm run hive --";
  const rows: readonly (readonly [string, string])[] = [
    ["Hive ready", facts.url],
    [
      "Web UI",
      facts.hasPages ? `the same address; sign in with what "${command} token" prints` : 'not built: "npm run build"',
    ],
    ["Token", facts.tokenHint],
    ["Isolation", facts.isolation],
    ["Agents", agents(config)],
    ["GitHub", github(config)],
    ["Next", `${command} submit --repo https://… "Add a quick start to the README"`],
  ];
  return rows.map(([name, text]) => `${name.padEnd(12)} ${text}`).join("\n");
}

/** Whose models there are, by the agent that is made for them. */
const MODELS: Readonly<Record<ProviderName, string>> = {
  anthropic: "claude: key is set",
  openai: "codex: key is set",
  gemini: "gemini: key is set",
  local: "local models: address is set",
};

function agents(config: Config): string {
  const providers = configuredProviders(config);
  const models =
    providers.length === 0
      ? "claude: no key (set ANTHROPIC_API_KEY on this server)"
      : providers.map((provider) => MODELS[provider]).join(", ");
  const command = config.agentCommand === undefined ? "" : ", command: configured";
  return models + command + (config.agent === undefined ? "" : `, default: ${config.agent}`);
}

function github(config: Config): string {
  const known = config.repos.filter((rule) => rule.token !== undefined || rule.app !== undefined).length;
  if (known > 0) return `${known} credential${known === 1 ? "" : "s"} in hive.yaml`;
  return "no credential (repos: in hive.yaml, or githubToken per job)";
}

/**
 * Reads the keys the settings name, once, at start, and refuses what cannot work: a place that holds nothing, and logins
 * of people's subscriptions that no program but the provider's own may use.
 */
import { readFileSync } from "node:fs";
import { ConfigError } from "../config.ts";
import type { SecretPlace } from "../credentials/repo-rules.ts";
import type { GivenProviders } from "./gateway-settings.ts";
import { configuredProviders, KEY_VARIABLES, type LlmConfig, type ProviderName } from "./llm-settings.ts";

interface Place {
  readonly place: SecretPlace;
  readonly limit?: number | undefined;
}

/**
 * The providers with their keys, as the gateway's process is told.
 * @throws ConfigError listing every key that is missing or cannot work; never the key
 */
export function readLlmKeys(config: LlmConfig, variable: (name: string) => string | undefined): GivenProviders {
  const problems: string[] = [];
  const keysOf = (name: ProviderName) =>
    placesOf(config, name).flatMap(({ place, limit }) => {
      const label = "env" in place ? place.env : place.file;
      const value = valueAt(place, variable);
      const problem = value === null ? "holds nothing" : refusalOf(name, value);
      if (problem !== null || value === null) {
        problems.push(`llm: ${name}: ${label} ${problem}`);
        return [];
      }
      return [{ label, value, ...(limit === undefined ? {} : { limit }) }];
    });
  const there = configuredProviders(config);
  const hosted = (name: Exclude<ProviderName, "local">, standard?: string) => {
    const baseUrl = config.llm[name]?.baseUrl ?? standard;
    return there.includes(name) ? { keys: keysOf(name), ...(baseUrl === undefined ? {} : { baseUrl }) } : undefined;
  };
  const { local } = config.llm;
  const providers = {
    anthropic: hosted("anthropic", config.anthropicBaseUrl),
    openai: hosted("openai"),
    gemini: hosted("gemini"),
    local: local === undefined ? undefined : { baseUrl: local.baseUrl, limit: local.limit, keys: keysOf("local") },
  };
  if (problems.length > 0) {
    const list = problems.map((problem) => `  - ${problem}`).join("\n");
    throw new ConfigError(`The keys of models have ${problems.length} problem(s):\n${list}`);
  }
  return providers;
}

/** The keys in hive.yaml, else the provider's variable where it is set. */
function placesOf(config: LlmConfig, name: ProviderName): readonly Place[] {
  const listed = config.llm[name]?.keys;
  if (listed !== undefined) {
    return listed.map(({ limit, ...place }) => ({ place, limit }));
  }
  const short = { anthropic: config.anthropicApiKey, openai: config.openaiApiKey, gemini: config.geminiApiKey };
  return name === "local" || short[name] === undefined ? [] : [{ place: { env: KEY_VARIABLES[name] } }];
}

function valueAt(place: SecretPlace, variable: (name: string) => string | undefined): string | null {
  try {
    const text = "env" in place ? variable(place.env) : readFileSync(place.file, "utf8");
    return text === undefined || text.trim() === "" ? null : text.trim();
  } catch {
    return null;
  }
}

/** What is no key of a program, by provider, and what to use in its place. */
const REFUSED: Readonly<Record<ProviderName, readonly (readonly [RegExp, string])[]>> = {
  anthropic: [
    [/^sk-ant-ort/, "is a refresh token of a login. Run `claude setup-token` and use what it prints"],
    [/^sk-ant-(sid|session)/, "is the session of a browser. Use an API key, or what `claude setup-token` prints"],
    [/^sk-ant-admin/, "is an administration key: it cannot call models. Make an API key"],
    [/^[{[]/, "is a credentials file. Run `claude setup-token` and use what it prints"],
  ],
  openai: [
    [
      /^(eyJ|sess-|[{[])/,
      "is a ChatGPT login. It opens ChatGPT's own back end for OpenAI's own programs, ends within days and is bound to one machine. Use an API key",
    ],
    [/^sk-admin-/, "is an administration key: it cannot call models. Make an API key"],
  ],
  gemini: [
    [
      /^(ya29\.|1\/\/|eyJ|[{[])/,
      "is a Google login. It opens Google's own back end for Google's own programs, and ends within the hour. Use an API key of the Gemini API",
    ],
  ],
  local: [],
};

function refusalOf(provider: ProviderName, value: string): string | null {
  const known = REFUSED[provider].find(([pattern]) => pattern.test(value));
  // It goes into a header: a line break there would be a header of its own.
  return known?.[1] ?? (/^[\x21-\x7e]+$/.test(value) ? null : "holds more than one word, or characters no key has");
}

/**
 * What the operator says about models in `hive.yaml`: which providers there are, where they are, which keys open them and
 * how much each takes at once. Keys are named by place, never written into the file.
 */
import { z } from "zod";
import { secretPlace } from "../credentials/repo-rules.ts";

/** Whose API a call is for; also the path below `/llm/`. `local` is a server of the operator's own, at price 0. */
export const PROVIDERS = ["anthropic", "openai", "gemini", "local"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

const limit = z.int().min(1).max(1_000);
// Written with or without the version, as people copy it from either kind of document; the gateway adds it.
const baseUrl = z
  .url({ protocol: /^https?$/, message: "must be an http or https address" })
  .transform((text) => text.replace(/(\/v1|\/v1beta)?\/*$/, ""));
const key = z.union(
  secretPlace.options.map((place) =>
    place.extend({
      /** Calls with this key at the same time. Default: no limit of Hive's. */
      limit: limit.optional(),
    }),
  ),
);
const keys = z.array(key).min(1).max(32);

const hosted = z.strictObject({
  /** Default: the provider's own address. */
  baseUrl: baseUrl.optional(),
  /** The first is used first; the next ones when it is refused, used up or full. Default: the variable of the provider. */
  keys: keys.optional(),
});
const local = z.strictObject({
  /** Of a server that speaks OpenAI's API: Ollama, llama.cpp, vLLM. */
  baseUrl,
  /** Calls at the same time, over all keys. Default 1: what one graphics card does well. */
  limit: limit.default(1),
  /** Default: none is sent. */
  keys: keys.optional(),
});

/** The key `llm` of `hive.yaml`. */
export const llmSchema = z.strictObject({
  anthropic: hosted.optional(),
  openai: hosted.optional(),
  gemini: hosted.optional(),
  local: local.optional(),
});
export type LlmSettings = z.output<typeof llmSchema>;

/** The variable that is the short form of one key, by provider. */
export const KEY_VARIABLES = {
  anthropic: "ANTHROPIC_API_KEY",
  openai: "OPENAI_API_KEY",
  gemini: "GEMINI_API_KEY",
} as const;

/** The settings that say which providers there are. */
export interface LlmConfig {
  readonly llm: LlmSettings;
  readonly anthropicApiKey: string | undefined;
  readonly anthropicBaseUrl: string;
  readonly openaiApiKey: string | undefined;
  readonly geminiApiKey: string | undefined;
}

/** The providers that have a key, or need none, in the order of `PROVIDERS`. */
export function configuredProviders(config: LlmConfig): ProviderName[] {
  const short = { anthropic: config.anthropicApiKey, openai: config.openaiApiKey, gemini: config.geminiApiKey };
  return PROVIDERS.filter((name) =>
    name === "local"
      ? config.llm.local !== undefined
      : config.llm[name]?.keys !== undefined || short[name] !== undefined,
  );
}

/** Brings the settings and the secrets of the first start together. */

import { ConfigError, environment, loadConfig, type Config } from "./config.ts";
import type { GivenProviders } from "./gateway/gateway-settings.ts";
import { readLlmKeys } from "./gateway/llm-keys.ts";
import { loadSecrets } from "./secrets/secrets-file.ts";

/** The secrets every server has by the time it starts. */
export interface Secrets {
  readonly internalApiToken: string;
  readonly callbackSecret: string;
  readonly webhookSecret: string;
  readonly sealingKeys: string;
  readonly signingKey: string;
  /** The file they can be sourced from. */
  readonly path: string;
}

export interface Settings {
  readonly config: Config;
  readonly secrets: Secrets;
  /** The providers of models that this server has, with their keys: for the LLM gateway alone. */
  readonly llm: GivenProviders;
  /** A variable of the environment, or of the secrets file beneath it. */
  readonly variable: (name: string) => string | undefined;
  /** The command that gives a person the token. */
  readonly tokenHint: string;
}

/**
 * Settings and secrets of this start; a first start writes the secrets.
 * @throws ConfigError listing every problem, SecretsFileError
 */
export async function readSettings(): Promise<Settings> {
  // Once before the secrets file is made: a start that is refused for its settings leaves nothing behind.
  const { data } = loadConfig();
  const { env, path } = await loadSecrets({ dataDir: data, env: environment() });
  const config = loadConfig(env);
  const { internalApiToken, callbackSecret, webhookSecret, sealingKeys, signingKey } = config;
  if (
    internalApiToken === undefined ||
    callbackSecret === undefined ||
    webhookSecret === undefined ||
    sealingKeys === undefined ||
    signingKey === undefined
  ) {
    throw new ConfigError(`${path} lacks a secret; move it away and start again to have a new one made`);
  }
  const secrets = { internalApiToken, callbackSecret, webhookSecret, sealingKeys, signingKey, path };
  const llm = readLlmKeys(config, (name) => env[name]);
  const { command } = config;
  const tokenHint = command === undefined ? `source ${path}` : `export INTERNAL_API_TOKEN=$(${command} token)`;
  return { config, secrets, llm, variable: (name) => env[name], tokenHint };
}

/** Where an agent finds its model: always the LLM gateway, below it one path for each provider. */
import { type AgentInput, AgentUnavailableError } from "./contract.ts";

/** The ways the gateway knows to a model. `local` is the operator's own model server. */
export type Provider = "anthropic" | "openai" | "gemini" | "local";

/** A model named so is the operator's own, whichever agent asks for it. */
const LOCAL = "local/";

/** A way to a model. */
export interface WayToModel {
  readonly provider: Provider;
  /** Base address of the provider's API at the gateway, without a slash at its end and without a version. */
  readonly url: string;
  /** The model's name at that provider; null: the agent's own default. */
  readonly model: string | null;
}

/**
 * The way to the job's model for an agent that speaks one provider's API. A model `local/NAME` leads to the operator's
 * own model server, which speaks all of them but Gemini's.
 * @throws AgentUnavailableError where this worker has no gateway
 */
export function wayToModel(input: AgentInput, own: Exclude<Provider, "local">): WayToModel {
  const { model } = input.settings;
  const local = model?.startsWith(LOCAL) === true;
  const provider = local ? "local" : own;
  return { provider, url: addressOf(input, provider), model: local ? model.slice(LOCAL.length) : model };
}

/** Base address of a provider's API at the gateway. @throws AgentUnavailableError where this worker has no gateway */
export function addressOf({ llmBaseUrl }: AgentInput, provider: Provider): string {
  if (llmBaseUrl === null) throw new AgentUnavailableError(NO_GATEWAY);
  return `${llmBaseUrl.replace(/\/+$/, "")}/llm/${provider}`;
}

/** Why no agent that needs a model can run. */
export const NO_GATEWAY = "no LLM gateway: set HIVE_LLM_URL on this worker";

/** Every provider there is, by the name that is in paths and settings. */
import type { ProviderName } from "../llm-settings.ts";
import { anthropic } from "./anthropic.ts";
import { gemini } from "./gemini.ts";
import { local } from "./local.ts";
import { openai } from "./openai.ts";
import type { Provider } from "./provider.ts";

export const providers: Readonly<Record<ProviderName, Provider>> = { anthropic, openai, gemini, local };

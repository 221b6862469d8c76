/** A server of the operator's own that speaks OpenAI's API, and perhaps Anthropic's: Ollama, llama.cpp, vLLM. */
import { chat } from "../dialects/chat.ts";
import { messages } from "../dialects/messages.ts";
import { responses } from "../dialects/responses.ts";
import { anthropicHeaders } from "./anthropic.ts";
import type { Provider } from "./provider.ts";

export const local: Provider = {
  name: "local",
  title: "the local models",
  setting: "llm: { local: { baseUrl: … } } in hive.yaml",
  routes: [
    { methods: ["POST"], path: /^\/v1\/chat\/completions$/, operation: "chat", paid: true, dialect: chat },
    { methods: ["POST"], path: /^\/v1\/responses$/, operation: "responses", paid: true, dialect: responses },
    { methods: ["POST"], path: /^\/v1\/messages$/, operation: "messages", paid: true, dialect: messages },
    { methods: ["GET"], path: /^\/v1\/models$/, operation: "models", paid: false, dialect: chat },
    {
      methods: ["GET"],
      // Local models have names with a place and a tag: `hf.co/owner/name:q4`.
      path: /^\/v1\/models\/(?:[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}\/){0,3}[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}$/,
      operation: "models",
      paid: false,
      dialect: chat,
    },
    { methods: ["HEAD"], path: /^\/?$/, operation: "probe", paid: false, dialect: messages },
  ],
  query: ["beta"],
  requestHeaders: (given, key) => ({
    ...anthropicHeaders(given),
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  }),
  passesBack: () => false,
};

/** What of OpenAI's API agents may use: Codex speaks Responses, most others Chat Completions. */
import { chat } from "../dialects/chat.ts";
import { responses } from "../dialects/responses.ts";
import { headersUp, MODEL_IN_PATH, type Provider } from "./provider.ts";

export const openai: Provider = {
  name: "openai",
  title: "OpenAI",
  setting: "OPENAI_API_KEY",
  routes: [
    { methods: ["POST"], path: /^\/v1\/responses$/, operation: "responses", paid: true, dialect: responses },
    { methods: ["POST"], path: /^\/v1\/chat\/completions$/, operation: "chat", paid: true, dialect: chat },
    { methods: ["GET"], path: /^\/v1\/models$/, operation: "models", paid: false, dialect: responses },
    {
      methods: ["GET"],
      path: new RegExp(`^/v1/models/${MODEL_IN_PATH}$`),
      operation: "models",
      paid: false,
      dialect: responses,
    },
  ],
  query: [],
  requestHeaders: (given, key) => ({
    ...headersUp(given, []),
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  }),
  passesBack: (name) => name.startsWith("x-ratelimit-"),
};

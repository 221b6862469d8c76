/** What of the Gemini API agents may use. */
import { generateContent } from "../dialects/generate-content.ts";
import { headersUp, MODEL_IN_PATH, type Provider } from "./provider.ts";

const model = `/v1beta/models/(?<model>${MODEL_IN_PATH})`;

export const gemini: Provider = {
  name: "gemini",
  title: "Gemini",
  setting: "GEMINI_API_KEY",
  routes: [
    {
      methods: ["POST"],
      path: new RegExp(`^${model}:(?:streamGenerateContent|generateContent)$`),
      operation: "generate_content",
      paid: true,
      dialect: generateContent,
    },
    {
      methods: ["POST"],
      path: new RegExp(`^${model}:countTokens$`),
      operation: "count_tokens",
      paid: false,
      dialect: generateContent,
    },
  ],
  query: ["alt"],
  requestHeaders: (given, key) => ({
    ...headersUp(given, ["x-goog-api-client"]),
    ...(key === null ? {} : { "x-goog-api-key": key }),
  }),
  passesBack: () => false,
};

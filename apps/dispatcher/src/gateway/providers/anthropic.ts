/** What of Anthropic's API agents may use, and how its two kinds of keys are sent. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { messages } from "../dialects/messages.ts";
import { headersUp, MODEL_IN_PATH, type Provider } from "./provider.ts";

/**
 * Betas with which the provider itself calls other servers or keeps files: a way out of the container past the egress
 * proxy; or answers faster at prices of its own. An agent that asks for one gets the answer of a client without it.
 */
const REFUSED_BETAS = /^(mcp-client|files-api|web-fetch|code-execution|skills|fast-mode)-/;

/** What `claude setup-token` makes: a year's access to a person's subscription, for Claude Code alone. */
const SUBSCRIPTION_TOKEN = /^sk-ant-oat/;
const SUBSCRIPTION_BETA = "oauth-2025-04-20";
const CLAUDE_CODE = /^claude-cli\//;

export const anthropic: Provider = {
  name: "anthropic",
  title: "Anthropic",
  setting: "ANTHROPIC_API_KEY",
  routes: [
    { methods: ["POST"], path: /^\/v1\/messages$/, operation: "messages", paid: true, dialect: messages },
    {
      methods: ["POST"],
      path: /^\/v1\/messages\/count_tokens$/,
      operation: "count_tokens",
      paid: false,
      dialect: messages,
    },
    { methods: ["GET"], path: /^\/v1\/models$/, operation: "models", paid: false, dialect: messages },
    {
      methods: ["GET"],
      path: new RegExp(`^/v1/models/${MODEL_IN_PATH}$`),
      operation: "models",
      paid: false,
      dialect: messages,
    },
    // Claude Code looks whether its endpoint is there before it asks anything of it.
    { methods: ["HEAD"], path: /^\/?$/, operation: "probe", paid: false, dialect: messages },
  ],
  query: ["beta", "limit", "after_id", "before_id"],
  requestHeaders(given, key) {
    const subscription = key !== null && SUBSCRIPTION_TOKEN.test(key);
    const headers = anthropicHeaders(given, subscription ? [SUBSCRIPTION_BETA] : []);
    if (subscription) {
      headers["authorization"] = `Bearer ${key}`;
    } else if (key !== null) {
      headers["x-api-key"] = key;
    }
    return headers;
  },
  passesBack: (name) => name.startsWith("anthropic-ratelimit-"),
  keyRefusal: (key, given) =>
    SUBSCRIPTION_TOKEN.test(key) && !CLAUDE_CODE.test(given["user-agent"] ?? "")
      ? "A token of `claude setup-token` serves Claude Code alone; other agents need an API key of Anthropic"
      : null,
};

/** The headers of the Messages API without a key; `more` are betas of the gateway's own. */
export function anthropicHeaders(given: IncomingHttpHeaders, more: readonly string[] = []): OutgoingHttpHeaders {
  const headers = headersUp(given, ["anthropic-beta", "anthropic-version"]);
  const betas = String(headers["anthropic-beta"] ?? "")
    .split(",")
    .map((beta) => beta.trim())
    .filter((beta) => beta !== "" && !REFUSED_BETAS.test(beta) && !more.includes(beta));
  if (betas.length + more.length > 0) {
    headers["anthropic-beta"] = [...betas, ...more].join(",");
  } else {
    delete headers["anthropic-beta"];
  }
  return headers;
}

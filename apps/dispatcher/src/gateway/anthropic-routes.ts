/**
 * What of Anthropic's API the gateway lets through: a few paths, a few headers each way, and nothing else. The key it
 * adds could do far more than an agent needs (files, batches, administration), so everything not named here is refused.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** Which of the provider's operations a call is. Only `messages` costs money. */
export type Operation = "messages" | "count_tokens" | "models" | "probe";

interface Route {
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly operation: Operation;
}

// Matched against the raw path: nothing is decoded, so "%2e%2e" and "//" fit no route.
const ROUTES: readonly Route[] = [
  { methods: ["POST"], path: /^\/v1\/messages$/, operation: "messages" },
  { methods: ["POST"], path: /^\/v1\/messages\/count_tokens$/, operation: "count_tokens" },
  { methods: ["GET"], path: /^\/v1\/models$/, operation: "models" },
  { methods: ["GET"], path: /^\/v1\/models\/[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/, operation: "models" },
  // Claude Code looks whether its endpoint is there before it asks anything of it.
  { methods: ["HEAD"], path: /^\/?$/, operation: "probe" },
];

const QUERY = ["beta", "limit", "after_id", "before_id"];

const REQUEST_HEADERS = ["accept", "anthropic-beta", "anthropic-version", "content-type", "user-agent"];

/**
 * Betas with which the provider itself calls other servers or keeps files: a way out of the container past the egress
 * proxy. An agent that asks for one gets the provider's answer for a client without it.
 */
const REFUSED_BETAS = /^(mcp-client|files-api|web-fetch|code-execution|skills)-/;

const RESPONSE_HEADERS = [
  "cache-control",
  "content-length",
  "content-type",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
];
const RESPONSE_PREFIX = "anthropic-ratelimit-";

export type RouteMatch =
  | {
      readonly kind: "found";
      readonly operation: Operation /** Path and query to ask upstream for. */;
      readonly target: string;
    }
  | { readonly kind: "unknown_path" }
  | { readonly kind: "wrong_method"; readonly allowed: readonly string[] };

/** Where a request goes. `rest` is the URL behind `/llm/anthropic`, with its query. */
export function matchRoute(method: string, rest: string): RouteMatch {
  const mark = rest.indexOf("?");
  const path = mark === -1 ? rest : rest.slice(0, mark);
  const route = ROUTES.find((candidate) => candidate.path.test(path));
  if (route === undefined) {
    return { kind: "unknown_path" };
  }
  if (!route.methods.includes(method)) {
    return { kind: "wrong_method", allowed: route.methods };
  }
  const given = new URLSearchParams(mark === -1 ? "" : rest.slice(mark + 1));
  const kept = new URLSearchParams([...given].filter(([name]) => QUERY.includes(name)));
  const target = path === "" ? "/" : path;
  return { kind: "found", operation: route.operation, target: kept.size > 0 ? `${target}?${kept.toString()}` : target };
}

/**
 * The headers sent upstream: the key in place of the token, and no compression, since the gateway reads the usage out of
 * the very bytes it passes on.
 */
export function requestHeaders(given: IncomingHttpHeaders, key: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name of REQUEST_HEADERS) {
    const value = given[name];
    if (value !== undefined) {
      headers[name] = value;
    }
  }
  const betas = String(headers["anthropic-beta"] ?? "")
    .split(",")
    .map((beta) => beta.trim())
    .filter((beta) => beta !== "" && !REFUSED_BETAS.test(beta));
  if (betas.length > 0) {
    headers["anthropic-beta"] = betas.join(",");
  } else {
    delete headers["anthropic-beta"];
  }
  headers["x-api-key"] = key;
  headers["accept-encoding"] = "identity";
  return headers;
}

/** The headers passed back: what a client needs to read the answer and to wait, nothing about the account or the way. */
export function responseHeaders(given: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && (RESPONSE_HEADERS.includes(name) || name.startsWith(RESPONSE_PREFIX))) {
      headers[name] = value;
    }
  }
  return headers;
}

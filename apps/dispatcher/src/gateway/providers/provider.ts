/**
 * What of a provider's API the gateway lets through: a few paths, a few headers each way, and nothing else. A key could do
 * far more than an agent needs (files, batches, administration), so everything not named is refused.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Dialect } from "../dialects/dialect.ts";
import type { ProviderName } from "../llm-settings.ts";

export interface Route {
  readonly methods: readonly string[];
  /** Matched against the raw path: nothing is decoded, so `%2e%2e` and `//` fit no route. A group named `model` is one. */
  readonly path: RegExp;
  /** What kind of call it is, for the log. */
  readonly operation: string;
  /** True for calls that cost money: what they may cost is asked for beforehand and what they did cost is counted. */
  readonly paid: boolean;
  readonly dialect: Dialect;
}

export interface Provider {
  readonly name: ProviderName;
  /** For people: `Anthropic`. */
  readonly title: string;
  /** What to set on the server for it to have this provider, for a message. */
  readonly setting: string;
  readonly routes: readonly Route[];
  /** Parameters of the query that are passed on. */
  readonly query: readonly string[];
  /** The headers sent up: those passed on, and the key (null: none) in the token's place. */
  readonly requestHeaders: (given: IncomingHttpHeaders, key: string | null) => OutgoingHttpHeaders;
  /** Headers passed back besides the usual ones. */
  readonly passesBack: (name: string) => boolean;
  /** Why this key may not serve this call, in words; null: it may. Default: every key serves every call. */
  readonly keyRefusal?: (key: string, given: IncomingHttpHeaders) => string | null;
}

export type RouteMatch =
  | {
      readonly kind: "found";
      readonly route: Route;
      /** Path and query to ask upstream for. */
      readonly target: string;
      /** The model that the path names. */
      readonly model: string | null;
    }
  | { readonly kind: "unknown_path" }
  | { readonly kind: "wrong_method"; readonly allowed: readonly string[] };

/** Where a request goes. `rest` is the URL behind `/llm/PROVIDER`, with its query. */
export function matchRoute(provider: Provider, method: string, rest: string): RouteMatch {
  const mark = rest.indexOf("?");
  const path = mark === -1 ? rest : rest.slice(0, mark);
  const route = provider.routes.find((candidate) => candidate.path.test(path));
  if (route === undefined) {
    return { kind: "unknown_path" };
  }
  if (!route.methods.includes(method)) {
    return { kind: "wrong_method", allowed: route.methods };
  }
  const given = new URLSearchParams(mark === -1 ? "" : rest.slice(mark + 1));
  const kept = new URLSearchParams([...given].filter(([name]) => provider.query.includes(name)));
  const target = path === "" ? "/" : path;
  return {
    kind: "found",
    route,
    target: kept.size > 0 ? `${target}?${kept.toString()}` : target,
    model: route.path.exec(path)?.groups?.["model"] ?? null,
  };
}

/** A name of a model in a path. */
export const MODEL_IN_PATH = "[A-Za-z0-9][A-Za-z0-9._@-]{0,127}";

const ALWAYS_UP = ["accept", "content-type", "user-agent"];
const ALWAYS_BACK = [
  "cache-control",
  "content-length",
  "content-type",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-request-id",
  "x-should-retry",
];

/**
 * The headers every provider gets, and those named: no compression, since the gateway reads the usage out of the very
 * bytes it passes on.
 */
export function headersUp(given: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name of [...ALWAYS_UP, ...names]) {
    const value = given[name];
    if (value !== undefined) {
      headers[name] = value;
    }
  }
  headers["accept-encoding"] = "identity";
  return headers;
}

/** The headers passed back: what a client needs to read the answer and to wait, nothing about the account or the way. */
export function headersBack(provider: Provider, given: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && (ALWAYS_BACK.includes(name) || provider.passesBack(name))) {
      headers[name] = value;
    }
  }
  return headers;
}

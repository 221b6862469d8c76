/** What a request gets whose path or method no endpoint has: 404, or 405 with the methods that would do. */

import type { IncomingMessage } from "node:http";
import { HiveError } from "@hive/core";
import { endpoints, type Endpoint } from "@hive/protocol";

/** GET endpoints with a whole reply also answer HEAD, as monitors expect. */
export function headable(endpoint: Endpoint): boolean {
  return endpoint.method === "GET" && typeof endpoint.reply.body !== "string";
}

/** One path and what it takes. */
export interface PathRow {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
}

/** Every path of the list with its methods. */
export function pathTable(): readonly PathRow[] {
  const byPath = new Map<string, string[]>();
  for (const endpoint of Object.values(endpoints) as readonly Endpoint[]) {
    const methods = byPath.get(endpoint.path) ?? [];
    methods.push(endpoint.method, ...(headable(endpoint) ? ["HEAD"] : []));
    byPath.set(endpoint.path, methods);
  }
  return [...byPath].map(([path, methods]) => ({
    pattern: new RegExp(`^${path.replaceAll(".", "\\.").replace(/:[A-Za-z]+/g, "[^/]+")}$`),
    methods,
  }));
}

/** The refusal. */
export function unknownPath(request: IncomingMessage, paths: readonly PathRow[]): HiveError {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const methods = paths.filter(({ pattern }) => pattern.test(path)).flatMap((row) => row.methods);
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  if (methods.length === 0) return new HiveError("not_found", `There is no ${shown} here; GET /docs lists every path`);
  const allow = [...new Set(methods)].join(", ");
  return new HiveError("method_not_allowed", `${shown} takes ${allow} and not ${request.method}`, { allow });
}

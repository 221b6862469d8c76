/**
 * Calls any endpoint of the list, typed. Used by the worker, the SDK and the CLI. It decides in one place what may be
 * sent again: a request that never reached the server or that the server marked `retry`, and only when repeating it is
 * harmless (reads, and writes that carry an id).
 */

import { HiveError, type ErrorCode } from "@hive/core";
import type { CallOf, Endpoint, ReplyOf } from "./endpoint.ts";
import { isErrorCode, problemSchema, type Problem } from "./problem.ts";
import { fetchFromAny } from "./several-servers.ts";

/** An error the server answered with. `code` is from the server's table and may be newer than this client. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly retry: boolean;
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
    this.code = problem.code;
    this.status = problem.status;
    this.retry = problem.retry;
    this.problem = problem;
  }

  /** True for this code; the argument is checked against Hive's table. */
  is(code: ErrorCode): boolean {
    return this.code === code && isErrorCode(code);
  }
}

/** The server could not be reached, or its answer was lost: the outcome of a write is unknown. */
export class UnreachableError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "UnreachableError";
  }
}

export interface ClientOptions {
  /** Such as `http://localhost:8099`; several for the replicas of one Hive, see `several-servers.ts`. */
  readonly baseUrl: string | readonly string[];
  /** How the server is named to people where the address says nothing, such as `unix:/run/hive.sock`. Default: the addresses. */
  readonly serverName?: string;
  /** Bearer token, or a function that gives the one of this moment. */
  readonly token?: string | (() => string | undefined);
  /** Milliseconds before a call is given up. Default 30,000. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiClient {
  /** The JSON reply. @throws ApiError for an error reply, UnreachableError when there was none. */
  call<E extends Endpoint>(endpoint: E, call: CallOf<E>, options?: CallOptions): Promise<ReplyOf<E>>;
  /** The raw response of an endpoint that streams or sends bytes; no time limit of its own. @throws as `call`. */
  open<E extends Endpoint>(endpoint: E, call: CallOf<E>, options?: CallOptions): Promise<Response>;
}

/** The path and query of a call. */
export function pathOf(endpoint: Endpoint, call: { readonly params?: unknown; readonly query?: unknown }): string {
  const params = (call.params ?? {}) as Record<string, unknown>;
  const path = endpoint.path.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(
    (call.query ?? {}) as Record<string, string | number | boolean | undefined>,
  )) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size > 0 ? `${path}?${query.toString()}` : path;
}

async function errorOf(response: Response): Promise<Error> {
  const text = await response.text().catch(() => "");
  try {
    const problem = problemSchema.safeParse(JSON.parse(text));
    if (problem.success) return new ApiError(problem.data);
  } catch {
    // Not JSON: something between us and Hive answered.
  }
  return new UnreachableError(`${response.url} answered ${response.status} and is not Hive: ${text.slice(0, 200)}`);
}

/** A client of one Hive. @throws RangeError when not one address is given */
export function createClient(options: ClientOptions): ApiClient {
  const given = typeof options.baseUrl === "string" ? [options.baseUrl] : options.baseUrl;
  const bases = given.map((url) => url.replace(/\/+$/, ""));
  const [base = ""] = bases;
  const send = fetchFromAny(bases.map((baseUrl) => ({ baseUrl, fetch: options.fetch ?? globalThis.fetch })));
  const name = options.serverName ?? bases.join(", ");

  async function open(
    endpoint: Endpoint,
    call: CallOf<Endpoint>,
    extra: CallOptions,
    limitMs: number | null,
  ): Promise<Response> {
    const token = extra.token ?? (typeof options.token === "function" ? options.token() : options.token);
    const headers: Record<string, string> = { accept: "application/json, */*", ...extra.headers };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    let body: string | Uint8Array | Blob | undefined;
    const given: unknown = call.body;
    if (given instanceof Uint8Array || given instanceof Blob) {
      headers["content-type"] = "application/octet-stream";
      body = given;
    } else if (given !== undefined) {
      headers["content-type"] = "application/json";
      body = JSON.stringify(given);
    }
    const signals = [extra.signal, limitMs === null ? undefined : AbortSignal.timeout(limitMs)].filter(
      (s) => s !== undefined,
    );
    const url = base + pathOf(endpoint, call);
    let response: Response;
    try {
      response = await send(url, {
        method: endpoint.method,
        headers,
        redirect: "error",
        ...(body === undefined ? {} : { body: body as string | Blob | Uint8Array<ArrayBuffer> }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      });
    } catch (cause) {
      extra.signal?.throwIfAborted();
      throw new UnreachableError(
        `${name} did not answer ${endpoint.method} ${endpoint.path}: is Hive running there? (npm start)`,
        { cause },
      );
    }
    if (!response.ok && response.status !== 206) throw await errorOf(response);
    return response;
  }

  return {
    async call(endpoint, call, extra = {}) {
      const response = await open(endpoint, call, extra, extra.timeoutMs ?? options.timeoutMs ?? 30_000);
      const schema = endpoint.reply.body;
      if (schema === null || typeof schema === "string") {
        throw new HiveError("internal", `${endpoint.path} has no JSON reply; use open`);
      }
      let json: unknown;
      try {
        json = await response.json();
      } catch (cause) {
        extra.signal?.throwIfAborted();
        throw new UnreachableError(`the answer to ${endpoint.method} ${endpoint.path} was cut off`, { cause });
      }
      return schema.parse(json) as ReplyOf<typeof endpoint>;
    },
    open: (endpoint, call, extra = {}) => open(endpoint, call, extra, extra.timeoutMs ?? null),
  };
}

/**
 * Calls Hive's API from its own pages. Who calls is in a cookie that scripts cannot read; every call that changes
 * something carries a header that no other site can make a browser send.
 */
import type { CallOf, Endpoints, ReplyOf } from "@hive/protocol";
import { endpointTable } from "virtual:endpoint-table";

type Table = {
  readonly [N in keyof Endpoints as Endpoints[N]["access"] extends "owner" | "open" ? N : never]: Endpoints[N];
};
/** The endpoints that a page may call. */
export type Name = keyof Table;
export type CallTo<N extends Name> = CallOf<Table[N]>;
export type ReplyTo<N extends Name> = ReplyOf<Table[N]>;

/** What the server said instead of doing it; `message` names the bad value and the next step. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** Whether the same call may be sent again. */
  readonly retry: boolean;
  /** What is wrong with which field, where the server says so. */
  readonly fields: readonly { readonly path: string; readonly message: string }[];

  constructor(problem: Readonly<Record<string, unknown>>, status: number) {
    super(typeof problem["detail"] === "string" ? problem["detail"] : `The server answered ${status}`);
    this.name = "ApiError";
    this.code = typeof problem["code"] === "string" ? problem["code"] : "unknown";
    this.status = status;
    this.retry = problem["retry"] === true;
    this.fields = Array.isArray(problem["fields"]) ? (problem["fields"] as ApiError["fields"]) : [];
  }
}

/** Nothing answered, or something that is not Hive: what became of a change is unknown. */
export class UnreachableError extends Error {
  constructor(cause: unknown) {
    super("Hive does not answer. It is asked again by itself.", { cause });
    this.name = "UnreachableError";
  }
}

const signedOut = new Set<() => void>();

/** Calls `listener` when the server no longer takes the session. Returns how to take that back. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** Method and address of a call. */
export function requestOf<N extends Name>(name: N, { params, query }: CallTo<N>): readonly [string, string] {
  const [method = "GET", pattern = ""] = endpointTable[name] ?? [];
  const values = (params ?? {}) as Readonly<Record<string, unknown>>;
  const path = pattern.replace(/:([A-Za-z]+)/g, (_, key: string) => encodeURIComponent(String(values[key])));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries<string | number | boolean | undefined>(query ?? {})) {
    if (value !== undefined) search.set(key, String(value));
  }
  return [method, search.size > 0 ? `${path}?${search.toString()}` : path];
}

/** The raw response of an endpoint that sends text or bytes. @throws ApiError, UnreachableError */
export async function open<N extends Name>(
  name: N,
  call: CallTo<N>,
  { signal, headers }: { readonly signal?: AbortSignal; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const [method, address] = requestOf(name, call);
  const body: unknown = call.body;
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      credentials: "same-origin",
      headers: {
        accept: "application/json, */*",
        ...(method === "GET" ? {} : { "x-hive-page": "1" }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new UnreachableError(cause);
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => null)) as Readonly<Record<string, unknown>> | null;
  if (problem === null || typeof problem["code"] !== "string") throw new UnreachableError(response.status);
  const error = new ApiError(problem, response.status);
  if (error.code === "unauthorized" && name !== "openSession") for (const listener of signedOut) listener();
  throw error;
}

/** The JSON reply. @throws ApiError, UnreachableError */
export async function call<N extends Name>(name: N, request: CallTo<N>, signal?: AbortSignal): Promise<ReplyTo<N>> {
  const response = await open(name, request, signal === undefined ? {} : { signal });
  try {
    return (await response.json()) as ReplyTo<N>;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new UnreachableError(cause);
  }
}

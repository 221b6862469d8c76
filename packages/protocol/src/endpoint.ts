/**
 * What an endpoint is, as data. Server, SDK, CLI and OpenAPI all read the one list in `endpoints.ts`; nothing about a
 * path is written a second time anywhere.
 */

import type { ErrorCode } from "@hive/core";
import type { z } from "zod";

/**
 * Who may call.
 * `open`: anybody. `owner`: `Authorization: Bearer INTERNAL_API_TOKEN`. `registration`: a worker that proves itself in the
 * body. `worker`: the token a worker got when it registered. `lease`: the `worker` token of one lease.
 * `server`: this server's own processes, the LLM gateway and the way out. `hook`: the sender of a source, which proves itself
 * over the raw body.
 */
export type Access = "open" | "owner" | "registration" | "worker" | "lease" | "server" | "hook";

/** What a body or reply is when it is not JSON. */
export type RawKind = "bytes" | "text" | "html" | "events";

export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** With `:name` for each path parameter. */
  readonly path: string;
  readonly access: Access;
  /** One line for people: what it does. */
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** The JSON body's schema, or `bytes` for a raw body. Absent: no body is read. */
  readonly body?: z.ZodType | "bytes";
  /** The status and shape of success. */
  readonly reply: {
    readonly status: 200 | 201 | 202 | 204;
    readonly body: z.ZodType | RawKind | null;
    /** The member of a JSON reply that is its `ETag` too, for `If-Match`. */
    readonly etag?: string;
  };
  /** The codes this endpoint answers with beyond those every endpoint may (bad_request, invalid_field, unauthorized, body_too_large, not_ready, internal). */
  readonly errors: readonly ErrorCode[];
  /** Largest body in bytes. Default 1 MiB. */
  readonly bodyLimit?: number;
}

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined;
type Given<T> = T extends z.ZodType ? z.input<T> : undefined;

/** A request of this endpoint after its schemas were applied: what a handler gets. */
export interface RequestOf<E extends Endpoint> {
  readonly params: Parsed<E["params"]>;
  readonly query: Parsed<E["query"]>;
  readonly body: E["body"] extends "bytes" ? AsyncIterable<Uint8Array> : Parsed<E["body"]>;
}

/** The JSON reply of this endpoint; undefined for raw and empty replies. */
export type ReplyOf<E extends Endpoint> = E["reply"]["body"] extends z.ZodType
  ? z.output<E["reply"]["body"]>
  : undefined;

/** What a caller passes: defaults may be left out. */
export interface CallOf<E extends Endpoint> {
  readonly params?: Given<E["params"]>;
  readonly query?: Given<E["query"]>;
  readonly body?: E["body"] extends "bytes" ? Uint8Array | Blob : Given<E["body"]>;
}

/** Keeps an endpoint's exact types while checking that it is one. */
export function endpoint<const E extends Endpoint>(definition: E): E {
  return definition;
}

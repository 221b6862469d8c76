/**
 * What a handler is: the bridge from an endpoint of the list to the dispatcher's parts. The map of handlers is typed by
 * the list, so an endpoint without a handler, or a handler with another reply, does not compile.
 */

import type { Readable } from "node:stream";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Access, Endpoint, EndpointName, Endpoints, ReplyOf, RequestOf } from "@hive/protocol";
import type { VerifiedLease } from "../auth/lease-tokens.ts";

/** Who calls, as far as the endpoint's access proves it. */
export interface Callers {
  readonly open: null;
  /** `name` is what the history shows: the API has one kind of owner. */
  readonly owner: { readonly name: "api" };
  readonly registration: null;
  readonly worker: { readonly workerId: string };
  readonly lease: VerifiedLease;
  readonly server: { readonly name: "server" };
  /** It is the handler that knows what this source's sender presents. */
  readonly hook: null;
}

/** A reply that is not JSON. */
export interface RawReply {
  /** Default: the endpoint's own. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | Readable;
}

/** A reply the handler writes itself, piece by piece, as long as it likes. */
export interface StreamReply {
  /** Begins to write. The connection is the handler's until it ends; `closed` aborts when the reader is gone. */
  readonly stream: (response: ServerResponse, closed: AbortSignal) => void;
}

/** One request, parsed and allowed. */
export interface Call<E extends Endpoint> extends RequestOf<E> {
  readonly caller: Callers[E["access"] & Access];
  readonly headers: IncomingHttpHeaders;
  /** Of who asks, or of the proxy between. */
  readonly address: string;
  /** Sets `Set-Cookie` of the answer. */
  readonly setCookies: (cookies: readonly string[]) => void;
  /** For the log and for people who report a problem. */
  readonly requestId: string;
  /** Aborts when the caller's connection closes before the reply was sent. Made when first asked for. */
  readonly closed: AbortSignal;
}

/** What a handler gives back: JSON by the endpoint's schema, or something raw where the endpoint says so. */
export type Answer<E extends Endpoint> = E["reply"]["body"] extends "events"
  ? StreamReply
  : E["reply"]["body"] extends string
    ? RawReply
    : ReplyOf<E>;

export type Handler<N extends EndpointName> = (call: Call<Endpoints[N]>) => Promise<Answer<Endpoints[N]>>;

/** One handler for every endpoint of the list. */
export type Handlers = { readonly [N in EndpointName]: Handler<N> };

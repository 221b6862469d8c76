/** Writes what a handler gave back: JSON, bytes, text, or a stream of events. Every reply carries the safe headers. */

import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { Endpoint } from "@hive/protocol";
import type { RawReply, StreamReply } from "./handler.ts";

/** On every reply. What a browser is told by default is to do nothing at all with it. */
export const SAFE_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The request as far as a reply needs it. */
export interface Replied {
  readonly requestId: string;
  /** Aborts when the caller is gone. */
  readonly closed: AbortSignal;
}

/** Sends a handler's answer and gives the status it was sent with; 499 when nobody is there any more. */
export function send(endpoint: Endpoint, answer: unknown, response: ServerResponse, call: Replied): number {
  const { requestId } = call;
  const { status, body: kind } = endpoint.reply;
  if (response.destroyed) return 499;
  if (kind === null || typeof kind !== "string") {
    const text = kind === null ? "" : JSON.stringify(answer);
    response.writeHead(status, {
      ...SAFE_HEADERS,
      ...(kind === null ? {} : { "content-type": "application/json; charset=utf-8" }),
      ...etagOf(endpoint, answer),
      "x-request-id": requestId,
      "content-length": Buffer.byteLength(text),
    });
    response.end(text);
    return status;
  }
  if (kind === "events") {
    response.writeHead(status, {
      ...SAFE_HEADERS,
      "content-type": "text/event-stream; charset=utf-8",
      // Reverse proxies must not gather what is meant to arrive at once.
      "x-accel-buffering": "no",
      "x-request-id": requestId,
    });
    response.flushHeaders();
    (answer as StreamReply).stream(response, call.closed);
    return status;
  }
  return sendRaw(answer as RawReply, kind, status, response, requestId);
}

function etagOf({ reply: { etag } }: Endpoint, answer: unknown): { readonly etag?: string } {
  if (etag === undefined || typeof answer !== "object" || answer === null) return {};
  return { etag: `"${String(Reflect.get(answer, etag))}"` };
}

const RAW_TYPES = {
  bytes: "application/octet-stream",
  text: "text/plain; charset=utf-8",
  html: "text/html; charset=utf-8",
} as const;

function sendRaw(
  answer: RawReply,
  kind: keyof typeof RAW_TYPES,
  usual: number,
  response: ServerResponse,
  requestId: string,
): number {
  const { body } = answer;
  const status = answer.status ?? usual;
  const whole = typeof body === "string" || body instanceof Uint8Array;
  response.writeHead(status, {
    ...SAFE_HEADERS,
    "content-type": RAW_TYPES[kind],
    "x-request-id": requestId,
    ...(whole ? { "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.byteLength } : {}),
    ...answer.headers,
  });
  if (whole) response.end(body);
  else {
    // What is followed may have nothing to say for a long time; that it was found is said now.
    response.flushHeaders();
    pipeline(body, response, () => {});
  }
  return status;
}

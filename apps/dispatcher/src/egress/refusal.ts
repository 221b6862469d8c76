/**
 * How the way out says no: problem+json with the reason, over HTTP and, for CONNECT, written on the bare connection. The
 * status line names Hive, because many clients show nothing else of a proxy's answer.
 */
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ErrorCode, HiveError } from "@hive/core";
import { type EgressRefusal, PROBLEM_MEDIA_TYPE, problemOf } from "@hive/protocol";

/** One no. `message` is for people and says what to do. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  /** Where the reason is one of the list's. */
  readonly reason?: EgressRefusal;
}

/** A proxy asks for its token with 407, where the rest of Hive answers 401. */
const PROXY_AUTHENTICATION = 407;
const RETRY_AFTER = "1";

interface Written {
  readonly status: number;
  readonly words: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a request. An answer already begun is cut instead, so that nobody takes it for a whole one. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, words, headers, body } = written(refusal, false);
  response.writeHead(status, words, headers);
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** The same for a request as to a proxy. */
export function refuseProxied(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return refuse(response, refusal);
  const { status, words, headers, body } = written(refusal, true);
  response.writeHead(status, words, headers);
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** Answers a CONNECT and closes the connection. */
export function refuseConnect(client: Duplex, refusal: Refusal): void {
  const { status, words, headers, body } = written(refusal, true);
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`);
  client.end(`HTTP/1.1 ${status} ${words}\r\n${lines.join("")}\r\n${body}`);
}

function written({ code, message, reason }: Refusal, proxied: boolean): Written {
  const problem = problemOf(new HiveError(code, message, reason === undefined ? {} : { reason }));
  const status = proxied && problem.status === 401 ? PROXY_AUTHENTICATION : problem.status;
  const body = `${JSON.stringify({ ...problem, status })}\n`;
  return {
    status,
    words: code === "egress_blocked" ? "Blocked by Hive" : (STATUS_CODES[status] ?? "Refused"),
    headers: {
      "content-type": PROBLEM_MEDIA_TYPE,
      "content-length": String(Buffer.byteLength(body)),
      ...(status === PROXY_AUTHENTICATION ? { "proxy-authenticate": 'Basic realm="hive"' } : {}),
      ...(problem.retry ? { "retry-after": RETRY_AFTER } : {}),
    },
    body,
  };
}

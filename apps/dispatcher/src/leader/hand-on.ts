/**
 * Hands one request on to the queen as it came, and her answer piece by piece as it is given. What a request means is
 * hers to decide; here only the connection changes, so its framing is made anew and never taken over: bytes that nobody
 * said the length of could pass for the next request of somebody else.
 */

import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { urlToHttpOptions } from "node:url";
import { HiveError } from "@hive/core";
import type { Unreachable } from "./unreachable.ts";

/** Milliseconds to make a connection to the queen. */
const CONNECT_MS = 2_000;
/** Milliseconds an unused connection is kept; less than the queen keeps it, so that none is used as she closes it. */
const IDLE_MS = 30_000;
/** The status, in logs and metrics, of an answer that nobody waited for. */
export const GONE = 499;
/** Marks what a standby handed on: the next one that is not the queen refuses it, so that nothing goes in circles. */
export const FORWARDED = "x-hive-forwarded";
/** What a dispatcher answers there that is no queen either: nothing happened. */
export const REFUSED = "refused";
/** Of one connection only (RFC 9110, 7.6.1), or made anew here or by Node. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
]);

export type Outcome = number | "refused" | "died";

/** A request on its way, and its answer. */
export interface HandedOn {
  /**
   * The status of the answer that was passed on, or that nobody waited for any more; "refused" when nobody can have
   * carried the request out, "died" when she had it and it changes nothing. After both it is whole and may go to another.
   * @throws HiveError `store_failed`: whether it was carried out is not known
   */
  readonly outcome: Promise<Outcome>;
  /** Gives up on this queen. An answer that has begun is cut off. */
  abandon(why: string): void;
}

/** Connections to queens. */
export interface Connections {
  /**
   * Sends it to the dispatcher at `url`. `body`: all of it, or null for one that was not read and is passed through; what
   * only reads has none.
   */
  handOn(url: string, request: IncomingMessage, response: ServerResponse, body: Buffer | null): HandedOn;
  /** Ends unused connections. */
  close(): void;
}

/** `unreachable` is told how each try to connect went. */
export function createConnections(unreachable: Pick<Unreachable, "failed" | "reached">): Connections {
  const settings = { keepAlive: true, maxFreeSockets: 64, timeout: IDLE_MS };
  const agents = { http: new HttpAgent(settings), https: new HttpsAgent(settings) };

  return {
    handOn(url, request, response, body) {
      const isSecure = url.startsWith("https:");
      const there = new URL(url);
      const upstream = (isSecure ? httpsRequest : httpRequest)({
        ...urlToHttpOptions(there),
        // As it was written: an address that is put together and read again would mean something else here than there.
        path: there.pathname.replace(/\/$/, "") + pathOf(request),
        method: request.method ?? "GET",
        headers: headersFor(request, body),
        agent: isSecure ? agents.https : agents.http,
      });
      return {
        outcome: follow(upstream, { url, isSecure, unreachable }, request, response, body),
        abandon: (why) => void upstream.destroy(new Error(why)),
      };
    },
    close() {
      for (const agent of Object.values(agents)) {
        for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
      }
    },
  };
}

/** Whether it changes nothing, however often it is sent. */
export function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

/** The path and query that a request asks for; a whole address (RFC 9112, 3.2.2) is one too. */
export function pathOf({ url = "/" }: Pick<IncomingMessage, "url">): string {
  return url.startsWith("/") ? url : url.replace(/^[a-z]+:\/\/[^/?]*/i, "").replace(/^(?!\/)/, "/");
}

function follow(
  upstream: ClientRequest,
  to: {
    readonly url: string;
    readonly isSecure: boolean;
    readonly unreachable: Pick<Unreachable, "failed" | "reached">;
  },
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer | null,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const leave = (): void => void upstream.destroy();
    response.once("close", leave);
    const settle = (then: () => void): void => {
      response.off("close", leave);
      then();
    };
    let connected = false;
    whenConnected(upstream, to.isSecure, () => {
      connected = true;
      to.unreachable.reached(to.url);
      // Only now: a request of which nothing was read can still be sent to somebody else.
      if (body === null) request.pipe(upstream);
      else upstream.end(body);
    });
    upstream.once("response", (answer) => {
      const status = answer.statusCode ?? 502;
      if (body !== null && answer.headers[FORWARDED] === REFUSED) {
        answer.resume();
        return settle(() => resolve("refused"));
      }
      response.writeHead(status, endToEnd(answer.headers));
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => {});
      answer.once("close", () => {
        // An answer that broke off must not look whole.
        if (!answer.complete) response.destroy();
        // She answered without the rest: it is read and thrown away, as she would, and keeps no connection to her.
        if (!upstream.writableFinished) {
          request.unpipe(upstream);
          request.resume();
          upstream.destroy();
        }
        settle(() => resolve(status));
      });
    });
    upstream.on("error", (cause) => {
      // She answered before she had read everything, which is her right; what she said is on its way.
      if (response.headersSent) return;
      if (response.destroyed) settle(() => resolve(GONE));
      else if (!connected) {
        to.unreachable.failed(to.url, cause);
        settle(() => resolve("refused"));
      } else if (isRead(request)) settle(() => resolve("died"));
      else {
        request.unpipe(upstream);
        settle(() => reject(unknownOutcome(cause)));
      }
    });
  });
}

/** Not `not_ready`, which says that nothing happened, so that clients ask another dispatcher at once. */
function unknownOutcome(cause: unknown): HiveError {
  return new HiveError(
    "store_failed",
    "the queen did not answer, and whether she did what was asked is not known; send the request again",
    { retryAfterMs: 1000 },
    { cause },
  );
}

/** Calls once the request has a connection: a new one that was made, or one that was there. */
function whenConnected(upstream: ClientRequest, isSecure: boolean, then: () => void): void {
  upstream.once("socket", (socket) => {
    if (!socket.connecting) return then();
    const late = (): void => void socket.destroy(new Error("the queen cannot be reached"));
    socket.setTimeout(CONNECT_MS, late);
    // Before the end of its handshake TLS has carried nothing.
    socket.once(isSecure ? "secureConnect" : "connect", () => {
      socket.setTimeout(0, late);
      then();
    });
  });
}

/** What she is sent. Where the body ends is said outright: left alone, Node sends those of some methods without an end. */
function headersFor(request: IncomingMessage, body: Buffer | null): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...endToEnd(request.headers), [FORWARDED]: "1" };
  delete headers["content-length"];
  const length = body === null ? request.headers["content-length"] : body.length;
  if (length === undefined) headers["transfer-encoding"] = "chunked";
  else if (!isRead(request)) headers["content-length"] = length;
  return headers;
}

/** The headers that are meant for the other end. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

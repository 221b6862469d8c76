/**
 * One outbound request under the guard: addresses checked at connect time, redirects never followed, certificates
 * verified, the whole exchange under one deadline, the reply cut at a size. Callbacks and sources use nothing else.
 * Every outcome is a value; this throws only for a caller's mistake.
 */
import http from "node:http";
import https from "node:https";
import { AddressRefusedError, GuardedHttpAgent, GuardedHttpsAgent } from "./connection.ts";
import type { Guard } from "./guard.ts";

/** Reply bodies are cut here by default, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024;

/** More than an agent keeps idle for one host. */
const MAX_STALE = 8;

export interface GuardedRequest {
  /** Checked by `guard.checkUrl` before; a URL that was not is refused when it connects. */
  readonly url: URL;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Milliseconds for the whole exchange, from the name's lookup to the last byte of the reply. */
  readonly timeoutMs: number;
  /** Default 64 KiB. What is beyond is not read. */
  readonly maxResponseBytes?: number;
  /** True for an address the operator wrote: it may be private. Default: false. */
  readonly trusted?: boolean;
  readonly signal?: AbortSignal;
}

export type FailureReason = "refused" | "redirect" | "timeout" | "tls" | "network" | "aborted";

export type GuardedReply =
  | {
      /** There was a reply, whatever its status (but no redirect; 304 is none). */
      readonly ok: true;
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      readonly body: Buffer;
      /** True when the body was cut: too large, too slow, or the connection broke. The status still counts. */
      readonly truncated: boolean;
    }
  | {
      readonly ok: false;
      readonly reason: FailureReason;
      /** For people: what failed and what to do. */
      readonly message: string;
      /** The status of a redirect, and where it points, as it was written. */
      readonly status?: number;
      readonly location?: string;
    };

/**
 * Sends guarded requests over connections that are kept for reuse, so a request may arrive twice when the other side
 * closes a connection while it is being sent. Safe to close twice.
 */
export interface GuardedClient {
  request(request: GuardedRequest): Promise<GuardedReply>;
  /** Closes idle connections; requests under way end by themselves. */
  close(): void;
}

interface Agents {
  readonly "http:": http.Agent;
  readonly "https:": https.Agent;
}

export function createGuardedClient(guard: Guard): GuardedClient {
  // Trusted and other requests never share a connection: one that the operator's address opened to the private network
  // would otherwise be there, checked by nobody, for a job that names the same host.
  const guarded: Agents = { "http:": new GuardedHttpAgent(guard), "https:": new GuardedHttpsAgent(guard) };
  const trusting: Guard = { ...guard, refusal: () => null };
  const trusted: Agents = { "http:": new GuardedHttpAgent(trusting), "https:": new GuardedHttpsAgent(trusting) };
  return {
    async request(request) {
      const agents = request.trusted === true ? trusted : guarded;
      // A kept connection may have been closed by the other side in the same instant. Nothing was answered, so it is
      // sent again over the next one; each that is stale leaves the pool, so a new one comes at the latest in the end.
      for (let tries = 0; tries < MAX_STALE; tries += 1) {
        const reply = await exchange(request, agents);
        if (reply !== "stale") {
          return reply;
        }
      }
      return { ok: false, reason: "network", message: `${request.url.host} keeps closing the connection` };
    },
    close() {
      for (const agents of [guarded, trusted]) {
        agents["http:"].destroy();
        agents["https:"].destroy();
      }
    },
  };
}

function exchange(request: GuardedRequest, agents: Agents): Promise<GuardedReply | "stale"> {
  const { url, signal } = request;
  const protocol = url.protocol === "https:" ? "https:" : "http:";
  const agent = agents[protocol];
  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const headers: Record<string, string> = { ...request.headers, "accept-encoding": "identity" };
  if (body !== undefined) {
    headers["content-length"] = String(body.byteLength);
  }
  return new Promise((settle) => {
    if (url.protocol !== protocol) {
      settle({
        ok: false,
        reason: "refused",
        message: `Only http and https addresses are called, not ${url.protocol}`,
      });
      return;
    }
    if (signal?.aborted === true) {
      settle({ ok: false, reason: "aborted", message: "The request was given up before it was sent" });
      return;
    }
    let outcome: "open" | "timeout" | "aborted" = "open";
    const client = protocol === "https:" ? https : http;
    const sent = client.request(url, { method: request.method, headers, agent });
    const stop = (why: "timeout" | "aborted") => {
      outcome = why;
      sent.destroy();
    };
    const onAbort = () => stop("aborted");
    const deadline = setTimeout(() => stop("timeout"), request.timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    const finish = (reply: GuardedReply | "stale") => {
      clearTimeout(deadline);
      signal?.removeEventListener("abort", onAbort);
      settle(reply);
    };
    sent.on("response", (response) => {
      readReply(response, request.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES, finish);
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (outcome === "timeout") {
        const message = `No answer from ${url.host} within ${request.timeoutMs} ms`;
        finish({ ok: false, reason: "timeout", message });
      } else if (outcome === "aborted") {
        finish({ ok: false, reason: "aborted", message: "The request was given up" });
      } else if (sent.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
        finish("stale");
      } else {
        finish(failureOf(error, url));
      }
    });
    sent.end(body);
  });
}

/** Reads up to the limit. From here on nothing is a failure: the status is known, and it is what counts. */
function readReply(response: http.IncomingMessage, limit: number, finish: (reply: GuardedReply) => void): void {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400 && status !== 304) {
    response.destroy();
    const message = `The address answered ${status}, a redirect. Redirects are not followed; use the final address`;
    const { location } = response.headers;
    finish({ ok: false, reason: "redirect", message, status, ...(location === undefined ? {} : { location }) });
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const end = (truncated: boolean) => {
    finish({ ok: true, status, headers: response.headers, body: Buffer.concat(chunks), truncated });
  };
  response.on("data", (chunk: Buffer) => {
    const room = limit - size;
    chunks.push(chunk.subarray(0, room));
    size += Math.min(chunk.byteLength, room);
    if (chunk.byteLength > room) {
      response.destroy();
      end(true);
    }
  });
  response.on("error", () => end(true));
  response.on("close", () => end(!response.complete));
  response.on("end", () => end(false));
}

function failureOf(error: NodeJS.ErrnoException, url: URL): GuardedReply {
  if (error instanceof AddressRefusedError) {
    return { ok: false, reason: "refused", message: error.message };
  }
  const code = error.code ?? "";
  if (/^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/.test(code)) {
    return { ok: false, reason: "tls", message: `The certificate of ${url.host} was not accepted (${code})` };
  }
  return {
    ok: false,
    reason: "network",
    message: `${url.host} could not be reached (${code === "" ? error.message : code})`,
  };
}

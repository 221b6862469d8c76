/**
 * The LLM gateway: an agent talks to its model through it with the lease's `llm` token, and the gateway puts the server's
 * key in the token's place. So no key ever enters a container, the cost of every agent is known, and a model stops
 * answering the moment a lease ends. It knows nothing of the queue; verifying and counting are passed in.
 */
import { randomUUID } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { ErrorCode } from "@hive/core";
import { matchRoute, requestHeaders, type Operation } from "./anthropic-routes.ts";
import { answerProblem } from "./gateway-problem.ts";
import { LiveCalls, type VerifyToken } from "./live-calls.ts";
import { callUpstream, type UpstreamOutcome } from "./upstream-call.ts";

/** One call to the provider, told exactly once, when it is over. Token counts are the provider's. */
export interface CallUsage extends UpstreamOutcome {
  /** Names this call; the same usage told twice counts once. */
  readonly callId: string;
  readonly jobId: string;
  readonly fence: number;
  readonly provider: "anthropic";
  readonly operation: Operation;
}

export interface GatewayLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface GatewayOptions {
  /** The server's keys. Without one its provider answers 503 and says what to set. */
  readonly keys: { readonly anthropic?: string | undefined };
  /** Base addresses, without `/v1`. The operator set them, so they may be private. */
  readonly upstream: { readonly anthropic: string };
  readonly verifyToken: VerifyToken;
  /** Must not lose what it is given; a rejection is logged. */
  readonly onUsage: (usage: CallUsage) => void | Promise<void>;
  /** Gets ids, statuses and sizes. Never a prompt, an answer, a token or a key. */
  readonly log: GatewayLog;
  readonly limits?: Partial<GatewayLimits>;
}

export interface GatewayLimits {
  /** Bytes of a request's body. Default 32 MiB, the provider's own limit. */
  readonly maxRequestBytes: number;
  /** Calls of one lease at the same time. Default 32. */
  readonly maxCallsPerLease: number;
  /** Milliseconds without a byte in either direction. Default 10 minutes, which a long answer may think. */
  readonly idleMs: number;
  /** Milliseconds between looks whether the leases of running calls are alive. Default 2,000; 0 for never. */
  readonly recheckMs: number;
  /** Milliseconds a running call may go on while that cannot be found out. Default 30,000. */
  readonly graceMs: number;
}

export interface Gateway {
  /** Answers one request. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Cuts every running call of this lease and older ones of the job; returns how many. */
  endLease(lease: { readonly jobId: string; readonly fence: number }): number;
  /** Asks for every running call whether its lease is alive, and cuts those whose is not. Also runs by itself. */
  recheckLeases(): Promise<void>;
  /** Calls under way. */
  running(): number;
  /** Cuts all calls and waits until each one's usage was told. Safe to call twice. */
  stop(): Promise<void>;
}

const PREFIX = "/llm/anthropic";
const MAX_TOKEN_LENGTH = 4096;
const DEFAULT_LIMITS: GatewayLimits = {
  maxRequestBytes: 32 * 1024 * 1024,
  maxCallsPerLease: 32,
  idleMs: 600_000,
  recheckMs: 2_000,
  graceMs: 30_000,
};

export function createGateway(options: GatewayOptions): Gateway {
  const { keys, verifyToken, onUsage, log } = options;
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const base = new URL(options.upstream.anthropic);
  // Idle connections are dropped before the provider does it: one that it closes while a call is sent costs a retry.
  const agentOptions = { keepAlive: true, maxFreeSockets: 32, scheduling: "lifo", timeout: 30_000 } as const;
  const agent =
    base.protocol === "https:"
      ? new https.Agent({ ...agentOptions, rejectUnauthorized: true })
      : new http.Agent(agentOptions);
  const live = new LiveCalls(verifyToken, limits.graceMs);
  const timer = limits.recheckMs > 0 ? setInterval(() => void live.recheck(), limits.recheckMs) : undefined;
  timer?.unref();
  let stopping = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away at the wrong moment must not end the process.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    const refuse = (code: ErrorCode, message: string) => {
      answerProblem(response, code, message);
      request.resume();
    };
    if (stopping) {
      return refuse("not_ready", "The LLM gateway is stopping");
    }
    const rest = restOf(request.url ?? "");
    const route = rest === null ? ({ kind: "unknown_path" } as const) : matchRoute(request.method ?? "", rest);
    if (route.kind === "unknown_path") {
      return refuse("not_found", "The LLM gateway does not pass on this path");
    }
    if (route.kind === "wrong_method") {
      return refuse("method_not_allowed", `This path takes ${route.allowed.join(" or ")}`);
    }
    const token = tokenOf(request);
    if (token === null) {
      return refuse("unauthorized", "The lease's llm token is missing: send it as x-api-key or Authorization: Bearer");
    }
    if (Number(request.headers["content-length"] ?? 0) > limits.maxRequestBytes) {
      return refuse("body_too_large", `The request is larger than ${limits.maxRequestBytes} bytes`);
    }
    if (request.headers["content-encoding"] !== undefined) {
      return refuse("unsupported_media_type", "Send the request without content-encoding");
    }
    const verdict = await verifyToken(token).catch(() => null);
    if (verdict === null) {
      return refuse("not_ready", "The LLM gateway cannot check the lease right now");
    }
    if (!verdict.ok) {
      return refuse(verdict.code, verdict.message);
    }
    const key = keys.anthropic;
    if (key === undefined || key === "") {
      return refuse("no_provider_key", "This server has no key for Anthropic. Set ANTHROPIC_API_KEY on the dispatcher");
    }
    const { jobId, fence } = verdict;
    if (live.countOf(verdict) >= limits.maxCallsPerLease) {
      return refuse("too_many_requests", `A lease may have ${limits.maxCallsPerLease} calls at once`);
    }
    if (response.destroyed) {
      return;
    }
    const call = live.begin({ jobId, fence, token });
    try {
      const outcome = await callUpstream({
        request,
        response,
        url: new URL(base.pathname.replace(/\/+$/, "") + route.target, base),
        headers: bodyHeaders(request, requestHeaders(request.headers, key)),
        agent,
        metered: route.operation === "messages",
        maxRequestBytes: limits.maxRequestBytes,
        idleMs: limits.idleMs,
        signal: call.signal,
      });
      await tell({ callId: randomUUID(), jobId, fence, provider: "anthropic", operation: route.operation, ...outcome });
    } finally {
      call.end();
    }
  }

  async function tell(usage: CallUsage): Promise<void> {
    log.info({ ...usage }, "model call ended");
    try {
      await onUsage(usage);
    } catch (error) {
      log.warn(
        { callId: usage.callId, jobId: usage.jobId, error: String(error) },
        "the usage of a call was not counted",
      );
    }
  }

  return {
    handle: (request, response) =>
      handle(request, response).catch((error: unknown) => {
        log.warn({ error: error instanceof Error ? error.message : String(error) }, "the gateway failed a request");
        answerProblem(response, "internal", "The LLM gateway failed");
      }),
    endLease: (lease) => live.endLease(lease),
    recheckLeases: () => live.recheck(),
    running: () => live.size,
    async stop() {
      stopping = true;
      clearInterval(timer);
      await live.stop();
      agent.destroy();
    },
  };
}

/** What follows the prefix, or null when the path is not the gateway's. */
function restOf(url: string): string | null {
  const rest = url.startsWith(PREFIX) ? url.slice(PREFIX.length) : null;
  return rest !== null && /^(\/|\?|$)/.test(rest) ? rest : null;
}

/** Claude Code sends its key as x-api-key, or as a bearer when it was set as an "auth token". */
function tokenOf(request: IncomingMessage): string | null {
  const apiKey = request.headers["x-api-key"];
  const bearer = /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const token = typeof apiKey === "string" && apiKey !== "" ? apiKey : bearer;
  return token !== undefined && token.length <= MAX_TOKEN_LENGTH ? token : null;
}

/** The body is passed on as it was framed: with its length where the client said it, else in chunks. */
function bodyHeaders(request: IncomingMessage, headers: http.OutgoingHttpHeaders): http.OutgoingHttpHeaders {
  const length = request.headers["content-length"];
  return length === undefined || request.method !== "POST" ? headers : { ...headers, "content-length": length };
}

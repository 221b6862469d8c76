/**
 * The LLM gateway: an agent talks to its model through it with the lease's `llm` token, and the gateway puts the server's
 * key in the token's place. So no key ever enters a container, the cost of every agent is known, no call is made that the
 * budgets do not cover, and a model stops answering the moment a lease ends. It knows nothing of the queue; admitting,
 * counting and parking are passed in.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ErrorCode } from "@hive/core";
import { systemClock } from "../clock.ts";
import { type CallServer, serveCall } from "./admitted-call.ts";
import { DEFAULT_LIMITS, type Gateway, type GatewayLimits, type GatewayOptions } from "./contract.ts";
import { messages } from "./dialects/messages.ts";
import { answerProblem } from "./gateway-problem.ts";
import { KnownTokens } from "./known-tokens.ts";
import { LiveCalls } from "./live-calls.ts";
import { PROVIDERS } from "./llm-settings.ts";
import { providers } from "./providers/all.ts";
import { matchRoute, type Provider } from "./providers/provider.ts";
import { BodyRoom } from "./request-body.ts";
import { tokenOf } from "./request-token.ts";
import { openUpstreams } from "./upstreams.ts";

export function createGateway(options: GatewayOptions): Gateway {
  const { verifyToken, log, clock = systemClock } = options;
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const upstreams = openUpstreams(options.upstreams, log, clock);
  const live = new LiveCalls(verifyToken, limits.graceMs);
  const tokens = new KnownTokens(verifyToken, clock);
  const server: CallServer = { ...options, upstreams, live, tokens, limits, clock };
  const room = new BodyRoom(limits.maxHeldBytes);
  const timer = limits.recheckMs > 0 ? setInterval(() => void live.recheck(), limits.recheckMs) : undefined;
  timer?.unref();
  let stopping = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away at the wrong moment must not end the process.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    const place = placeOf(request.url ?? "");
    let dialect = place?.provider.routes[0]?.dialect ?? messages;
    const refuse = (code: ErrorCode, message: string) => {
      answerProblem(response, dialect, code, message);
      request.resume();
    };
    if (stopping) {
      return refuse("not_ready", "The LLM gateway is stopping");
    }
    const found = place === null ? null : matchRoute(place.provider, request.method ?? "", place.rest);
    if (place === null || found === null || found.kind === "unknown_path") {
      return refuse("not_found", "The LLM gateway does not pass on this path");
    }
    if (found.kind === "wrong_method") {
      return refuse("method_not_allowed", `This path takes ${found.allowed.join(" or ")}`);
    }
    dialect = found.route.dialect;
    const token = tokenOf(request);
    if (token === null) {
      const ways = "x-api-key, Authorization: Bearer, x-goog-api-key or ?key=";
      return refuse("unauthorized", `The lease's llm token is missing: send it as ${ways}`);
    }
    const tooLarge = `The request is larger than ${limits.maxRequestBytes} bytes`;
    if (Number(request.headers["content-length"] ?? 0) > limits.maxRequestBytes) {
      return refuse("body_too_large", tooLarge);
    }
    if (request.headers["content-encoding"] !== undefined) {
      return refuse("unsupported_media_type", "Send the request without content-encoding");
    }
    // The lease is looked at while the body comes: that costs no time, and only who has a lease fills the memory for long.
    const body = request.method === "POST" ? room.take(request, limits.maxRequestBytes) : null;
    if (body === null) {
      request.resume();
    }
    try {
      const lease = await tokens.look(token).catch(() => null);
      if (lease === null) {
        return refuse("not_ready", "The LLM gateway cannot check the lease right now");
      }
      if (!lease.ok) {
        return refuse(lease.code, lease.message);
      }
      const read = body === null ? null : await body.read;
      switch (read?.kind) {
        case "too_large":
          return refuse("body_too_large", tooLarge);
        case "no_room":
          return refuse("not_ready", "The LLM gateway holds as many requests as it can right now");
        case "gone":
          return refuse("bad_request", "The request broke off");
        case "body":
        case undefined:
          const bytes = read?.bytes ?? null;
          await serveCall(server, { request, response, provider: place.provider, found, token, lease, bytes });
      }
    } finally {
      body?.done();
    }
  }

  return {
    handle: (request, response) =>
      handle(request, response).catch((error: unknown) => {
        log.warn({ error: error instanceof Error ? error.message : String(error) }, "the gateway failed a request");
        answerProblem(response, messages, "internal", "The LLM gateway failed");
      }),
    endLease: (lease) => live.endLease(lease),
    recheckLeases: () => live.recheck(),
    running: () => live.size,
    async stop() {
      stopping = true;
      clearInterval(timer);
      await live.stop();
      for (const { agent } of upstreams.values()) {
        agent.destroy();
      }
    },
  };
}

/** Which provider a path is for, and what follows its prefix; null when the path is not the gateway's. */
function placeOf(url: string): { readonly provider: Provider; readonly rest: string } | null {
  for (const name of PROVIDERS) {
    const prefix = `/llm/${name}`;
    const rest = url.startsWith(prefix) ? url.slice(prefix.length) : null;
    if (rest !== null && /^(\/|\?|$)/.test(rest)) {
      return { provider: providers[name], rest };
    }
  }
  return null;
}

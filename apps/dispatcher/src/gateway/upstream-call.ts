/**
 * One call to the provider: the request's bytes go up, the answer's bytes come down unchanged, neither side faster than the
 * other takes them. It ends in exactly one outcome, whoever stops first: the provider, the client, the lease or the clock.
 */
import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import https from "node:https";
import { responseHeaders } from "./anthropic-routes.ts";
import { answerProblem } from "./gateway-problem.ts";
import { createSilentMeter, createUsageMeter, type MeteredUsage, type UsageMeter } from "./usage-meter.ts";

export interface UpstreamCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly headers: OutgoingHttpHeaders;
  readonly agent: http.Agent;
  /** Answers with status 2xx are read for their usage. */
  readonly metered: boolean;
  /** Largest request body, in bytes. */
  readonly maxRequestBytes: number;
  /** Milliseconds in which no byte moves in either direction before the call is given up. */
  readonly idleMs: number;
  /** Ends the call when it aborts; the reason, a string, is told to a client that got no answer yet. */
  readonly signal: AbortSignal;
}

export interface UpstreamOutcome extends MeteredUsage {
  /** The provider's status, or null when it gave none. */
  readonly status: number | null;
  /** The provider's own id of the call. */
  readonly requestId: string | null;
  readonly stream: boolean;
  /** True when the provider's answer did not come to its end. */
  readonly aborted: boolean;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Runs the call to its end and answers the client. Never rejects. */
export function callUpstream(call: UpstreamCall): Promise<UpstreamOutcome> {
  const { request, response, signal } = call;
  return new Promise((settle) => {
    let meter: UsageMeter = createSilentMeter();
    let answer: IncomingMessage | null = null;
    let requestBytes = 0;
    let responseBytes = 0;
    let settled = false;
    const client = call.url.protocol === "https:" ? https : http;
    const upstream = client.request(call.url, {
      method: request.method ?? "GET",
      headers: call.headers,
      agent: call.agent,
    });
    const idle = setTimeout(() => stop("provider_unreachable", silenceOf(call.idleMs)), call.idleMs);
    idle.unref();
    const moved = () => {
      // A cleared timer would start again.
      if (!settled) {
        idle.refresh();
      }
    };

    const finish = (aborted: boolean) => {
      if (settled) {
        return;
      }
      settled = true;
      clearTimeout(idle);
      signal.removeEventListener("abort", onEnd);
      const usage = meter.read();
      const refused = answer !== null && (answer.statusCode ?? 0) >= 300;
      settle({
        ...usage,
        // Given up before its answer, it may have been paid for all the same.
        estimated: usage.estimated || (call.metered && aborted && !refused && requestBytes > 0),
        status: answer?.statusCode ?? null,
        requestId: idOf(answer),
        stream: isEventStream(answer),
        aborted,
        requestBytes,
        responseBytes,
      });
    };
    /** Ends both sides; the client learns why unless its answer has begun. */
    const stop = (code: Parameters<typeof answerProblem>[1], message: string) => {
      if (!settled) {
        finish(true);
        upstream.destroy();
        answerProblem(response, code, message);
        request.resume();
      }
    };
    const onEnd = () => stop("lease_lost", String(signal.reason));
    signal.addEventListener("abort", onEnd, { once: true });

    response.on("close", () => {
      // Nobody is there to read the rest, so nobody should pay for it. (A call that ended gave its connection back.)
      if (!settled) {
        finish(true);
        upstream.destroy();
      }
    });

    upstream.on("error", (error: NodeJS.ErrnoException) => {
      stop("provider_unreachable", `The model provider could not be reached (${error.code ?? "connection failed"})`);
    });
    upstream.on("response", (incoming) => {
      answer = incoming;
      const refusal = refusalOf(incoming);
      if (refusal !== null) {
        stop("provider_unreachable", refusal);
        return;
      }
      const status = incoming.statusCode ?? 502;
      if (call.metered && status >= 200 && status < 300) {
        meter = createUsageMeter(incoming.headers["content-type"] ?? "");
      }
      response.writeHead(status, responseHeaders(incoming.headers));
      response.flushHeaders();
      incoming.on("data", (chunk: Buffer) => {
        moved();
        responseBytes += chunk.byteLength;
        meter.push(chunk);
        if (!response.write(chunk)) {
          incoming.pause();
          response.once("drain", () => {
            moved();
            incoming.resume();
          });
        }
      });
      incoming.on("end", () => {
        finish(false);
        response.end();
        request.resume();
      });
      incoming.on("error", () => undefined);
      incoming.on("close", () => {
        if (!incoming.complete) {
          finish(true);
          // Cut, not ended: a client must not take half an answer for a whole one.
          response.destroy();
        }
      });
    });

    sendBody(call, upstream, (bytes) => {
      requestBytes += bytes;
      moved();
      if (requestBytes > call.maxRequestBytes) {
        stop("body_too_large", `The request is larger than ${call.maxRequestBytes} bytes`);
        return false;
      }
      return true;
    });
    if (signal.aborted) {
      onEnd();
    }
  });
}

/** Pumps the client's body up; `count` says whether it may go on. */
function sendBody(call: UpstreamCall, upstream: http.ClientRequest, count: (bytes: number) => boolean): void {
  const { request } = call;
  if (request.method !== "POST") {
    request.resume();
    upstream.end();
    return;
  }
  request.on("data", (chunk: Buffer) => {
    // An upstream that answered early takes no more; the rest of the body is read and dropped.
    if (upstream.destroyed || !count(chunk.byteLength)) {
      return;
    }
    if (!upstream.write(chunk)) {
      request.pause();
      upstream.once("drain", () => request.resume());
    }
  });
  request.on("end", () => upstream.end());
}

/** Why an answer cannot be passed on, or null. */
function refusalOf(answer: IncomingMessage): string | null {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    // Following it would send the key to wherever it points.
    return `The model provider answered ${status}, a redirect. Set ANTHROPIC_BASE_URL on the server to the final address`;
  }
  const encoding = answer.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return `The model provider answered in ${encoding}, which was not asked for, so its usage cannot be counted`;
  }
  return null;
}

function silenceOf(idleMs: number): string {
  return `Nothing came from the model provider for ${idleMs} ms`;
}

function isEventStream(answer: IncomingMessage | null): boolean {
  return /^text\/event-stream\b/i.test(answer?.headers["content-type"] ?? "");
}

function idOf(answer: IncomingMessage | null): string | null {
  const id = answer?.headers["request-id"];
  return typeof id === "string" ? id.slice(0, 128) : null;
}

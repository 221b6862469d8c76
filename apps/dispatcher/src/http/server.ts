/**
 * The HTTP server. It mounts every endpoint of the one list and does for each the same things in the same order: who
 * calls, is the body one we read, do the schemas take it, then the handler, then the reply. Nothing about a single
 * endpoint is known here. Hostile clients are cut here too: slow headers, slow bodies, too many connections.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HiveError } from "@hive/core";
import { endpoints, type Endpoint, type EndpointName } from "@hive/protocol";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { createForwarder } from "../leader/forward.ts";
import { bodyLimitOf, checkContentType, limitBytes, parseJson, readText } from "./body.ts";
import { createAccess } from "./access.ts";
import { createHandlers } from "./handlers.ts";
import type { Parts } from "./parts.ts";
import { problemReply } from "./problems.ts";
import { refuseClient } from "./refuse-client.ts";
import { SAFE_HEADERS, send } from "./replies.ts";
import { headable, pathTable, unknownPath } from "./unknown-path.ts";
import { parsePart } from "./validate.ts";

/** Milliseconds a client has for its headers; a slower one is cut (CVE-2018-12122). */
const HEADERS_TIMEOUT_MS = 5_000;
/** Milliseconds for a whole request: the largest artifact over a slow line. JSON bodies have their own, shorter time. */
const REQUEST_TIMEOUT_MS = 300_000;
const KEEP_ALIVE_MS = 72_000;
const MAX_CONNECTIONS = 10_000;
const MAX_HEADER_BYTES = 16_384;
/** Milliseconds a stop waits for requests under way before it cuts them. */
const STOP_MS = 5_000;

export interface HiveServer {
  /** Begins to listen and gives the port. `host` and `port` as `net.Server.listen` takes them; port 0 takes a free one. */
  listen(port: number, host: string): Promise<number>;
  /** Ends streams and waiting claims, waits for requests under way, then closes. Safe to call twice. */
  close(): Promise<void>;
  /** For what is mounted beside the list: the LLM gateway. */
  readonly app: FastifyInstance;
}

/** What a server answers of itself, whoever is the queen; everything else a standby hands on to her. */
const OWN: ReadonlySet<EndpointName> = new Set([
  "health",
  "ready",
  "metrics",
  "openapi",
  "docs",
  "openSession",
  "getSession",
  "closeSession",
]);

type AnyHandler = (call: object) => Promise<unknown>;

/** The server of these parts, not listening yet. */
export function createServer(parts: Parts): HiveServer {
  const { log, metrics } = parts;
  const boot = Math.floor(parts.clock.random() * 0xffffffff).toString(36);
  let requests = 0;
  const app = Fastify({
    logger: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxRequestsPerSocket: 0,
    requestIdHeader: false,
    genReqId: () => `${boot}-${((requests += 1)).toString(36)}`,
    forceCloseConnections: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAlive: true,
      noDelay: true,
    },
    clientErrorHandler: (error, socket) => refuseClient(error, socket),
    frameworkErrors: (error, request, reply) => {
      reply.hijack();
      sendProblem(reply.raw, error, request.id);
    },
  });
  app.server.maxConnections = MAX_CONNECTIONS;

  const access = createAccess(parts);
  const { handlers, stop } = createHandlers(parts);
  const forwarder = createForwarder(parts);

  function sendProblem(response: ServerResponse, error: unknown, requestId: string): number {
    const readiness = parts.queue.readiness();
    // While the store is away a read fails in its own words; the caller only needs to know to come back.
    const shown =
      !readiness.ready && !(error instanceof HiveError)
        ? new HiveError(
            "not_ready",
            `${readiness.why}; try again in a moment`,
            { retryAfterMs: readiness.retryAfterMs },
            { cause: error },
          )
        : error;
    const reply = problemReply(shown, requestId);
    if (reply.cause !== undefined) log.error({ requestId, err: reply.cause }, "a request failed");
    if (response.headersSent) {
      // A stream broke in the middle: the only way left to say so is not to end it well.
      response.destroy();
      return reply.status;
    }
    response.writeHead(reply.status, {
      ...SAFE_HEADERS,
      ...reply.headers,
      "x-request-id": requestId,
      "content-length": Buffer.byteLength(reply.body),
    });
    response.end(reply.body);
    return reply.status;
  }

  async function serve(
    name: EndpointName,
    endpoint: Endpoint,
    request: FastifyRequest,
    response: ServerResponse,
  ): Promise<number> {
    const { raw } = request;
    if (!OWN.has(name) && !parts.queue.readiness().ready) {
      const passed = await forwarder.pass(raw, response);
      if (passed !== null) return passed;
    }
    const caller = await access(name, endpoint.access, raw);
    const body = await readBody(endpoint, raw);
    const call = new IncomingCall(request, response, {
      caller,
      params: endpoint.params === undefined ? undefined : parsePart(endpoint.params, request.params, "path"),
      query: endpoint.query === undefined ? undefined : parsePart(endpoint.query, request.query, "query"),
      body,
    });
    const answer = await (handlers[name] as AnyHandler)(call);
    return send(endpoint, answer, response, call);
  }

  function mount(name: EndpointName, endpoint: Endpoint): void {
    const observe = metrics.endpoint(name);
    app.route({
      method: headable(endpoint) ? ["GET", "HEAD"] : endpoint.method,
      url: endpoint.path,
      handler: async (request, reply) => {
        reply.hijack();
        const begun = parts.clock.mono();
        let status: number;
        try {
          status = await serve(name, endpoint, request, reply.raw);
        } catch (error) {
          status = sendProblem(reply.raw, error, request.id);
        }
        observe(status, parts.clock.mono() - begun);
        if (log.isLevelEnabled("debug")) {
          log.debug({ requestId: request.id, endpoint: name, status, ms: parts.clock.mono() - begun }, "request");
        }
      },
    });
  }

  // The body is read by `serve`, after the caller is known: nobody without a token makes us read anything.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  for (const [name, endpoint] of Object.entries(endpoints)) mount(name as EndpointName, endpoint);
  const paths = pathTable();
  app.setNotFoundHandler(async (request, reply) => {
    reply.hijack();
    try {
      const unknown = unknownPath(request.raw, paths);
      // Where an endpoint is, and the method is not, a page would hide that.
      const isFree = unknown.code === "not_found";
      if (isFree && (await parts.webUi.serve(request.raw, reply.raw)) !== null) return;
      throw unknown;
    } catch (error) {
      sendProblem(reply.raw, error, request.id);
    }
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    sendProblem(reply.raw, error, request.id);
  });

  let closing: Promise<void> | null = null;
  return {
    app,
    async listen(port, host) {
      await app.listen({ port, host });
      return (app.server.address() as AddressInfo).port;
    },
    close() {
      closing ??= (async () => {
        stop();
        forwarder.close();
        const cut = setTimeout(() => app.server.closeAllConnections(), STOP_MS);
        app.server.closeIdleConnections();
        const idle = setInterval(() => app.server.closeIdleConnections(), 50);
        await app.close();
        clearTimeout(cut);
        clearInterval(idle);
      })();
      return closing;
    },
  };
}

/** One request as its handler sees it. `closed` costs a listener, so it is made only for who asks. */
class IncomingCall {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly caller: unknown;
  readonly headers: IncomingMessage["headers"];
  readonly requestId: string;
  readonly address: string;
  readonly #response: ServerResponse;
  #closed: AbortSignal | null = null;

  constructor(
    request: FastifyRequest,
    response: ServerResponse,
    parsed: { readonly params: unknown; readonly query: unknown; readonly body: unknown; readonly caller: unknown },
  ) {
    this.params = parsed.params;
    this.query = parsed.query;
    this.body = parsed.body;
    this.caller = parsed.caller;
    this.headers = request.headers;
    this.requestId = request.id;
    this.address = request.ip;
    this.#response = response;
  }

  // An arrow: handlers take it out of the call.
  readonly setCookies = (cookies: readonly string[]): void => {
    this.#response.setHeader("set-cookie", cookies);
  };

  get closed(): AbortSignal {
    if (this.#closed === null) {
      const controller = new AbortController();
      const response = this.#response;
      if (response.destroyed) controller.abort();
      else response.once("close", () => (response.writableFinished ? undefined : controller.abort()));
      this.#closed = controller.signal;
    }
    return this.#closed;
  }
}

async function readBody(endpoint: Endpoint, request: IncomingMessage): Promise<unknown> {
  const { body } = endpoint;
  if (body === undefined) return undefined;
  if (body === "bytes") {
    checkContentType(request, endpoint.access === "hook" ? "any" : "bytes");
    return limitBytes(request, bodyLimitOf(endpoint));
  }
  const { headers } = request;
  const empty =
    headers["transfer-encoding"] === undefined &&
    (headers["content-length"] === undefined || headers["content-length"] === "0");
  if (empty) return parsePart(body, undefined, "body");
  checkContentType(request, "json");
  return parsePart(body, parseJson(await readText(request, bodyLimitOf(endpoint))), "body");
}

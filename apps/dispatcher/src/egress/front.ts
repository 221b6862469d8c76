/**
 * The front of the socket: one parser reads whatever comes, and one look decides where it goes. The worker protocol, the
 * models, the proxy; there is nothing else here, above all nothing of the owner's API.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Place } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Gate } from "./gate.ts";
import type { Log } from "./log.ts";
import { proxyToken } from "./proxy-token.ts";
import { refuse, refuseProxied } from "./refusal.ts";
import type { Relays } from "./relays.ts";
import { openTunnel } from "./tunnel.ts";
import { serveWebRequest, webTarget } from "./web-request.ts";

export interface FrontOptions {
  readonly gate: Gate;
  readonly relays: Relays;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** Slow senders are cut; what takes long after the request is there is not. A push of gigabytes has its time. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 3_600_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
} as const;
/** Connections at once; each lease's own limit is far below. */
const MAX_CONNECTIONS = 16_384;

/** The server, not yet listening. */
export function createFront({ gate, relays, clock, log }: FrontOptions): http.Server {
  /** Where the requests of a tunnel to a plain web server go. */
  const tunnels = new WeakMap<Duplex, { readonly place: Place; readonly token: string }>();

  const server = http.createServer(SERVER_OPTIONS, (request, response) => {
    quiet(request, response);
    const url = request.url ?? "";
    if (url.startsWith("/")) {
      if (!relays.handle(request, response)) refuse(response, NOTHING_HERE);
      return;
    }
    const target = webTarget(url);
    if (target === null) return refuseProxied(response, NO_TARGET);
    const token = proxyToken(request.headers["proxy-authorization"]);
    void serveWebRequest(gate, request, response, { ...target, token });
  });
  server.maxConnections = MAX_CONNECTIONS;

  const inner = http.createServer(SERVER_OPTIONS, (request, response) => {
    quiet(request, response);
    const tunnel = tunnels.get(request.socket);
    const path = request.url ?? "";
    if (tunnel === undefined || !path.startsWith("/")) return refuseProxied(response, NO_TARGET);
    void serveWebRequest(gate, request, response, { ...tunnel, path });
  });

  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    void openTunnel(
      {
        gate,
        clock,
        serveWeb: (socket, early, place, token) => {
          if (!(socket instanceof Socket)) return void socket.destroy();
          tunnels.set(socket, { place, token });
          if (early.length > 0) socket.unshift(early);
          inner.emit("connection", socket);
        },
        onCut: ({ lease, place }, { reason, message }) => log.info({ ...lease, ...place, reason }, message),
      },
      request,
      client,
      head,
    );
  });
  return server;
}

const NOTHING_HERE = {
  code: "not_found",
  message: "Through this socket only the worker protocol, models and the proxy are served",
} as const;
const NO_TARGET = {
  code: "bad_request",
  message: "This proxy takes http://host/path, and CONNECT host:port for everything else",
} as const;

/** A client that goes away at the wrong moment must not end the process. */
function quiet(request: IncomingMessage, response: ServerResponse): void {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
}

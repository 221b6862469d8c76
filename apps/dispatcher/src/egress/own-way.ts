/**
 * The server's own way out: a proxy on loopback for the program that fetches repositories (git knows proxies, and none of
 * our sockets). Whoever has its token is trusted with any place; what is checked is where a name leads, when the
 * connection is made, so that a name that was fine when the job was taken cannot lead into the operator's network later.
 */
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { parsePlace, type Place, showPlace } from "@hive/core";
import { createTokenCheck } from "../auth/bearer.ts";
import type { Clock } from "../clock.ts";
import { AddressRefusedError } from "../guard/connection.ts";
import type { Log } from "./log.ts";
import { isOddlyFramed, passOn } from "./pass-on.ts";
import { proxyToken } from "./proxy-token.ts";
import { type Refusal, refuse, refuseConnect, refuseProxied } from "./refusal.ts";
import { webTarget } from "./web-request.ts";

export interface OwnWayOptions {
  /** What a caller presents as the password of the proxy. */
  readonly token: string;
  /** Makes a connection under the guard. */
  readonly reach: (target: Place, signal: AbortSignal) => Promise<Socket>;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

export interface OwnWay {
  /** On loopback. */
  readonly port: number;
  /** Ends every connection. */
  stop(): void;
}

/** Milliseconds until a connection must be there. */
const CONNECT_MS = 20_000;
const ESTABLISHED = "HTTP/1.1 200 Connection Established\r\n\r\n";

/** Opens it on a free port. */
export async function openOwnWay({ token, reach, clock, log }: OwnWayOptions): Promise<OwnWay> {
  const tokens = createTokenCheck([token], "the token of the server's own way out");

  async function connect(request: IncomingMessage, place: Place | null): Promise<Socket | Refusal> {
    const given = proxyToken(request.headers["proxy-authorization"]);
    if (given === null || !tokens.matches(given)) {
      return { code: "unauthorized", message: "Only this server's own programs use this proxy" };
    }
    if (place === null)
      return { code: "bad_request", message: "This proxy takes http://host/path and CONNECT host:port" };
    const deadline = new AbortController();
    const takeBack = clock.after(CONNECT_MS, () => deadline.abort(new Error("it did not answer in time")));
    try {
      return await reach(place, deadline.signal);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof AddressRefusedError)) {
        return { code: "egress_unreachable", message: `${showPlace(place)} could not be reached: ${message}` };
      }
      log.warn({ ...place }, `a repository was not fetched: ${message}`);
      return { code: "egress_blocked", message, reason: "private_address" };
    } finally {
      takeBack();
    }
  }

  async function serveWeb(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = webTarget(request.url ?? "");
    if (isOddlyFramed(request)) {
      return refuseProxied(response, {
        code: "bad_request",
        message: "Only chunked bodies and those of a length pass",
      });
    }
    const upstream = await connect(request, target?.place ?? null);
    if ("code" in upstream) return refuseProxied(response, upstream);
    if (target === null || response.destroyed) return void upstream.destroy();
    const { host, port } = target.place;
    await passOn({
      request,
      response,
      send: (headers) =>
        http.request({
          createConnection: () => upstream,
          method: request.method,
          path: target.path,
          headers: { ...headers, host: port === 80 ? host : `${host}:${port}`, connection: "close" },
        }),
      unanswered: () =>
        refuseProxied(response, { code: "egress_unreachable", message: `${showPlace(target.place)} did not answer` }),
    });
    upstream.destroy();
  }

  async function tunnel(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on("error", () => client.destroy());
    const upstream = await connect(request, parsePlace(request.url ?? ""));
    if ("code" in upstream) return refuseConnect(client, upstream);
    upstream.on("error", () => upstream.destroy());
    if (client.destroyed) return void upstream.destroy();
    client.write(ESTABLISHED);
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
    client.once("close", () => upstream.destroy());
    upstream.once("close", () => client.end());
  }

  // A clone may take long; a caller that is slow holds up nobody.
  const server = http.createServer({ requestTimeout: 0 }, (request, response) => {
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    if (request.url?.startsWith("/") === true) refuse(response, NOTHING_HERE);
    else void serveWeb(request, response);
  });
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => void tunnel(request, client, head));
  const open = new Set<Socket>();
  server.on("connection", (client: Socket) => {
    open.add(client);
    client.once("close", () => open.delete(client));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      for (const client of open) client.destroy();
    },
  };
}

const NOTHING_HERE = { code: "not_found", message: "This is a proxy for this server's own programs" } as const;

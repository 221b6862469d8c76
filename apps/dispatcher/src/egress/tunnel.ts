/** CONNECT: a tunnel to one place, checked at its gate and by its first words, then bytes both ways until one side ends. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { parsePlace, type Place } from "@hive/core";
import type { Clock } from "../clock.ts";
import { type Gate, isRefusal, type Pass } from "./gate.ts";
import { readGreeting } from "./greeting.ts";
import { proxyToken } from "./proxy-token.ts";
import { type Refusal, refuseConnect } from "./refusal.ts";

export interface TunnelOptions {
  readonly gate: Gate;
  readonly clock: Pick<Clock, "after">;
  /** Takes over a tunnel to a web server without TLS: its requests are read and written anew. */
  readonly serveWeb: (client: Duplex, head: Buffer, place: Place, token: string) => void;
  /** Something in the middle of a tunnel that was refused after the answer to CONNECT. */
  readonly onCut: (pass: Pass, refusal: Refusal) => void;
}

const WEB_PORT = 80;
const ESTABLISHED = "HTTP/1.1 200 Connection Established\r\n\r\n";

/** Serves one CONNECT. Never rejects. */
export async function openTunnel(
  { gate, clock, serveWeb, onCut }: TunnelOptions,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  client.on("error", () => client.destroy());
  const place = parsePlace(request.url ?? "");
  if (place === null) {
    return refuseConnect(client, { code: "bad_request", message: "CONNECT wants a host and a port: CONNECT host:443" });
  }
  const token = proxyToken(request.headers["proxy-authorization"]);
  const closing = new AbortController();
  const pass = await gate.admit(token, place, () => closing.abort());
  if (isRefusal(pass)) return refuseConnect(client, pass);
  closing.signal.addEventListener("abort", () => client.destroy(), { once: true });
  client.once("close", () => pass.way.end());
  if (client.destroyed) return pass.way.end();

  if (place.port === WEB_PORT && pass.verifyName && token !== null) {
    // Each of its requests passes the gate by itself.
    pass.way.end();
    client.write(ESTABLISHED);
    return serveWeb(client, head, place, token);
  }
  const upstream = await gate.connect(pass);
  if (isRefusal(upstream)) return refuseConnect(client, upstream);
  upstream.on("error", () => upstream.destroy());
  if (client.destroyed) return void upstream.destroy();
  // Reset, not closed: what the kernel still has to send must not arrive either.
  closing.signal.addEventListener("abort", () => upstream.resetAndDestroy(), { once: true });

  client.write(ESTABLISHED);
  upstream.pipe(client);
  // What is still on its way to one side is sent after the other has closed.
  upstream.once("close", () => endSoon(client));
  client.once("close", () => upstream.destroy());
  if (pass.verifyName) {
    const greeting = await readGreeting(client, head, place, clock);
    if (!greeting.ok) {
      if (greeting.reason !== null) onCut(pass, gate.blocked(pass, greeting.reason, greeting.message));
      client.destroy();
      return;
    }
    upstream.write(greeting.bytes);
  } else if (head.length > 0) {
    upstream.write(head);
  }
  client.pipe(upstream);
}

function endSoon(client: Duplex): void {
  if (client.writableFinished) client.destroy();
  else {
    client.once("finish", () => client.destroy());
    client.end();
  }
}

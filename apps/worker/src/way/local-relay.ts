/**
 * The one way out of a worker without network: a relay on loopback, into the server's socket. Programs know how to use a
 * proxy and an address with a port, and no program knows our socket; nor may the agent's user reach the socket itself.
 *
 * It passes three things on, each with the caller's own token: calls to the LLM gateway (`/llm/…`), `CONNECT`, and plain
 * requests that name a whole address. Who may go where is judged at the other end, by the token. Anything else is 404:
 * the worker protocol is not for agents, whatever they know.
 */

import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";

export interface LocalRelayOptions {
  /** The server's Unix socket; may be made anew at any time. */
  readonly socket: string;
  /** Connections at once; beyond it new ones are closed. Default 512. */
  readonly maxConnections?: number;
  /** Milliseconds a tunnel may be silent once one side has ended. Default 60,000. */
  readonly halfClosedMs?: number;
}

/** A relay that listens. */
export interface LocalRelay {
  readonly port: number;
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** The address of this relay as a proxy, for a caller with this token. */
  proxyFor(token: string): string;
  /** Ends every connection there is: what a job left open does not outlive it. */
  dropConnections(): void;
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 512;
const HALF_CLOSED_MS = 60_000;
/** Name beside the token where a proxy's address wants one. */
const PROXY_USER = "hive";

// They are between two neighbours and not passed on (RFC 9110, 7.6.1).
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Starts a relay on a free port of loopback. */
export async function startLocalRelay(options: LocalRelayOptions): Promise<LocalRelay> {
  const { socket } = options;
  const open = new Set<Socket>();
  // An upload to a model may take as long as the job; a caller that is slow holds up nobody but itself.
  const server = createServer({ requestTimeout: 0 });
  server.maxConnections = options.maxConnections ?? MOST_CONNECTIONS;
  server.on("connection", (client: Socket) => {
    open.add(client);
    client.once("close", () => open.delete(client));
  });
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (mayPass(incoming.url ?? "")) passOn(socket, incoming, outgoing);
    else refuse(outgoing, 404, "This is the way out of a job: only /llm/, CONNECT and whole addresses pass here.");
  });
  server.on("connect", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    tunnel(socket, incoming, client, head, options.halfClosedMs ?? HALF_CLOSED_MS);
  });
  server.on("clientError", (_error: Error, client: Duplex) => {
    if (client.writable) client.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    else client.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const dropConnections = (): void => {
    for (const client of open) client.destroy();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    proxyFor: (token) => `http://${PROXY_USER}:${token}@127.0.0.1:${port}`,
    dropConnections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        dropConnections();
      }),
  };
}

/** Whole addresses, and calls of the gateway that cannot be read as anything else. */
function mayPass(target: string): boolean {
  if (/^https?:\/\//i.test(target)) return true;
  const [path = ""] = target.split("?");
  // A path that goes up again, however it is written, may mean another one at the other end.
  return path.startsWith("/llm/") && !/\/\.{1,2}(?:\/|$)|%2e|%2f|%5c|\\/i.test(path);
}

function passOn(socketPath: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const up = request({
    socketPath,
    method: incoming.method,
    path: incoming.url,
    // A connection each: one that was kept may lead to a server that is gone, and opening one costs nothing here.
    agent: false,
    setHost: false,
    headers: headersOnward(incoming),
  });
  up.once("response", (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, headersBack(answer.rawHeaders));
    // Broken off on either side: the caller sees that it is not whole.
    pipeline(answer, outgoing, () => undefined);
  });
  up.once("error", (error) => {
    incoming.unpipe(up);
    incoming.resume();
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, 502, `The server's side of the way out does not answer (${codeOf(error)}).`);
  });
  outgoing.once("close", () => up.destroy());
  incoming.once("error", () => up.destroy());
  incoming.pipe(up);
}

function headersOnward(incoming: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (!isHopByHop(name, incoming.headers)) headers[name] = value;
  }
  // Said outright, so that a body is framed as one whatever the method: bytes that are not could pass for a request.
  if (incoming.headers["transfer-encoding"] !== undefined) {
    delete headers["content-length"];
    headers["transfer-encoding"] = "chunked";
  }
  headers["connection"] = "close";
  return headers;
}

function isHopByHop(name: string, headers: IncomingHttpHeaders): boolean {
  if (HOP_BY_HOP.has(name)) return true;
  const named = headers.connection?.toLowerCase().split(/\s*,\s*/);
  // `connection` may name any header as one of its own, but not the ones this request is known and framed by.
  return named?.includes(name) === true && !/^(?:host|content-length|(?:proxy-)?authorization)$/.test(name);
}

function headersBack(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = "", value = ""] = raw.slice(at, at + 2);
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** A tunnel: the head goes up as it came, then bytes both ways; each side may end before the other does. */
function tunnel(
  socketPath: string,
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  halfClosedMs: number,
): void {
  const up = connect({ path: socketPath, allowHalfOpen: true });
  let answered = false;
  const giveUp = (why: string): void => {
    up.destroy();
    if (answered || !client.writable) client.destroy();
    else client.end(plainAnswer(502, `The server's side of the way out does not answer (${why}).`));
  };
  up.once("connect", () => {
    up.write(headOf(incoming));
    if (head.length > 0) up.write(head);
    client.pipe(up);
    up.pipe(client);
  });
  up.once("data", () => {
    answered = true;
  });
  up.once("end", () => {
    if (!answered) giveUp("it closed the connection");
  });
  up.once("error", (error) => giveUp(codeOf(error)));
  up.once("close", () => {
    // What was read to its end is still on its way to the client; anything else is broken off, and looks it.
    if (!client.writableEnded) client.destroy();
  });
  client.once("error", () => up.destroy());
  client.once("close", () => up.destroy());
  // A side that ended may be gone for good, which the other, if it is silent, would never find out.
  for (const side of [client, up]) side.once("end", () => up.setTimeout(halfClosedMs, () => up.destroy()));
}

function headOf(incoming: IncomingMessage): string {
  const lines = [`CONNECT ${incoming.url ?? ""} HTTP/1.1`];
  const raw = incoming.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push(`${raw[at]}: ${raw[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
  outgoing.end(`${message}\n`);
}

function plainAnswer(status: number, message: string): string {
  const body = `${message}\n`;
  const head = [
    `HTTP/1.1 ${status} Bad Gateway`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

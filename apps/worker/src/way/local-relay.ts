/**
 * The one way out of a worker without network: a relay on loopback, into the server's socket. Programs know how to use a
 * proxy and an address with a port, and no program knows our socket; nor may the agent's user reach the socket itself.
 * A server of several replicas is one address to them too: each connection goes to a replica that takes it.
 *
 * It passes three things on, each with the caller's own token: calls to the LLM gateway (`/llm/…`), `CONNECT`, and plain
 * requests that name a whole address. Who may go where is judged at the other end, by the token. Anything else is 404:
 * the worker protocol is not for agents, whatever they know.
 */

import {
  createServer,
  request,
  STATUS_CODES,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { type Connected, createConnector, type RelayWay } from "./relay-ways.ts";

export interface LocalRelayOptions {
  /** Where the server is; each new connection goes to the first of these that takes it. */
  readonly ways: readonly RelayWay[];
  /** True: only calls of the gateway pass, for a worker whose jobs have the machine's own network. Default: false. */
  readonly gatewayOnly?: boolean;
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
  const connect = createConnector(options.ways);
  const gatewayOnly = options.gatewayOnly === true;
  const open = new Set<Socket>();
  // An upload to a model may take as long as the job; a caller that is slow holds up nobody but itself.
  const server = createServer({ requestTimeout: 0 });
  server.maxConnections = options.maxConnections ?? MOST_CONNECTIONS;
  server.on("connection", (client: Socket) => {
    open.add(client);
    client.once("close", () => open.delete(client));
  });
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (mayPass(incoming.url ?? "", gatewayOnly)) void passOn(connect, incoming, outgoing);
    else refuse(outgoing, 404, "This is the way out of a job: only /llm/, CONNECT and whole addresses pass here.");
  });
  server.on("connect", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    if (gatewayOnly) return void client.end(plainAnswer(404, "Only /llm/ passes here."));
    void tunnel(connect, incoming, client, head, options.halfClosedMs ?? HALF_CLOSED_MS);
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
function mayPass(target: string, gatewayOnly: boolean): boolean {
  if (/^https?:\/\//i.test(target)) return !gatewayOnly;
  const [path = ""] = target.split("?");
  // A path that goes up again, however it is written, may mean another one at the other end.
  return path.startsWith("/llm/") && !/\/\.{1,2}(?:\/|$)|%2e|%2f|%5c|\\/i.test(path);
}

async function passOn(
  connect: () => Promise<Connected>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  // A connection each: one that was kept may lead to a server that is gone, and opening one costs nothing here.
  let made: Connected;
  try {
    made = await connect();
  } catch (error) {
    incoming.resume();
    return refuse(outgoing, 502, `The server's side of the way out does not answer (${codeOf(error)}).`);
  }
  const { socket, way } = made;
  if (outgoing.destroyed) return void socket.destroy();
  const up = request({
    createConnection: () => socket,
    method: incoming.method,
    path: way.prefix + (incoming.url ?? ""),
    setHost: false,
    headers: { ...headersOnward(incoming), ...(way.host === null ? {} : { host: way.host }) },
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
async function tunnel(
  connect: () => Promise<Connected>,
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  halfClosedMs: number,
): Promise<void> {
  let up: Socket | null = null;
  let answered = false;
  const giveUp = (why: string): void => {
    up?.destroy();
    if (answered || !client.writable) client.destroy();
    else client.end(plainAnswer(502, `The server's side of the way out does not answer (${why}).`));
  };
  client.once("error", () => up?.destroy());
  client.once("close", () => up?.destroy());
  try {
    up = (await connect()).socket;
  } catch (error) {
    return giveUp(codeOf(error));
  }
  if (client.destroyed) return void up.destroy();
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
  // A side that ended may be gone for good, which the other, if it is silent, would never find out.
  for (const side of [client, up]) side.once("end", () => up.setTimeout(halfClosedMs, () => up.destroy()));
  up.write(headOf(incoming));
  if (head.length > 0) up.write(head);
  client.pipe(up);
  up.pipe(client);
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
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "content-type: text/plain; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

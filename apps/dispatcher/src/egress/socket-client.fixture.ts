/** Clients of the workers' socket for tests: plain requests, bare bytes, and tunnels. */
import { once } from "node:events";
import http from "node:http";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** `Proxy-Authorization` as every client of a proxy writes it. */
export function basic(token: string): string {
  return `Basic ${Buffer.from(`hive:${token}`).toString("base64")}`;
}

/** One request over the socket, for a path or as to a proxy; read to the end. Rejects when it is cut. */
export async function ask(socketPath: string, path: string, call: Call = {}): Promise<Answer> {
  const request = http.request({
    socketPath,
    path,
    agent: false,
    method: call.method ?? "GET",
    headers: call.headers ?? {},
  });
  request.end(call.body);
  const response = await responseTo(request);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await textOf(response) };
}

export function responseTo(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((settle, reject) => {
    request.once("response", settle);
    request.on("error", reject);
  });
}

export async function textOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** Sends bytes as they are and gives everything that comes back until the other side closes. */
export async function raw(socketPath: string, bytes: string): Promise<string> {
  const socket = connect({ path: socketPath });
  socket.on("error", () => undefined);
  socket.write(bytes, "latin1");
  return textOf(socket.setEncoding("latin1"));
}

export type Tunnel = { readonly ok: true; readonly socket: Socket } | { readonly ok: false; readonly answer: Answer };

/** A CONNECT. */
export async function openTunnel(socketPath: string, target: string, token: string | null): Promise<Tunnel> {
  const request = http.request({
    socketPath,
    agent: false,
    method: "CONNECT",
    path: target,
    headers: token === null ? {} : { "proxy-authorization": basic(token) },
  });
  request.end();
  const [response, socket, head] = (await once(request, "connect")) as [http.IncomingMessage, Socket, Buffer];
  if (response.statusCode === 200) {
    // The other side may have spoken already.
    if (head.length > 0) socket.unshift(head);
    return { ok: true, socket };
  }
  const rest = await textOf(socket);
  return {
    ok: false,
    answer: { status: response.statusCode ?? 0, headers: response.headers, body: head.toString() + rest },
  };
}

/** TLS inside a tunnel, with the name it is to ask for. Rejects when it does not come about. */
export async function secure(socket: Socket, servername: string, ca: string): Promise<TLSSocket> {
  const tls = connectTls({ socket, servername, ca });
  await once(tls, "secureConnect");
  return tls;
}

/** One HTTP request over a connection that is there. */
export async function get(connection: Socket, path: string, headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
  const request = http.request({
    createConnection: () => connection,
    path,
    headers: { connection: "close", ...headers },
  });
  request.end();
  const response = await responseTo(request);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await textOf(response) };
}

/** Resolves when the connection is closed, however that came. */
export async function closed(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  socket.resume();
  await new Promise<void>((settle) => (socket.closed ? settle() : socket.once("close", () => settle())));
}

/**
 * The server's end of a worker's socket, for tests: passes requests on to a dispatcher or, proxied, to whom they name,
 * unless the test answers them, and tells what it was sent. It can leave and come back with a new socket file.
 */

import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from "node:http";
import { rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** One tunnel or plain request that came to be proxied. */
export interface ProxyCall {
  readonly method: string;
  readonly target: string;
  readonly authorization: string | undefined;
}

export interface SocketServer {
  readonly path: string;
  /** What came to be proxied. */
  readonly proxied: ProxyCall[];
  /** Answers a request in place of whom it is for; null: passed on, or without a dispatcher echoed with 200. */
  answer: (incoming: IncomingMessage) => { readonly status: number; readonly body: string } | null;
  /** Where a tunnel leads, whatever its target says; null: refused with 403. */
  tunnelTo: ((target: string) => { readonly port: number } | null) | null;
  /** Takes a tunnel's socket over, after its head was read. */
  onTunnel: ((socket: Duplex, head: Buffer) => void) | null;
  /** Stops listening, ends every connection and removes the socket file. */
  leave(): Promise<void>;
  /** Listens again, with a new file. */
  comeBack(): Promise<void>;
}

/** Listens at `path`; what names no address goes on to `dispatcherUrl`. */
export async function startSocketServer(path: string, dispatcherUrl: string | null): Promise<SocketServer> {
  let server: Server | null = null;
  const open = new Set<Duplex>();
  const self: SocketServer = {
    path,
    proxied: [],
    answer: () => null,
    tunnelTo: null,
    onTunnel: null,
    async leave() {
      const leaving = server;
      server = null;
      for (const socket of open) socket.destroy();
      if (leaving !== null) await new Promise((resolve) => leaving.close(resolve));
      await rm(path, { force: true });
    },
    comeBack: () => listen(),
  };

  async function listen(): Promise<void> {
    const listening = createServer({ requestTimeout: 0 });
    server = listening;
    listening.on("connection", (socket: Socket) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    });
    listening.on("request", (incoming, outgoing) => {
      const target = incoming.url ?? "";
      const isPlain = target.startsWith("http:");
      if (isPlain) note(incoming);
      const told = self.answer(incoming);
      const onTo = told !== null ? null : isPlain ? target : dispatcherUrl === null ? null : dispatcherUrl + target;
      if (onTo !== null) {
        const { method, headers } = incoming;
        const up = request(onTo, { method, headers: withoutProxyLogin(headers), agent: false });
        up.on("response", (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
          answer.on("error", () => outgoing.destroy());
        });
        up.on("error", () => outgoing.destroy());
        outgoing.on("close", () => up.destroy());
        incoming.pipe(up);
        return;
      }
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const { status, body } = told ?? { status: 200, body: Buffer.concat(chunks).toString() };
        outgoing.writeHead(status, { "content-type": "text/plain" }).end(body);
      });
    });
    listening.on("connect", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      note(incoming);
      socket.on("error", () => undefined);
      if (self.onTunnel !== null) {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        return self.onTunnel(socket, head);
      }
      const to = self.tunnelTo?.(incoming.url ?? "") ?? null;
      if (to === null) return void socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      const up = connect({ port: to.port, host: "127.0.0.1" }, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        up.write(head);
        up.pipe(socket).pipe(up);
      });
      up.on("error", () => socket.destroy());
      socket.on("close", () => up.destroy());
    });
    await new Promise<void>((resolve) => {
      listening.listen(path, resolve);
    });
  }

  function note(incoming: IncomingMessage): void {
    self.proxied.push({
      method: incoming.method ?? "",
      target: incoming.url ?? "",
      authorization: incoming.headers["proxy-authorization"],
    });
  }

  await listen();
  return self;
}

function withoutProxyLogin({ "proxy-authorization": _, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

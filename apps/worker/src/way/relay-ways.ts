/** Where a relay's connections may lead: the same server's replicas, by socket or by address; the first that takes one. */

import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";

/** One replica. */
export interface RelayWay {
  /** Begins a connection; `connect` or `error` follows. */
  readonly open: () => Socket;
  /** What a request's path is put behind; empty for none. */
  readonly prefix: string;
  /** The `host` that requests name; null: what their caller wrote. */
  readonly host: string | null;
}

/** A connection that was made. */
export interface Connected {
  readonly socket: Socket;
  readonly way: RelayWay;
}

/** Milliseconds a connection may take before the next way is tried; more than one lost SYN, less than a caller's patience. */
const CONNECT_MS = 5_000;

/** By a Unix socket; its file is looked up anew for every connection. */
export function wayBySocket(path: string): RelayWay {
  return { open: () => connect({ path, allowHalfOpen: true }), prefix: "", host: null };
}

/** By an address such as `https://hive.example.com`. */
export function wayByUrl(url: string): RelayWay {
  const { protocol, hostname, host, port, pathname } = new URL(url);
  const at = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (protocol === "https:" ? 443 : 80)) };
  const open = (): Socket =>
    protocol === "https:"
      ? connectSecurely({ ...at, servername: at.host, ALPNProtocols: ["http/1.1"] })
      : connect({ ...at, allowHalfOpen: true });
  return { open, prefix: pathname.replace(/\/+$/, ""), host };
}

/** Opens connections, beginning with the way that last took one. The promise rejects with the last way's error. */
export function createConnector(ways: readonly RelayWay[]): () => Promise<Connected> {
  let good = 0;
  return async () => {
    const first = good;
    let last: unknown = new Error("no way is known");
    for (let tried = 0; tried < ways.length; tried += 1) {
      const at = (first + tried) % ways.length;
      const way = ways[at];
      if (way === undefined) break;
      try {
        const socket = await opened(way.open());
        good = at;
        return { socket, way };
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

function opened(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const slow = setTimeout(() => socket.destroy(new Error("no connection in time")), CONNECT_MS);
    socket.once("error", (error) => {
      clearTimeout(slow);
      reject(error);
    });
    // For TLS this is after the handshake: nothing of a request was sent before.
    socket.once("encrypted" in socket ? "secureConnect" : "connect", () => {
      clearTimeout(slow);
      resolve(socket);
    });
  });
}

/**
 * HTTP over a Unix socket: how a worker without any network speaks to its server. The socket's file is looked up anew for
 * every connection, so a server that was replaced, and its file with it, is found again by the next call.
 */

import { Agent, fetch } from "undici";

/** A `fetch` whose requests all go into one socket. */
export interface SocketFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Ends its connections, also those with a call under way. */
  close(): Promise<void>;
}

/** Milliseconds a connection may take; the other end is on this machine. */
const CONNECT_MS = 10_000;

/** Speaks HTTP to whoever listens at `path`. Whatever host an address names: it goes there. */
export function createSocketFetch(path: string): SocketFetch {
  // No time limit on bodies: streams of signals and long uploads have limits of their own, set by their callers.
  const agent = new Agent({ connect: { socketPath: path, timeout: CONNECT_MS }, headersTimeout: 0, bodyTimeout: 0 });
  return {
    fetch: (input, init) => fetch(input, { ...init, dispatcher: agent }),
    close: () => agent.destroy(),
  };
}

/**
 * How this worker reaches its server, and what its jobs may use of that way. Over the network: the dispatcher's address,
 * and jobs use the machine's own network. Over a Unix socket, in a container without network: everything goes through
 * the socket, the supervisor's calls directly and everything else through the relay on loopback.
 */

import type { WorkerConfig } from "../config.ts";
import type { Clock } from "../loops/clock.ts";
import { noteContact } from "./contact.ts";
import { startLocalRelay } from "./local-relay.ts";
import { createSocketFetch } from "./socket-fetch.ts";

/** The way to one server. */
export interface WayToServer {
  /** What paths of the dispatcher's API are put behind. */
  readonly baseUrl: string;
  /** How the server is named to people: an address, or the socket's path. */
  readonly serverName: string;
  readonly fetch: typeof globalThis.fetch;
  /** Base address of the LLM gateway, as agents on this worker reach it. */
  readonly llmUrl: string;
  /** The proxy that must be used by a holder of this token; null where the network is open. */
  proxyFor(token: string): string | null;
  /** Between jobs: ends what programs of a job left open. */
  dropConnections(): void;
  close(): Promise<void>;
}

export type WayOptions = Pick<WorkerConfig, "dispatcherUrl" | "socket" | "llmUrl" | "contactFile">;

/** Opens the way. @throws when no port of loopback can be had */
export async function openWay(
  options: WayOptions,
  clock: Pick<Clock, "mono">,
  warn: (message: string) => void,
): Promise<WayToServer> {
  const { socket, dispatcherUrl, contactFile } = options;
  const noting = (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
    contactFile === null ? fetch : noteContact(fetch, { file: contactFile, mono: clock.mono, warn });
  if (socket === null) {
    return {
      baseUrl: dispatcherUrl,
      serverName: dispatcherUrl,
      fetch: noting(globalThis.fetch),
      llmUrl: options.llmUrl ?? dispatcherUrl,
      proxyFor: () => null,
      dropConnections: () => undefined,
      close: () => Promise.resolve(),
    };
  }
  const direct = createSocketFetch(socket);
  const relay = await startLocalRelay({ socket });
  return {
    baseUrl: dispatcherUrl,
    serverName: `unix:${socket}`,
    fetch: noting(direct.fetch),
    llmUrl: options.llmUrl ?? relay.url,
    proxyFor: (token) => relay.proxyFor(token),
    dropConnections: () => relay.dropConnections(),
    async close() {
      await Promise.all([relay.close(), direct.close()]);
    },
  };
}

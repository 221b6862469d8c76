/**
 * How this worker reaches its server, and what its jobs may use of that way. Over the network: the dispatcher's address,
 * and jobs use the machine's own network. Over a Unix socket, in a container without network: everything goes through
 * the socket, the supervisor's calls directly and everything else through the relay on loopback. Where the server has
 * replicas, each call takes one that works; an agent, which knows one address only, reaches its models by the relay.
 */

import { fetchFromAny } from "@hive/protocol";
import type { WorkerConfig } from "../config.ts";
import type { Clock } from "../loops/clock.ts";
import { noteContact } from "./contact.ts";
import { startLocalRelay } from "./local-relay.ts";
import { wayBySocket, wayByUrl } from "./relay-ways.ts";
import { createSocketFetch } from "./socket-fetch.ts";

/** The way to one server. */
export interface WayToServer {
  /** What paths of the dispatcher's API are put behind. */
  readonly baseUrl: string;
  /** How the server is named to people: its addresses, or the sockets' paths. */
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

export type WayOptions = Pick<WorkerConfig, "dispatcherUrls" | "sockets" | "llmUrl" | "contactFile">;

/** Opens the way. @throws when no port of loopback can be had */
export async function openWay(
  options: WayOptions,
  clock: Pick<Clock, "mono">,
  warn: (message: string) => void,
): Promise<WayToServer> {
  const { sockets, dispatcherUrls, contactFile } = options;
  const [baseUrl = ""] = dispatcherUrls;
  const noting = (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
    contactFile === null ? fetch : noteContact(fetch, { file: contactFile, mono: clock.mono, warn });
  if (sockets.length === 0) {
    const relay =
      dispatcherUrls.length === 1 || options.llmUrl !== null
        ? null
        : await startLocalRelay({ ways: dispatcherUrls.map(wayByUrl), gatewayOnly: true });
    return {
      baseUrl,
      serverName: dispatcherUrls.join(", "),
      fetch: noting(fetchFromAny(dispatcherUrls.map((url) => ({ baseUrl: url, fetch: globalThis.fetch })))),
      llmUrl: options.llmUrl ?? relay?.url ?? baseUrl,
      proxyFor: () => null,
      dropConnections: () => relay?.dropConnections(),
      close: () => relay?.close() ?? Promise.resolve(),
    };
  }
  const direct = sockets.map(createSocketFetch);
  const relay = await startLocalRelay({ ways: sockets.map(wayBySocket) });
  return {
    baseUrl,
    serverName: sockets.map((socket) => `unix:${socket}`).join(", "),
    fetch: noting(fetchFromAny(direct.map(({ fetch }) => ({ baseUrl, fetch })))),
    llmUrl: options.llmUrl ?? relay.url,
    proxyFor: (token) => relay.proxyFor(token),
    dropConnections: () => relay.dropConnections(),
    async close() {
      await Promise.all([relay.close(), ...direct.map((one) => one.close())]);
    },
  };
}

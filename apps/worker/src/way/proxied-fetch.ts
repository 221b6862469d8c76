/** HTTP through a proxy, for calls of the supervisor to the outside, such as GitHub's API. */

import { fetch, ProxyAgent } from "undici";

/** A `fetch` whose requests all take one proxy. */
export interface ProxiedFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** Null: straight on, as this process may. The proxy's address holds the caller's token, which goes to the proxy alone. */
export function createProxiedFetch(proxy: string | null): ProxiedFetch {
  if (proxy === null) return { fetch: globalThis.fetch, close: () => Promise.resolve() };
  // Plain http is asked for by whole address, https through a tunnel: as every other program does it.
  const agent = new ProxyAgent({ uri: proxy, proxyTunnel: false });
  return {
    fetch: (input, init) => fetch(input, { ...init, dispatcher: agent }),
    close: () => agent.destroy(),
  };
}

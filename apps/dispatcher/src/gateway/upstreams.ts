/** The providers that this server has set up: where each is, its keys, its connections. */
import http from "node:http";
import https from "node:https";
import type { Clock } from "../clock.ts";
import type { GatewayLog, GatewayOptions, Upstream } from "./contract.ts";
import { KeyRing } from "./key-ring.ts";
import { PROVIDERS, type ProviderName } from "./llm-settings.ts";

/** A provider that is set up. */
export interface Ready {
  /** Such as `https://api.anthropic.com`; may have a path. */
  readonly base: URL;
  readonly ring: KeyRing;
  readonly agent: http.Agent;
}

/** Milliseconds a key must be set aside for people to be told. */
const WORTH_A_WARNING_MS = 60_000;

// Idle connections are dropped before the provider does it: one that it closes while a call is sent costs a retry.
const AGENT_OPTIONS = { keepAlive: true, maxFreeSockets: 32, scheduling: "lifo", timeout: 30_000 } as const;

/** Builds what calls need, for each provider the options have. */
export function openUpstreams(
  given: GatewayOptions["upstreams"],
  log: GatewayLog,
  clock: Clock,
): ReadonlyMap<ProviderName, Ready> {
  const ready = new Map<ProviderName, Ready>();
  for (const name of PROVIDERS) {
    const upstream = given[name];
    if (upstream !== undefined) {
      ready.set(name, open(name, upstream, log, clock));
    }
  }
  return ready;
}

function open(provider: ProviderName, { baseUrl, keys, limit }: Upstream, log: GatewayLog, clock: Clock): Ready {
  const base = new URL(baseUrl);
  return {
    base,
    agent:
      base.protocol === "https:"
        ? new https.Agent({ ...AGENT_OPTIONS, rejectUnauthorized: true })
        : new http.Agent(AGENT_OPTIONS),
    ring: new KeyRing({
      keys: keys.length > 0 || provider !== "local" ? keys : [{ label: "no key", value: null }],
      limit,
      clock,
      onChange: ({ key, state, forMs }) => {
        const fields = { provider, key, ...(forMs === null ? {} : { forMs: Math.round(forMs) }) };
        const message = `${forMs === null ? "a key" : "a key is set aside"}: ${state}`;
        // A burst that met its limit is every day's business.
        if (forMs !== null && forMs < WORTH_A_WARNING_MS) {
          log.info(fields, message);
        } else {
          log.warn(fields, message);
        }
      },
    }),
  };
}

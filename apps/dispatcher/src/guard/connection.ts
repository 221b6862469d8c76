/**
 * Agents for `node:http` and `node:https` that check every address at the moment of connecting. A check before that is
 * worth nothing against a name that answers differently the second time. IP literals never reach a resolver, so they
 * are checked apart. Node's `fetch` ignores agents altogether: outbound requests go through `guardedRequest`.
 *
 * Written here rather than taken from `request-filtering-agent`: with IPv4 and IPv6 ranges in one allowlist that prints
 * a stack trace on each connection, does not let a mapped address match its IPv4 range, and takes ::127.0.0.1 as public.
 */
import http from "node:http";
import https from "node:https";
import { isIP, Socket, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { isLocalName, type Guard } from "./guard.ts";

/** A connection was refused by the guard; the message says which setting allows it. */
export class AddressRefusedError extends Error {
  readonly code = "ADDRESS_REFUSED";

  constructor(message: string) {
    super(message);
    this.name = "AddressRefusedError";
  }
}

type Connected = (error: Error | null, stream: Duplex) => void;

// Idle connections are kept for a while: a backend that gets a callback every second should not pay for TLS each time.
const AGENT_OPTIONS = { keepAlive: true, maxFreeSockets: 4, timeout: 15_000, scheduling: "lifo" } as const;

/** An agent for `http:` that connects only where the guard lets it. */
export class GuardedHttpAgent extends http.Agent {
  readonly #guard: Guard;

  constructor(guard: Guard) {
    super(AGENT_OPTIONS);
    this.#guard = guard;
  }

  override createConnection(options: http.ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    const refused = literalRefusal(this.#guard, options);
    return refused === null
      ? super.createConnection({ ...options, lookup: guardedLookup(this.#guard) }, connected)
      : fail(refused, connected);
  }
}

/** An agent for `https:` that connects only where the guard lets it. Certificates are always verified. */
export class GuardedHttpsAgent extends https.Agent {
  readonly #guard: Guard;

  constructor(guard: Guard) {
    super({ ...AGENT_OPTIONS, rejectUnauthorized: true, ...(guard.ca === undefined ? {} : { ca: guard.ca }) });
    this.#guard = guard;
  }

  override createConnection(options: https.RequestOptions, connected?: Connected): Duplex | null | undefined {
    const refused = literalRefusal(this.#guard, options);
    return refused === null
      ? super.createConnection({ ...options, lookup: guardedLookup(this.#guard) }, connected)
      : fail(refused, connected);
  }
}

/** Why an IP literal, or a Unix socket, may not be connected to; names are left to the lookup. */
function literalRefusal(guard: Guard, options: http.ClientRequestArgs): string | null {
  if (options.socketPath != null) {
    return "A Unix socket is not an address that may be named here";
  }
  const host = options.host ?? options.hostname ?? "localhost";
  return isIP(host) === 0 ? null : guard.refusal(host, host);
}

function fail(why: string, connected: Connected | undefined): undefined {
  const error = new AddressRefusedError(why);
  if (connected === undefined) {
    throw error;
  }
  connected(error, new Socket());
}

/** A lookup that hands out nothing when one of the answers is refused: a mixed answer is an attack, or a mistake. */
export function guardedLookup(guard: Guard): LookupFunction {
  return (hostname, options, callback) => {
    guard.resolve(hostname).then(
      (all) => {
        const allowed = all.filter(({ address }) => guard.refusal(address, hostname) === null);
        const refused = all.find(({ address }) => guard.refusal(address, hostname) !== null);
        const usable = allowed.filter(({ family }) => isFamily(family, options.family));
        const [first] = usable;
        // The names of this machine are always two addresses; the operator may have allowed one of them.
        if (refused !== undefined && !(isLocalName(hostname) && first !== undefined)) {
          callback(new AddressRefusedError(guard.refusal(refused.address, hostname) ?? ""), "", 0);
        } else if (first === undefined) {
          callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: "ENOTFOUND" }), "", 0);
        } else if (options.all === true) {
          callback(null, usable);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)), "", 0);
      },
    );
  };
}

function isFamily(family: number, wanted: number | "IPv4" | "IPv6" | undefined): boolean {
  return wanted === undefined || wanted === 0 || wanted === family || wanted === `IPv${family}`;
}

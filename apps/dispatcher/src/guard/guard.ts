/**
 * The one guard for every address that outside text may name: callbacks, repositories, sources. A job's body must not
 * make the dispatcher (or a worker) talk to the operator's own network, so private addresses are refused unless the
 * operator named them. `checkUrl` reads the text; `checkAddress` also asks the resolver; `connection` checks again at
 * the moment of connecting, which is the only check that a name which changes its answer cannot get around.
 */
import { lookup as systemLookup } from "node:dns";
import { isIP } from "node:net";
import { ALLOW_SETTING, isPublicAddress, parseAllowList } from "./addresses.ts";

/** What the address is for; names it in messages and picks the rules for plain `http`. */
export type Purpose = "callback" | "repository" | "source";

/** Why an address was refused. */
export type RefusalReason =
  | "malformed"
  | "scheme"
  | "credentials"
  | "fragment"
  | "private_address"
  | "insecure"
  | "unresolved";

/** `url` is normalised by the WHATWG rules; use it and not the text it came from. */
export type UrlCheck =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly code: "invalid_field"; readonly reason: RefusalReason; readonly message: string };

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Every address of a name. Rejects when there is none. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export interface GuardOptions {
  /** CIDR ranges of private addresses that jobs may name: the setting HIVE_ALLOW_PRIVATE_ADDRESSES. */
  readonly allowPrivate: readonly string[];
  /** Default: the system's resolver, as every program on this machine sees names. */
  readonly resolve?: Resolve;
  /** Extra certificate authorities in PEM for `guardedRequest`. Default: those Node trusts. */
  readonly ca?: string;
}

export interface CheckOptions {
  readonly what: Purpose;
  /** True for an address the operator wrote (environment, hive.yaml): it may be private. Default: false. */
  readonly trusted?: boolean;
}

export interface Guard {
  /** Checks the text alone: form, scheme, credentials, and IP literals in every spelling. No network. */
  checkUrl(raw: string, options: CheckOptions): UrlCheck;
  /**
   * `checkUrl`, and every address the name has right now. Refuses when one of them is private, so that the sender of a
   * job learns it at once. A name that does not resolve passes (it may tomorrow), except for an `http` repository.
   */
  checkAddress(raw: string, options: CheckOptions): Promise<UrlCheck>;
  /** Why this address may not be connected to, or null when it may. `host` is only for the message. */
  refusal(address: string, host: string): string | null;
  readonly resolve: Resolve;
  readonly ca: string | undefined;
}

const MAX_URL_LENGTH = 2048;
/** A resolver that is down must not hold up an enqueue for longer than this. */
const RESOLVE_MS = 2_000;

/** @throws when an entry of `allowPrivate` is not a CIDR range, naming each. */
export function createGuard(options: GuardOptions): Guard {
  const allowed = parseAllowList(options.allowPrivate);
  const resolve = options.resolve ?? resolveWithSystem;

  const refusal = (address: string, host: string): string | null => {
    if (isPublicAddress(address) || allowed.includes(address)) {
      return null;
    }
    const named = host === address ? address : `${host} (${address})`;
    return `${named} is a private or special address. To allow it, start this server with ${suggest(address)}`;
  };

  const checkUrl = (raw: string, { what, trusted = false }: CheckOptions): UrlCheck => {
    const parsed = parseUrl(raw, what);
    if (!parsed.ok || trusted) {
      return parsed;
    }
    const literals = literalsOf(parsed.url.hostname);
    const why = firstRefusal(literals, parsed.url.hostname, refusal);
    if (why !== null) {
      return refuse("private_address", `The ${what} address may not be used: ${why}`);
    }
    // A name says nothing yet: whether its plain http stays on a named private network is for checkAddress.
    const isOpen = literals.length > 0 && !literals.some((address) => allowed.includes(address));
    return what === "repository" && parsed.url.protocol === "http:" && isOpen ? refuseInsecure(parsed.url) : parsed;
  };

  const checkAddress = async (raw: string, check: CheckOptions): Promise<UrlCheck> => {
    const parsed = checkUrl(raw, check);
    if (!parsed.ok || check.trusted === true || literalsOf(parsed.url.hostname).length > 0) {
      return parsed;
    }
    const { hostname, protocol } = parsed.url;
    const answers = await answersWithin(resolve(hostname), RESOLVE_MS);
    const why = firstRefusal(answers, hostname, refusal);
    if (why !== null) {
      return refuse("private_address", `The ${check.what} address may not be used: ${why}`);
    }
    if (check.what === "repository" && protocol === "http:") {
      if (answers.length === 0) {
        return refuse("unresolved", `The repository's host "${hostname}" was not found. Check its name, or use https`);
      }
      if (!answers.every((address) => allowed.includes(address))) {
        return refuseInsecure(parsed.url);
      }
    }
    return parsed;
  };

  return { checkUrl, checkAddress, refusal, resolve, ca: options.ca };
}

function parseUrl(raw: string, what: Purpose): UrlCheck {
  const shown = `The ${what} address`;
  if (raw.length > MAX_URL_LENGTH) {
    return refuse("malformed", `${shown} is longer than ${MAX_URL_LENGTH} characters`);
  }
  // The URL parser drops tabs and line ends and turns "\" into "/": what was read would not be what was written.
  if (/[\u0000-\u0020\u007f\\]/.test(raw)) {
    return refuse("malformed", `${shown} contains a space, a control character or a backslash`);
  }
  if (!/^https?:\/\//i.test(raw)) {
    return refuse("scheme", `${shown} must begin with https:// or http://`);
  }
  if (!URL.canParse(raw)) {
    return refuse("malformed", `${shown} is not a URL`);
  }
  const url = new URL(raw);
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/?#]*@/i.test(raw)) {
    // The text is not repeated: it holds a password.
    return refuse("credentials", `${shown} contains a user name or password. Remove the part before the @`);
  }
  if (raw.includes("#")) {
    return refuse("fragment", `${shown} contains a #fragment, which is never sent. Remove it`);
  }
  return { ok: true, url };
}

/** True for the names reserved for this machine (RFC 6761), which no resolver outside is asked about. */
export function isLocalName(hostname: string): boolean {
  return /(^|\.)localhost\.?$/i.test(hostname);
}

/** The addresses a host stands for by itself: an IP literal, or a name of this machine. */
function literalsOf(hostname: string): readonly string[] {
  if (isLocalName(hostname)) {
    return ["127.0.0.1", "::1"];
  }
  if (hostname.startsWith("[")) {
    return [hostname.slice(1, -1)];
  }
  return isIP(hostname) === 4 ? [hostname] : [];
}

function firstRefusal(addresses: readonly string[], host: string, refusal: Guard["refusal"]): string | null {
  // "localhost" is two addresses, and allowing one is enough: the connection is made to that one only.
  if (isLocalName(host) && addresses.some((address) => refusal(address, host) === null)) {
    return null;
  }
  for (const address of addresses) {
    const why = refusal(address, host);
    if (why !== null) {
      return why;
    }
  }
  return null;
}

function suggest(address: string): string {
  return `${ALLOW_SETTING}=${address}/${address.includes(":") ? 128 : 32} (a comma-separated list of CIDR ranges)`;
}

function refuseInsecure(url: URL): UrlCheck {
  return refuse(
    "insecure",
    `The repository ${url.origin} uses plain http, which would show its credentials to the network. Use https; http is ` +
      `taken only from private addresses named in ${ALLOW_SETTING}`,
  );
}

function refuse(reason: RefusalReason, message: string): UrlCheck {
  return { ok: false, code: "invalid_field", reason, message };
}

/** The addresses, or none when the name has none or the resolver takes too long. */
function answersWithin(resolving: Promise<readonly ResolvedAddress[]>, ms: number): Promise<string[]> {
  return new Promise((settle) => {
    const timer = setTimeout(() => settle([]), ms);
    resolving
      .then((all) => settle(all.map(({ address }) => address)))
      .catch(() => settle([]))
      .finally(() => clearTimeout(timer));
  });
}

function resolveWithSystem(hostname: string): Promise<readonly ResolvedAddress[]> {
  return new Promise((settle, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) {
        settle(addresses);
      } else {
        reject(error);
      }
    });
  });
}

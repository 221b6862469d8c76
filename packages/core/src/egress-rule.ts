/**
 * Which hosts a job may reach: the entries of an `egress` list, and whether a place is on it. A host is compared in one
 * normal form only, the one the WHATWG URL standard gives it (as browsers and Node do), so that no other spelling of a
 * name or an address means something else here than where the connection is made.
 *
 * | entry | allows |
 * |---|---|
 * | `registries` | the public package registries in `REGISTRIES` |
 * | `example.com` | this host, ports 443 and 80 |
 * | `example.com:8443` | this host, this port alone |
 * | `*.example.com` | every host below it, not itself; `*.example.com:8443` with a port |
 * | `*` | every public host, ports 443 and 80 |
 *
 * Whether an address behind a name may be connected to is another question, asked at the connect.
 */

/** A host in its normal form (IPv6 in brackets) and a port: what a connection goes to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What an entry that allows a place demands of the connection. */
export interface EgressMatch {
  /** The name in the connection's greeting must be the host; false for `*`, where another name would be allowed too. */
  readonly verifyName: boolean;
}

/**
 * Hosts of package registries that package managers install from without settings: npm, yarn, JSR, PyPI, crates.io, Go
 * modules, RubyGems, Packagist, Maven, Gradle, NuGet, Hex, pub.dev, Hackage, CPAN, CocoaPods, conda, Debian, Ubuntu,
 * Alpine, and Node's headers for native modules.
 */
export const REGISTRIES: readonly string[] = [
  "registry.npmjs.org",
  "registry.yarnpkg.com",
  "npm.jsr.io",
  "jsr.io",
  "nodejs.org",
  "pypi.org",
  "files.pythonhosted.org",
  "crates.io",
  "index.crates.io",
  "static.crates.io",
  "proxy.golang.org",
  "sum.golang.org",
  "rubygems.org",
  "index.rubygems.org",
  "packagist.org",
  "repo.packagist.org",
  "repo.maven.apache.org",
  "repo1.maven.org",
  "plugins.gradle.org",
  "services.gradle.org",
  "downloads.gradle.org",
  "api.nuget.org",
  "hex.pm",
  "repo.hex.pm",
  "builds.hex.pm",
  "pub.dev",
  "hackage.haskell.org",
  "cpan.metacpan.org",
  "cdn.cocoapods.org",
  "conda.anaconda.org",
  "repo.anaconda.com",
  "deb.debian.org",
  "security.debian.org",
  "archive.ubuntu.com",
  "security.ubuntu.com",
  "ports.ubuntu.com",
  "dl-cdn.alpinelinux.org",
];

/** Entries of one list, at most. */
export const MAX_EGRESS_ENTRIES = 256;

/** Ports of an entry that names none. */
const WEB_PORTS: readonly number[] = [443, 80];
const LONGEST_NAME = 253;
const registries: ReadonlySet<string> = new Set(REGISTRIES);

type Rule =
  | { readonly kind: "registries" | "any" }
  | { readonly kind: "host" | "below"; readonly host: string; readonly port: number | null };

/**
 * The normal form of a host as a person, a program or an attacker wrote it: lower case, IDN as punycode, without the
 * dot at its end, IPv4 in four decimal parts however it was spelled, IPv6 short and in brackets. Null when it is none.
 */
export function normalHost(text: string): string | null {
  if (text.length === 0 || text.length > 4 * LONGEST_NAME) return null;
  // What a URL parser would drop, decode or take for the beginning of something else is no part of a host.
  if (/[\s\p{C}/?#@\\%]/u.test(text) || /:/.test(text.replace(/^\[[^[\]]*\]$/, ""))) return null;
  let host: string;
  try {
    host = new URL(`http://${text}/`).hostname;
  } catch {
    return null;
  }
  if (host.startsWith("[")) return host;
  const name = host.replace(/\.$/, "");
  const labels = name.split(".");
  if (name.length > LONGEST_NAME || !labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label))) return null;
  return name;
}

/** Reads `host:port`, such as the target of a CONNECT. Null when it is not exactly that. */
export function parsePlace(text: string): Place | null {
  const parts = /^(.*):(\d{1,5})$/s.exec(text);
  const port = Number(parts?.[2]);
  const host = parts?.[1] === undefined ? null : normalHost(parts[1]);
  return host === null || port < 1 || port > 65_535 ? null : { host, port };
}

/** A place as people read it. */
export function showPlace({ host, port }: Place): string {
  return `${host}:${port}`;
}

/** True for what can be an entry of an `egress` list. */
export function isEgressEntry(entry: string): boolean {
  return parseRule(entry) !== null;
}

/** What the list demands of a connection to this place; null when it does not allow it. Entries that are none allow nothing. */
export function egressMatch(list: readonly string[], place: Place): EgressMatch | null {
  const matching = list.map(parseRule).filter((rule) => rule !== null && allows(rule, place));
  if (matching.length === 0) return null;
  return { verifyName: matching.every((rule) => rule?.kind !== "any") };
}

function parseRule(entry: string): Rule | null {
  if (entry === "*") return { kind: "any" };
  if (entry === "registries") return { kind: "registries" };
  const kind = entry.startsWith("*.") ? "below" : "host";
  const rest = kind === "below" ? entry.slice(2) : entry;
  const withPort = /:\d+$/.test(rest) ? parsePlace(rest) : null;
  const host = withPort?.host ?? (/:\d+$/.test(rest) ? null : normalHost(rest));
  // A port cannot narrow the registries: taken for a host of that name, the entry would mean nothing anybody wants.
  if (host === null || host === "registries" || (kind === "below" && isAddress(host))) return null;
  return { kind, host, port: withPort?.port ?? null };
}

function allows(rule: Rule, { host, port }: Place): boolean {
  switch (rule.kind) {
    case "any":
      return WEB_PORTS.includes(port);
    case "registries":
      return WEB_PORTS.includes(port) && registries.has(host);
    case "host":
    case "below": {
      if (rule.port === null ? !WEB_PORTS.includes(port) : rule.port !== port) return false;
      return rule.kind === "host" ? host === rule.host : host.endsWith(`.${rule.host}`) && !isAddress(host);
    }
  }
}

/** True for an IP literal in its normal form. */
export function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

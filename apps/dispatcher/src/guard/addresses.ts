/**
 * Which network addresses are public, and which private ones the operator allowed. Everything Hive connects to on
 * behalf of outside text is decided here, by address and never by name: a name may point anywhere, and may point
 * somewhere else a second later.
 */
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/** The setting that names allowed private addresses; messages quote it so that a person knows what to change. */
export const ALLOW_SETTING = "HIVE_ALLOW_PRIVATE_ADDRESSES";

/** A checked list of CIDR ranges. */
export interface AllowList {
  /** True when the address (text as a resolver or `URL.hostname` gives it) is in one of the ranges. */
  includes(address: string): boolean;
}

/**
 * Parses entries such as `10.0.0.0/8`, `fd00::/8` or a single `127.0.0.1`; empty entries are skipped.
 * Throws one error that names every entry it cannot take.
 */
export function parseAllowList(entries: readonly string[]): AllowList {
  const ranges: Range[] = [];
  const problems: string[] = [];
  for (const entry of entries) {
    const text = entry.trim();
    if (text === "") {
      continue;
    }
    const range = parseRange(text);
    if (typeof range === "string") {
      problems.push(`"${text}" ${range}`);
    } else {
      ranges.push(range);
    }
  }
  if (problems.length > 0) {
    throw new Error(`${ALLOW_SETTING}: ${problems.join("; ")}`);
  }
  return {
    includes(address) {
      const parsed = parseAddress(address);
      return parsed !== null && ranges.some((range) => contains(range, parsed));
    },
  };
}

/**
 * True for an address of the public internet. IPv4-mapped IPv6 counts as the IPv4 address it is; tunnels that carry
 * another address inside (NAT64, 6to4, Teredo) are not public, since they can lead back into the own network.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === null || parsed.range() !== "unicast") {
    return false;
  }
  // Only 2000::/3 is given out on the internet. ipaddr.js calls the rest "unicast" too, such as ::127.0.0.1.
  return parsed.kind() === "ipv4" || (parsed.toByteArray()[0] ?? 0) >> 5 === 1;
}

/** The address as numbers, mapped IPv4 unwrapped; null when the text is not an IP address in its usual form. */
function parseAddress(text: string): Address | null {
  const bare = text.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  // isValid takes "127.1" and "0x7f000001" too: right here, since a connect would take them as well.
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : null;
}

function parseRange(text: string): Range | string {
  const [base = "", bits, ...rest] = text.split("/");
  const strict = ipaddr.IPv4.isValidFourPartDecimal(base) || ipaddr.IPv6.isValid(base);
  if (rest.length > 0 || !strict || base.includes("%")) {
    return "is not an address range such as 10.0.0.0/8 or fd00::/8";
  }
  const address = ipaddr.parse(base);
  const width = address.kind() === "ipv4" ? 32 : 128;
  if (bits === undefined) {
    return [address, width];
  }
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width) {
    return `needs a prefix length from 0 to ${width} after the slash`;
  }
  const network = networkOf(address, Number(bits));
  if (network !== address.toNormalizedString()) {
    return `has bits set after its prefix; write ${shorten(network)}/${bits}`;
  }
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && Number(bits) >= 96) {
    return [address.toIPv4Address(), Number(bits) - 96];
  }
  return [address, Number(bits)];
}

function networkOf(address: Address, bits: number): string {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return ipaddr.fromByteArray(bytes).toNormalizedString();
}

function shorten(address: string): string {
  return ipaddr.parse(address).toString();
}

function contains([base, bits]: Range, address: Address): boolean {
  return base.kind() === address.kind() && address.match(base, bits);
}

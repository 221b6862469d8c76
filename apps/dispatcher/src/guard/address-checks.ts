/**
 * Remembers for a minute what the guard said about an address's host, so that a thousand jobs for one repository do not
 * ask the resolver a thousand times. Callbacks are checked again whenever Hive connects; this is to tell the sender at once.
 */

import type { Guard, Purpose } from "./guard.ts";

const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 1000;

/** Why this address may not be used, or null when it may. */
export type AddressCheck = (url: string, what: Purpose) => Promise<string | null>;

/** `mono`: milliseconds of a clock that never goes back. */
export function createAddressCheck(guard: Guard, mono: () => number): AddressCheck {
  const remembered = new Map<string, { readonly until: number; readonly why: string | null }>();
  /** Hosts being looked up or known: requests that arrive together share one look. */
  const hosts = new Map<string, { readonly until: number; readonly why: Promise<string | null> }>();

  async function askHost(url: string, what: Purpose): Promise<string | null> {
    const text = guard.checkUrl(url, { what });
    if (!text.ok) return text.message;
    const place = `${what} ${text.url.origin}`;
    const known = hosts.get(place);
    if (known !== undefined && known.until > mono()) return known.why;
    const why = guard.checkAddress(url, { what }).then((checked) => (checked.ok ? null : checked.message));
    if (hosts.size >= MAX_REMEMBERED) hosts.clear();
    hosts.set(place, { until: mono() + REMEMBERED_MS, why });
    return why;
  }

  return async (url, what) => {
    if (url.startsWith("file:")) return null;
    const place = `${what} ${url}`;
    const known = remembered.get(place);
    if (known !== undefined && known.until > mono()) return known.why;
    const why = await askHost(url, what);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(place, { until: mono() + REMEMBERED_MS, why });
    return why;
  };
}

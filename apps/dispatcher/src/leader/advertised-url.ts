/** How other dispatchers reach this one when nobody said so. */

import { hostname } from "node:os";

/** `http://HOST:PORT` of this machine: its name, or the address it listens on where that is a single one. */
export function advertisedUrl(host: string, port: number): string {
  const isAny = host === "0.0.0.0" || host === "::";
  const name = isAny ? hostname() : host === "localhost" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/**
 * What is wrong with an address that dispatchers on other machines are given, in words; null: nothing that can be seen.
 * @param store the address of the store that they share
 */
export function reachProblem(url: string, store: string): string | null {
  if (!isLoopback(url) || isLoopback(store)) return null;
  return `Dispatchers on other machines cannot reach this one at ${url}. Set HIVE_HOST and HIVE_ADVERTISE_URL if there are any`;
}

/** Whether only programs of the same machine reach this address. */
function isLoopback(url: string): boolean {
  const { hostname: host } = new URL(url);
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}

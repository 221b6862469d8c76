/** How other dispatchers reach this one when nobody said so. */

import { hostname } from "node:os";

/** `http://HOST:PORT` of this machine: its name, or the address it listens on where that is a single one. */
export function advertisedUrl(host: string, port: number): string {
  const isAny = host === "0.0.0.0" || host === "::";
  const name = isAny ? hostname() : host === "localhost" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** Where this server listens: the port it will take, and how its own processes reach it. */

import { type AddressInfo, createServer } from "node:net";

/** How a process of this machine reaches a server that listens on this host, whatever address people use. */
export function localAddress(host: string, port: number): string {
  const isAny = host === "0.0.0.0" || host === "::" || host === "localhost";
  const name = isAny ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/**
 * A port nobody listens on now: links must name it before the server listens. `wanted` 0 takes any.
 * @throws as `net.Server.listen` does, EADDRINUSE for a port that is taken
 */
export async function freePort(host: string, wanted: number): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, failed) => {
    probe.once("error", failed);
    probe.listen(wanted, host, done);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

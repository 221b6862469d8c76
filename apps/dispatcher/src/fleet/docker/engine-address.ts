/** Where the Docker Engine listens: `HIVE_DOCKER_HOST`. */

/** Docker's own default. */
export const DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock";

/**
 * The path of the socket in an address such as `unix:///var/run/docker.sock`.
 *
 * Unix sockets only. Whoever reaches an engine over TCP is root on its machine, and workers' sockets and mirrors are
 * folders of this machine that only an engine here can mount.
 * @throws Error for any other address, saying what to write.
 */
export function engineSocketPath(address: string): string {
  const path = /^unix:\/\/(\/.+)$/.exec(address)?.[1];
  if (path !== undefined && !path.includes("\0")) return path;
  throw new Error(
    `HIVE_DOCKER_HOST is "${address}"; Hive reaches Docker through a Unix socket of this machine only, such as ${DEFAULT_DOCKER_HOST}.`,
  );
}

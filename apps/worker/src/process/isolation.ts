/**
 * What keeps a job from the machine and from the worker's secrets, in one word that the registration and every result
 * repeat. One function says it, so that nobody is told two things.
 */

import { networkInterfaces } from "node:os";

/** What is known about this worker. */
export interface IsolationFacts {
  /** The worker itself is a container (or a machine of its own). */
  readonly contained: boolean;
  /** Jobs run as a user of their own, who cannot read the worker's files and memory. */
  readonly hasUser: boolean;
  /** There is a way to the network beside the server's. */
  readonly hasNetwork: boolean;
}

/**
 * `container`: no network but the server's way out. `container (open network)`: the container has a network of its own.
 * `user`: kept from the worker's secrets, not from the machine. `none`: stops accidents only.
 */
export function isolationOf({ contained, hasUser, hasNetwork }: IsolationFacts): string {
  // Without a user of its own a job reads the worker's tokens: then a container keeps it from the machine alone.
  if (!hasUser) return "none";
  if (!contained) return "user";
  return hasNetwork ? "container (open network)" : "container";
}

/** Whether this process sees any network interface beside loopback. */
export function hasOpenNetwork(interfaces = networkInterfaces()): boolean {
  return Object.values(interfaces).some((addresses) => addresses?.some(({ internal }) => !internal) === true);
}

/** One connection under the guard: the name is resolved here, every address checked, and only a checked one connected to. */

import { connect as connectTcp, isIP, type Socket } from "node:net";
import { AddressRefusedError, guardedLookup } from "./connection.ts";
import type { Guard } from "./guard.ts";

export interface Target {
  /** A name, or an IP literal (IPv6 in brackets), in its normal form. */
  readonly host: string;
  readonly port: number;
}

/**
 * Connects; both directions may be ended apart. The caller takes care of the socket's errors from then on.
 * @throws AddressRefusedError when an address of the host is refused; the system's error when it does not answer; the
 * signal's reason when it is given up.
 */
export function guardedConnect(guard: Guard, { host, port }: Target, signal: AbortSignal): Promise<Socket> {
  const bare = host.replace(/^\[|\]$/g, "");
  return new Promise((settle, reject) => {
    signal.throwIfAborted();
    const why = isIP(bare) === 0 ? null : guard.refusal(bare, bare);
    if (why !== null) throw new AddressRefusedError(why);
    // With several addresses they are tried one after the other, each of them checked by the lookup.
    const socket = connectTcp({
      host: bare,
      port,
      allowHalfOpen: true,
      noDelay: true,
      autoSelectFamily: true,
      lookup: guardedLookup(guard),
    });
    const giveUp = (): void => void socket.destroy(asError(signal.reason));
    signal.addEventListener("abort", giveUp, { once: true });
    const onError = (error: Error): void => {
      signal.removeEventListener("abort", giveUp);
      reject(error);
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", giveUp);
      socket.off("error", onError);
      // The lookup checked what we connected to; this costs nothing and does not depend on how that is done.
      const refused = guard.refusal(socket.remoteAddress ?? "", host);
      if (refused === null) return settle(socket);
      socket.destroy();
      reject(new AddressRefusedError(refused));
    });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

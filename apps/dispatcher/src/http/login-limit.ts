/**
 * How often a wrong token may be tried from one address, so that nobody guesses by the thousand. It slows guessing down
 * and no more: what keeps a token is its length.
 */

import { HiveError } from "@hive/core";
import type { Clock } from "../clock.ts";

/** Failures of one address within `WINDOW_MS`. */
const MOST = 10;
const WINDOW_MS = 60_000;
/** Addresses that are remembered; beyond them the oldest is forgotten. */
const ADDRESSES = 1_000;

export interface LoginLimit {
  /** @throws HiveError `too_many_requests` */
  mustHaveRoom(address: string): void;
  failed(address: string): void;
}

export function createLoginLimit(clock: Pick<Clock, "mono">): LoginLimit {
  /** When each failed, the latest address at the end. */
  const failures = new Map<string, number[]>();
  const recent = (address: string): number[] =>
    (failures.get(address) ?? []).filter((at) => clock.mono() - at < WINDOW_MS);
  return {
    mustHaveRoom(address) {
      const [first, ...rest] = recent(networkOf(address));
      if (first === undefined || rest.length + 1 < MOST) return;
      const retryAfterMs = Math.ceil(first + WINDOW_MS - clock.mono());
      throw new HiveError("too_many_requests", `${MOST} wrong tokens in a minute; try again in a moment`, {
        retryAfterMs,
      });
    },
    failed(address) {
      const network = networkOf(address);
      const known = [...recent(network), clock.mono()];
      failures.delete(network);
      failures.set(network, known);
      const oldest = failures.keys().next();
      if (failures.size > ADDRESSES && !oldest.done) failures.delete(oldest.value);
    },
  };
}

/** Whoever has an address of version 6 has the 2^64 around it too. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.replace(/%.*$/, "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const whole = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return whole
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(":");
}

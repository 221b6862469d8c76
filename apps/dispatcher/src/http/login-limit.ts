/** How often a wrong token may be tried from one address, so that nobody guesses by the thousand. */

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
      const [first, ...rest] = recent(address);
      if (first === undefined || rest.length + 1 < MOST) return;
      const retryAfterMs = Math.ceil(first + WINDOW_MS - clock.mono());
      throw new HiveError("too_many_requests", `${MOST} wrong tokens in a minute; try again in a moment`, {
        retryAfterMs,
      });
    },
    failed(address) {
      const known = [...recent(address), clock.mono()];
      failures.delete(address);
      failures.set(address, known);
      const oldest = failures.keys().next();
      if (failures.size > ADDRESSES && !oldest.done) failures.delete(oldest.value);
    },
  };
}

/**
 * Knows whether the engine answers. Whoever's call failed because it is away says so here and waits for `back`; one
 * loop asks, with growing pauses, until it answers again.
 */

import type { Clock } from "../../clock.ts";
import type { ProviderStatus } from "../provider.ts";
import type { Engine } from "./engine.ts";
import { type EngineError, isEngineError } from "./engine-error.ts";

export interface EngineHealth {
  status(): ProviderStatus;
  /** A call failed because the engine is away. */
  lost(error: EngineError): void;
  /** Resolves at once while it answers, else when it does again. Rejects when `signal` says so. */
  back(signal: AbortSignal): Promise<void>;
  /** Tells every change of `status`; the returned function takes that back. */
  onChange(listener: () => void): () => void;
  close(): void;
}

/** Milliseconds between two questions; then the last for ever. Up to a quarter is added, so that many do not ask at once. */
const ASK_AGAIN_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;

export function createEngineHealth(
  engine: Pick<Engine, "ping">,
  clock: Pick<Clock, "after" | "wall" | "random">,
): EngineHealth {
  let status: ProviderStatus = { state: "ok" };
  let closed = false;
  let takeBack = (): void => undefined;
  const listeners = new Set<() => void>();

  function change(next: ProviderStatus): void {
    status = next;
    for (const listener of listeners) listener();
  }

  function ask(times: number): void {
    const pause = ASK_AGAIN_MS[Math.min(times, ASK_AGAIN_MS.length - 1)] ?? 0;
    takeBack = clock.after(pause * (1 + clock.random() / 4), () => {
      engine.ping().then(
        () => {
          if (!closed) change({ state: "ok" });
        },
        (error: unknown) => {
          if (closed) return;
          if (status.state === "unreachable" && isEngineError(error) && error.message !== status.reason)
            change({ ...status, reason: error.message });
          ask(times + 1);
        },
      );
    });
  }

  return {
    status: () => status,
    lost(error) {
      if (closed || status.state === "unreachable") return;
      change({ state: "unreachable", reason: error.message, since: clock.wall() });
      ask(0);
    },
    async back(signal) {
      signal.throwIfAborted();
      if (status.state === "ok") return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        if (status.state === "ok") resolve();
      };
      const abort = (): void => reject(signal.reason);
      listeners.add(look);
      signal.addEventListener("abort", abort, { once: true });
      try {
        await promise;
      } finally {
        listeners.delete(look);
        signal.removeEventListener("abort", abort);
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      takeBack();
      listeners.clear();
    },
  };
}

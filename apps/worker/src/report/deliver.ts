/**
 * Tells the dispatcher how an attempt ended, until it knows. One place decides what an answer means: taken, refused for
 * good, or to be tried again.
 */

import { type ApiClient, ApiError, endpoints } from "@hive/protocol";
import { backOff, type Clock, pause } from "../loops/clock.ts";
import type { UnsentResult } from "./outbox.ts";

/** `taken` with the job's new status; `lost`: the lease is over; `refused`: this result will never be taken; `unknown`: stopped before an answer. */
export type Delivery =
  | { readonly end: "taken"; readonly status: string }
  | { readonly end: "lost" | "refused" | "unknown"; readonly why: string };

export interface DeliverOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly result: UnsentResult;
  /** Aborted: stop trying. The outcome of the last try may be unknown. */
  readonly signal: AbortSignal;
  /** Sends what the server's log lacks; false when that is not possible (any more). */
  readonly resendLog: (result: UnsentResult, signal: AbortSignal) => Promise<boolean>;
}

/** Sends the result until the dispatcher answered for good or the signal is aborted. The same result may be sent any number of times. */
export async function deliver(options: DeliverOptions): Promise<Delivery> {
  const { client, clock, signal } = options;
  let { result } = options;
  let why = "not tried";
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      const { token, request } = result;
      const reply = await client.call(endpoints.leaseFinish, { body: request }, { token, signal, timeoutMs: 30_000 });
      return { end: "taken", status: reply.status };
    } catch (error) {
      if (signal.aborted) break;
      why = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError) {
        if (error.is("lease_lost")) return { end: "lost", why };
        if (error.is("log_incomplete")) {
          // A result without the end of its log is worth more than no result.
          const whole = await options.resendLog(result, signal).catch(() => false);
          if (!whole && !signal.aborted) {
            result = { ...result, request: { ...result.request, log: null } };
            // At once: the server is there, and the lease may run out over a pause.
            continue;
          }
        } else if (!error.retry && error.status >= 400 && error.status < 500) {
          return { end: "refused", why: `${error.code}: ${why}` };
        }
      }
      await pause(clock, backOff(clock, tries), signal);
    }
  }
  return { end: "unknown", why };
}

/**
 * Listens to what the dispatcher wants at once: cancel, stale, drain. The stream is only the fast way; every heartbeat's
 * answer says the same, so a broken stream costs seconds and never correctness.
 */

import { type ApiClient, ApiError, endpoints, signalSchema } from "@hive/protocol";
import type { z } from "zod";
import { backOff, type Clock, jittered, pause } from "./clock.ts";
import type { Session } from "./session.ts";
import { readServerEvents } from "./server-events.ts";

/** One message of the stream. */
export type Signal = z.infer<typeof signalSchema>;

export interface SignalsOptions {
  readonly client: ApiClient;
  readonly session: Session;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onSignal: (signal: Signal) => void;
}

export interface SignalsLoop {
  /** Resolves once the signal was aborted. @throws NotWelcomeError */
  readonly done: Promise<void>;
  status(): string;
}

/** A stream without a byte (the server sends pings) for this long is taken for dead, in milliseconds. */
const QUIET_MS = 60_000;

/** Opens the stream and opens it again whenever it breaks. */
export function startSignalsLoop(options: SignalsOptions): SignalsLoop {
  const { session, clock, signal } = options;
  let status = "signals: connecting";

  async function listen(): Promise<void> {
    const cut = new AbortController();
    const either = AbortSignal.any([signal, cut.signal]);
    const { token } = session.current();
    const silence = new DOMException("nothing was heard", "TimeoutError");
    const quiet = (): (() => void) => clock.after(jittered(clock, QUIET_MS), () => cut.abort(silence));
    // From the beginning: a server that stands still takes the connection and never answers.
    let disarm = quiet();
    try {
      const response = await options.client.open(endpoints.workerSignals, {}, { token, signal: either });
      status = "signals: listening";
      for await (const data of readServerEvents(response, () => {
        disarm();
        disarm = quiet();
      })) {
        const parsed = signalSchema.safeParse(data);
        if (parsed.success) options.onSignal(parsed.data);
      }
    } finally {
      disarm();
    }
  }

  async function loop(): Promise<void> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      const known = session.current();
      try {
        await listen();
        tries = 0;
      } catch (error) {
        if (signal.aborted) break;
        if (status === "signals: listening") tries = 0;
        status = `signals: broken (${error instanceof Error ? error.message : String(error)})`;
        // Only when the dispatcher knows no such worker: registering anew ends the lease the worker may have.
        if (error instanceof ApiError && error.is("worker_unknown")) await session.register(signal, known);
      }
      await pause(clock, backOff(clock, tries), signal);
    }
    status = "signals: stopped";
  }

  return { done: loop(), status: () => status };
}

/**
 * Keeps one lease alive, and kills the work when it may no longer be ours. The dispatcher gives a job to somebody else
 * one term after the last heartbeat it took; we stop at two thirds of the term after we *sent* the last one it took, by
 * a clock that goes on while this process is stopped (SIGSTOP, a frozen machine). So two workers never act for one job.
 */

import { type ApiClient, ApiError, endpoints } from "@hive/protocol";
import type { Attempt } from "../attempt.ts";
import { type Clock, jittered, pause } from "./clock.ts";

/** What the worker tells people about a running job. */
export interface Progress {
  readonly phase?: string;
  readonly message?: string;
  readonly percent?: number;
}

export interface HeartbeatOptions {
  readonly client: ApiClient;
  /** The lease's `worker` token. */
  readonly token: string;
  readonly attempt: Attempt;
  readonly clock: Clock;
  /** From the server: milliseconds between beats, the term, and when the first one is due. */
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly firstBeatMs: number;
  /** The dispatcher wants this worker to leave after the job. */
  readonly onDrain: () => void;
}

export interface Heartbeat {
  /** True once the dispatcher took the first beat: only then may anything start. False: it never will. */
  readonly begun: Promise<boolean>;
  /** Shown to people; a new phase is sent at once, the rest at most every second. */
  readonly tell: (progress: Progress) => void;
  /**
   * Beats once more now, to learn whether the attempt is to stop; resolves when that was answered or failed. Not more
   * often than there is a reason to.
   */
  ask(): Promise<void>;
  /** Whether we may still act for the job, by the clock of this moment; also stops the attempt if not. */
  readonly isOurs: () => boolean;
  readonly status: () => string;
  /** Ends the beats; safe to call twice. */
  stop(): Promise<void>;
}

const TELL_MS = 1_000;

/** Starts the beats of one lease; the first goes out at once. */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { client, attempt, clock, token } = options;
  const ended = new AbortController();
  const begun = Promise.withResolvers<boolean>();
  let deadline = clock.mono() + options.firstBeatMs;
  let leaseMs = options.leaseMs;
  /** When the last heartbeat that was taken was sent. */
  let takenSentAt = -Infinity;
  let progress: Progress = {};
  let unsent = false;
  let wake = (): void => undefined;
  let disarm = (): void => undefined;
  let nextTell = -Infinity;
  let takeBackTell: (() => void) | null = null;
  let status = "the first heartbeat is under way";

  function isOurs(): boolean {
    if (clock.mono() < deadline) return !attempt.right.aborted;
    attempt.stop({ why: "unreachable", reason: "the dispatcher took no heartbeat for two thirds of the lease" });
    return false;
  }

  // Never only a timer: after a pause of this process timers fire in any order, the clock decides.
  function watch(): void {
    disarm();
    disarm = clock.after(Math.max(0, deadline - clock.mono()), () => {
      if (!ended.signal.aborted && isOurs()) watch();
    });
  }

  async function beat(): Promise<boolean> {
    const sentAt = clock.mono();
    nextTell = sentAt + TELL_MS;
    unsent = false;
    const { phase, message, percent } = progress;
    const body = {
      ...(phase === undefined ? {} : { phase }),
      ...(message === undefined ? {} : { message: message.slice(0, 1024) }),
      ...(percent === undefined ? {} : { percent: Math.min(100, Math.max(0, percent)) }),
    };
    try {
      const signal = ended.signal;
      const reply = await client.call(
        endpoints.leaseHeartbeat,
        { body },
        { token, signal, timeoutMs: Math.ceil(leaseMs / 3) },
      );
      // One that was asked for may overtake the one before it.
      if (sentAt >= takenSentAt) {
        takenSentAt = sentAt;
        leaseMs = reply.leaseMs;
        deadline = sentAt + (leaseMs * 2) / 3;
      }
      status = `heartbeat taken${phase === undefined ? "" : ` in ${phase}`}`;
      begun.resolve(isOurs());
      watch();
      if (reply.cancel !== null) attempt.stop({ why: "canceled", reason: reply.cancel.reason });
      if (reply.stop !== null) {
        const { code, message } = reply.stop;
        attempt.stop({ why: code === "quota" ? "quota" : "budget", reason: message });
      }
      if (reply.drain) options.onDrain();
      return true;
    } catch (error) {
      if (ended.signal.aborted) return false;
      status = `heartbeat not taken: ${error instanceof Error ? error.message : String(error)}`;
      if (error instanceof ApiError && error.is("lease_lost")) attempt.stop({ why: "stale", reason: error.message });
      return false;
    }
  }

  async function loop(): Promise<void> {
    watch();
    // A canceled job's lease is kept until its end is told; a lost one is not ours to keep.
    while (!ended.signal.aborted && !attempt.right.aborted) {
      const taken = await beat();
      if (ended.signal.aborted || attempt.right.aborted) break;
      if (taken && unsent) continue;
      const woken = new AbortController();
      wake = () => woken.abort();
      const wait = taken ? jittered(clock, options.heartbeatMs) : Math.min(1_000, options.heartbeatMs / 2);
      await pause(clock, wait, AbortSignal.any([ended.signal, attempt.right, woken.signal]));
    }
    disarm();
    begun.resolve(false);
  }

  const running = loop();
  return {
    begun: begun.promise,
    tell(next) {
      if (next.phase !== undefined && next.phase !== progress.phase) {
        // A new phase begins without the words and the percentage of the one before.
        progress = next;
        unsent = true;
        wake();
        return;
      }
      progress = { ...progress, ...next };
      takeBackTell ??= clock.after(Math.max(0, nextTell - clock.mono()), () => {
        takeBackTell = null;
        wake();
      });
    },
    async ask() {
      if (!ended.signal.aborted && !attempt.right.aborted) await beat();
    },
    isOurs,
    status: () => status,
    async stop() {
      ended.abort();
      disarm();
      takeBackTell?.();
      await running;
    },
  };
}

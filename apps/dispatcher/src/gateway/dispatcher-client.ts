/**
 * What the gateway's process asks of the dispatcher: whose token is this (`POST /v1/gateway/verify`), may this call be made
 * (`admit`), please count that (`usage`), and the provider takes no more before a time (`quota`). Usage is money already
 * spent, so it is kept and sent again until the dispatcher took it; each call has an id and counts once, however often it
 * arrives.
 */
import { ApiError, createClient, endpoints } from "@hive/protocol";
import type { CallQuestion, CallUsage, GatewayLog, QuotaNotice } from "./contract.ts";
import type { TokenVerdict, VerdictCode } from "./live-calls.ts";

export interface DispatcherClientOptions {
  /** Such as `http://127.0.0.1:8099`. */
  readonly baseUrl: string;
  /** The gateway's own token, not a lease's. */
  readonly token: string;
  readonly log: GatewayLog;
  /** Milliseconds before the first repetition of a usage that was not taken; doubles up to 10 s. Default 200. */
  readonly retryMs?: number;
}

export interface DispatcherClient {
  /** Rejects when the dispatcher gave no verdict. */
  verifyToken(token: string): Promise<TokenVerdict>;
  /** Rejects when the dispatcher gave no verdict: then something may be set aside all the same. */
  admit(question: CallQuestion): Promise<TokenVerdict>;
  /** Rejects when the dispatcher could not be told, after some tries. */
  onQuota(notice: QuotaNotice): Promise<void>;
  /** Takes the usage and returns at once; it is sent in the background. */
  onUsage(usage: CallUsage): void;
  /** Resolves once everything was sent, or after this many milliseconds; says how many were not. */
  flush(withinMs: number): Promise<number>;
  /** Stops repeating. What was not sent is lost. */
  close(): void;
}

const VERIFY_TIMEOUT_MS = 5_000;
/** Longer than a call may wait for room in its budgets. */
const ADMIT_TIMEOUT_MS = 260_000;
const QUOTA_TIMEOUT_MS = 10_000;
const QUOTA_TRIES = 4;
const REFUSALS: readonly VerdictCode[] = ["lease_lost", "unauthorized", "not_begun", "budget_exceeded"];
const MAX_RETRY_MS = 10_000;
/** Far more than any outage gathers; a bound only so that memory has one. */
const MAX_WAITING = 100_000;

export function createDispatcherClient(options: DispatcherClientOptions): DispatcherClient {
  const { log, retryMs = 200 } = options;
  const client = createClient({ baseUrl: options.baseUrl, token: options.token });
  const closing = new AbortController();
  const waiting: CallUsage[] = [];
  let sending: Promise<void> | null = null;

  async function send(): Promise<void> {
    let delay = retryMs;
    while (waiting[0] !== undefined && !closing.signal.aborted) {
      const outcome = await tell(waiting[0]);
      if (outcome === "later") {
        await pause(delay, closing.signal);
        delay = Math.min(delay * 2, MAX_RETRY_MS);
      } else {
        waiting.shift();
        delay = retryMs;
      }
    }
  }

  async function tell(usage: CallUsage): Promise<"done" | "later"> {
    const { jobId, fence, callId, provider, model, final, webSearches } = usage;
    const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens } = usage;
    const tokens = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens };
    const body = { jobId, fence, callId, provider, model, ...tokens, webSearches, final };
    try {
      await client.call(endpoints.gatewayUsage, { body }, { signal: closing.signal });
      return "done";
    } catch (error) {
      // A dispatcher that does not know this gateway may be one that is being set up; all else it refused for good.
      const final = error instanceof ApiError && !error.retry && !error.is("unauthorized");
      const fields = { callId, jobId, error: error instanceof Error ? error.message : String(error) };
      log.warn(fields, final ? "the dispatcher refused the usage of a call" : "the usage of a call will be sent again");
      return final ? "done" : "later";
    }
  }

  return {
    verifyToken: (token) =>
      verdictOf(client.call(endpoints.gatewayVerify, { body: { token } }, { timeoutMs: VERIFY_TIMEOUT_MS })),
    admit: ({ free, ...question }) =>
      verdictOf(
        client.call(
          endpoints.gatewayAdmit,
          { body: { ...question, ...(free ? { free } : {}) } },
          { timeoutMs: ADMIT_TIMEOUT_MS },
        ),
      ),
    async onQuota(notice) {
      let delay = retryMs;
      for (let left = QUOTA_TRIES; ; left -= 1) {
        try {
          await client.call(endpoints.gatewayQuota, { body: { ...notice } }, { timeoutMs: QUOTA_TIMEOUT_MS });
          return;
        } catch (error) {
          // A lease that is over is parked, failed or canceled already.
          if (error instanceof ApiError && error.is("lease_lost")) {
            return;
          }
          if (left <= 1 || (error instanceof ApiError && !error.retry)) {
            throw error;
          }
        }
        await pause(delay, closing.signal);
        delay *= 2;
      }
    },
    onUsage(usage) {
      // What cost nothing needs no count.
      if (!usage.paid) {
        return;
      }
      if (waiting.length >= MAX_WAITING) {
        log.warn({ callId: usage.callId, jobId: usage.jobId }, "the usage of a call is lost: too many wait to be sent");
        return;
      }
      waiting.push(usage);
      sending ??= send().finally(() => {
        sending = null;
      });
    },
    async flush(withinMs) {
      const limit = new AbortController();
      await Promise.race([sending ?? Promise.resolve(), pause(withinMs, limit.signal)]);
      limit.abort();
      return waiting.length;
    },
    close: () => closing.abort(),
  };
}

/** A refusal is a value; that there is no verdict is an error. */
async function verdictOf(asked: Promise<{ readonly jobId: string; readonly fence: number }>): Promise<TokenVerdict> {
  try {
    const { jobId, fence } = await asked;
    return { ok: true, jobId, fence };
  } catch (error) {
    const code = REFUSALS.find((one) => error instanceof ApiError && error.is(one));
    if (code !== undefined && error instanceof ApiError) {
      return { ok: false, code, message: error.message };
    }
    throw error;
  }
}

/** Resolves after this many milliseconds, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      settle();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) {
      end();
    }
  });
}

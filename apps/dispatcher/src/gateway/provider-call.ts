/**
 * One call of an agent, as often as it takes: a key with room, the request, and the answer passed on. What the provider
 * says of being busy or of limits is heeded until the first byte of an answer; from then on nothing is repeated. It ends in
 * exactly one outcome, whoever stops first: the provider, the client, the lease or the clock.
 */
import type { Agent, IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { ErrorCode } from "@hive/core";
import type { Clock } from "../clock.ts";
import { answerProblem } from "./gateway-problem.ts";
import type { KeyRing, RingKey } from "./key-ring.ts";
import { cutOf } from "./live-calls.ts";
import { headersBack, type Provider, type Route } from "./providers/provider.ts";
import { readRefusal } from "./refusal-hints.ts";
import { idOf, passAnswer, unusableAnswer } from "./good-answer.ts";
import { askUpstream, readStart } from "./upstream.ts";
import { type MeteredUsage, NO_USAGE } from "./usage-tally.ts";

export interface RetryLimits {
  /** Milliseconds one call waits in all for its provider to take it. Default 120,000. */
  readonly maxWaitMs: number;
  /** How often one call waits. Default 5. */
  readonly maxWaits: number;
  /** Milliseconds of the first wait where the provider says nothing; doubles, with jitter. Default 1,000. */
  readonly firstWaitMs: number;
  /** Milliseconds without a byte in either direction. Default 10 minutes, which a long answer may think. */
  readonly idleMs: number;
}

export interface ProviderCall {
  readonly provider: Provider;
  readonly route: Route;
  readonly url: URL;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer | null;
  readonly model: string | null;
  readonly ring: KeyRing;
  readonly agent: Agent;
  readonly response: ServerResponse;
  readonly limits: RetryLimits;
  readonly clock: Clock;
  /** Ends the call when it aborts; a client that got no answer yet is told why. */
  readonly signal: AbortSignal;
  /** Told of each wait. */
  readonly onWait: (why: string, ms: number) => void;
  /** No key takes this call before a time that is too far to wait for. The client is answered once this resolved. */
  readonly onQuota: (until: number, message: string) => Promise<void>;
  /** Sees the answer's bytes. */
  readonly see: ((chunk: Buffer) => void) | null;
}

export interface CallOutcome extends MeteredUsage {
  /** The provider's last status, or null when it gave none. */
  readonly status: number | null;
  /** The provider's own id of the call. */
  readonly requestId: string | null;
  readonly stream: boolean;
  /** True when the provider's answer did not come to its end. */
  readonly aborted: boolean;
  readonly responseBytes: number;
  /** Which key served it, by the place it is from. */
  readonly key: string | null;
  /** How often the provider was asked. */
  readonly tries: number;
}

/** A provider's refusal as it may be passed on. */
interface Kept {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  readonly requestId: string | null;
}

/** How often a call waits for a provider that cannot be reached at all. */
const MOST_UNREACHED = 2;
/** Milliseconds by which calls that wait for one limit go on after one another. */
const MOST_SPREAD_MS = 500;
/** Bytes of a refusal that are read for its hints. */
const MOST_REFUSAL_BYTES = 64 * 1024;

/** The outcome of a call that no provider heard of. */
export const NOT_MADE: CallOutcome = {
  ...NO_USAGE,
  status: null,
  requestId: null,
  stream: false,
  aborted: true,
  responseBytes: 0,
  key: null,
  tries: 0,
};

/** Runs the call to its end and answers the client. Never rejects. */
export async function callProvider(call: ProviderCall): Promise<CallOutcome> {
  const { provider, route, ring, response, limits, signal } = call;
  const forbidden = new Set<RingKey>();
  let tries = 0;
  let waits = 0;
  let waitedMs = 0;
  let last: Kept | null = null;

  const refuse = (code: ErrorCode, message: string): CallOutcome => {
    answerProblem(response, route.dialect, code, message);
    return { ...NOT_MADE, status: last?.status ?? null, requestId: last?.requestId ?? null, tries };
  };
  const stopped = (): CallOutcome => {
    const { code, message } = cutOf(signal);
    return refuse(code, message);
  };
  const passBack = (kept: Kept): CallOutcome => {
    if (!response.destroyed) {
      response.writeHead(kept.status, kept.headers);
      response.end(kept.body);
    }
    const { status, requestId, body } = kept;
    return { ...NOT_MADE, status, requestId, aborted: false, responseBytes: body.byteLength, tries };
  };
  /** True when the call has waited; false when it may not wait (so long). */
  const wait = async (ms: number, why: string): Promise<boolean> => {
    if (waits >= limits.maxWaits || waitedMs + ms > limits.maxWaitMs) {
      return false;
    }
    waits += 1;
    waitedMs += ms;
    call.onWait(why, Math.round(ms));
    await pause(ms, signal, call.clock);
    return true;
  };
  const backOff = () => limits.firstWaitMs * 2 ** waits * (0.5 + call.clock.random());

  for (;;) {
    const taken = await ring.take({
      model: call.model,
      refusal: (key) =>
        forbidden.has(key) ? "the provider forbids it" : key.value === null ? null : keyRefusal(call, key.value),
      signal,
    });
    if (taken.kind === "gone") {
      return stopped();
    }
    if (taken.kind === "too_many") {
      return refuse("too_many_requests", `Too many calls wait for ${provider.title}`);
    }
    if (taken.kind === "none") {
      return last === null ? refuse("no_provider_key", `${provider.title}: ${taken.why}`) : passBack(last);
    }
    if (taken.kind === "refused") {
      const message = `${provider.title} takes no key of this server: ${taken.why}. The server's log names the key`;
      return refuse("no_provider_key", message);
    }
    if (taken.kind === "limited") {
      // Not all at the same moment: whoever waits for this key waits for the same one.
      if (await wait(taken.forMs + call.clock.random() * Math.min(taken.forMs, MOST_SPREAD_MS), taken.why)) {
        if (signal.aborted) {
          return stopped();
        }
        continue;
      }
      if (taken.forMs <= limits.maxWaitMs && last !== null) {
        // Soon, and soon again: whoever asks may go on asking.
        return passBack(last);
      }
      const message = `${provider.title}: ${taken.why}`;
      await call.onQuota(Math.ceil(call.clock.wall() + taken.forMs), message);
      return refuse("provider_quota", message);
    }

    const { key, release } = taken;
    try {
      tries += 1;
      const reply = await askUpstream({
        method: call.method,
        url: call.url,
        headers: {
          ...provider.requestHeaders(call.headers, key.value),
          ...(call.body === null ? {} : { "content-length": call.body.byteLength }),
        },
        body: call.body,
        agent: call.agent,
        idleMs: limits.idleMs,
        signal,
      });
      if (!reply.ok) {
        release();
        if (reply.stale && !signal.aborted) {
          continue;
        }
        // A server that restarts, a name that is not found for a moment: nobody saw the call yet.
        if (!reply.sent && waits < MOST_UNREACHED && (await wait(backOff(), reply.why)) && !signal.aborted) {
          continue;
        }
        const outcome = signal.aborted ? stopped() : refuse("provider_unreachable", reply.why);
        // Given up before its answer, it may have been paid for all the same.
        return { ...outcome, status: null, requestId: null, key: key.label, final: !(reply.sent && route.paid) };
      }
      const { answer } = reply;
      const status = answer.statusCode ?? 502;
      const unusable = unusableAnswer(call, answer);
      if (unusable !== null) {
        answer.destroy();
        // Thrown away here, it was paid for there.
        const final = status >= 300 || !route.paid;
        return { ...refuse("provider_unreachable", unusable), status, key: key.label, final };
      }
      if (status < 400) {
        ring.worked(key);
        return { ...(await passAnswer(call, answer)), key: key.label, tries };
      }
      const { bytes, whole } = await readStart(answer, MOST_REFUSAL_BYTES, signal);
      if (signal.aborted) {
        return stopped();
      }
      const headers = headersBack(provider, answer.headers);
      headers["content-length"] = bytes.byteLength;
      last = { status, headers, body: bytes, requestId: idOf(answer) };
      const refusal = readRefusal({
        status,
        headers: answer.headers,
        body: whole ? bytes.toString("utf8") : "",
        now: call.clock.wall(),
      });
      release();
      switch (refusal.kind) {
        case "overloaded":
          if (!(await wait(refusal.waitMs ?? backOff(), `${provider.title} is busy (${status})`))) {
            return passBack(last);
          }
          if (signal.aborted) {
            return stopped();
          }
          break;
        case "limited":
          ring.limited(key, call.model, refusal.waitMs ?? backOff(), refusal.message);
          break;
        case "bad_key":
          ring.refused(key, refusal.message);
          break;
        case "forbidden":
          forbidden.add(key);
          break;
        case "final":
          return { ...passBack(last), key: key.label };
      }
    } finally {
      release();
    }
  }
}

function keyRefusal({ provider, headers }: ProviderCall, key: string): string | null {
  return provider.keyRefusal?.(key, headers) ?? null;
}

/** Resolves after this many milliseconds, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal, clock: Pick<Clock, "after">): Promise<void> {
  return new Promise((settle) => {
    const cancel = clock.after(ms, end);
    function end(): void {
      cancel();
      signal.removeEventListener("abort", end);
      settle();
    }
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) {
      end();
    }
  });
}

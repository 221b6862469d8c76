/**
 * The calls under way, by lease. A lease can end in the middle of an answer (cancel, budget, a lost worker); whatever its
 * agent still asks of a model from then on is stopped here.
 */

/** Whose token it is, or why it opens nothing (any more), or not this call. The message is shown to the agent. */
export type TokenVerdict =
  | { readonly ok: true; readonly jobId: string; readonly fence: number }
  | { readonly ok: false; readonly code: VerdictCode; readonly message: string };

/** Why a call is not let through. */
export type VerdictCode = "lease_lost" | "unauthorized" | "not_begun" | "budget_exceeded";

/** Rejects when it cannot be said right now: the call is answered 503 and may be sent again. */
export type VerifyToken = (token: string) => Promise<TokenVerdict>;

interface LeaseId {
  readonly jobId: string;
  readonly fence: number;
}

interface Live extends LeaseId {
  readonly token: string;
  readonly controller: AbortController;
  readonly done: PromiseWithResolvers<void>;
  /** When the lease was last known to be alive, in milliseconds of the monotonic clock. */
  checkedAt: number;
}

export interface LiveCall {
  /** Aborts when the lease is over, or the gateway stops; `cutOf` says which. */
  readonly signal: AbortSignal;
  /** To be called when the call is over and was told. */
  end(): void;
}

/** Why a call was cut, for a client that got no answer yet. */
export interface Cut {
  /** `not_ready`: the same call may be made again in a moment. */
  readonly code: "lease_lost" | "not_ready";
  readonly message: string;
}

/** Why a call's signal aborted. */
export function cutOf({ reason }: { readonly reason: unknown }): Cut {
  return reason instanceof CallCut ? reason : { code: "lease_lost", message: "This call is over" };
}

class CallCut extends Error implements Cut {
  readonly code: Cut["code"];

  constructor({ code, message }: Cut) {
    super(message);
    this.code = code;
  }
}

export class LiveCalls {
  readonly #calls = new Set<Live>();
  readonly #verify: VerifyToken;
  readonly #graceMs: number;
  #rechecking: Promise<void> | null = null;

  constructor(verify: VerifyToken, graceMs: number) {
    this.#verify = verify;
    this.#graceMs = graceMs;
  }

  get size(): number {
    return this.#calls.size;
  }

  countOf({ jobId, fence }: LeaseId): number {
    let count = 0;
    for (const call of this.#calls) {
      count += call.jobId === jobId && call.fence === fence ? 1 : 0;
    }
    return count;
  }

  /** Notes a call whose token was verified just now. */
  begin(call: LeaseId & { readonly token: string }): LiveCall {
    const controller = new AbortController();
    const live: Live = { ...call, controller, done: Promise.withResolvers(), checkedAt: performance.now() };
    this.#calls.add(live);
    return {
      signal: controller.signal,
      end: () => {
        this.#calls.delete(live);
        live.done.resolve();
      },
    };
  }

  endLease({ jobId, fence }: LeaseId): number {
    return this.#cut((call) => call.jobId === jobId && call.fence <= fence, "This lease is over; stop the work");
  }

  /** One look at every lease with a running call. Looks never overlap: a slow one is joined. */
  recheck(): Promise<void> {
    this.#rechecking ??= this.#recheckOnce().finally(() => {
      this.#rechecking = null;
    });
    return this.#rechecking;
  }

  /** Cuts everything and waits for the ends. */
  async stop(): Promise<void> {
    const ends = [...this.#calls].map((call) => call.done.promise);
    this.#cut(() => true, "The LLM gateway is stopping", "not_ready");
    await Promise.all(ends);
  }

  async #recheckOnce(): Promise<void> {
    const tokens = new Set([...this.#calls].map((call) => call.token));
    await Promise.all([...tokens].map((token) => this.#recheckToken(token)));
  }

  async #recheckToken(token: string): Promise<void> {
    const startedAt = performance.now();
    const verdict: TokenVerdict | null = await this.#verify(token).catch(() => null);
    if (verdict === null) {
      const oldest = performance.now() - this.#graceMs;
      const lost = "It cannot be found out whether this lease is alive";
      this.#cut((call) => call.token === token && call.checkedAt <= oldest, lost);
    } else if (verdict.ok) {
      for (const call of this.#calls) {
        if (call.token === token) {
          call.checkedAt = startedAt;
        }
      }
    } else {
      this.#cut((call) => call.token === token, verdict.message);
    }
  }

  #cut(isOver: (call: Live) => boolean, message: string, code: Cut["code"] = "lease_lost"): number {
    const over = [...this.#calls].filter((call) => !call.controller.signal.aborted && isOver(call));
    for (const call of over) {
      call.controller.abort(new CallCut({ code, message }));
    }
    return over.length;
  }
}

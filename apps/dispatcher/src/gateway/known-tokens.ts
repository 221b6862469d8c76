/**
 * Whose tokens came lately. A token belongs to one lease for ever, so that much of a verdict may be remembered and spares
 * each call a question; whether the lease lives is asked anew for every call, when it is admitted.
 */
import type { Clock } from "../clock.ts";
import type { TokenVerdict, VerifyToken } from "./live-calls.ts";

interface Known {
  readonly verdict: TokenVerdict;
  /** Milliseconds of the monotonic clock. */
  readonly until: number;
}

const KEEP_MS = 60_000;
/** Far more than there are leases at once. */
const MOST_TOKENS = 10_000;

export class KnownTokens {
  readonly #known = new Map<string, Known>();
  readonly #verify: VerifyToken;
  readonly #clock: Pick<Clock, "mono">;

  constructor(verify: VerifyToken, clock: Pick<Clock, "mono">) {
    this.#verify = verify;
    this.#clock = clock;
  }

  /** The token's lease, which may have ended within the last minute; else as `verifyToken`. */
  async look(token: string): Promise<TokenVerdict> {
    const known = this.#known.get(token);
    if (known !== undefined && known.until > this.#clock.mono()) {
      return known.verdict;
    }
    this.#known.delete(token);
    const verdict = await this.#verify(token);
    if (verdict.ok) {
      this.#remember(token, verdict);
    }
    return verdict;
  }

  /** The lease is over: the next call with this token is asked about before anything is read of it. */
  forget(token: string): void {
    this.#known.delete(token);
  }

  #remember(token: string, verdict: TokenVerdict): void {
    if (this.#known.size >= MOST_TOKENS) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest ?? "");
    }
    this.#known.set(token, { verdict, until: this.#clock.mono() + KEEP_MS });
  }
}

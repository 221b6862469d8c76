/**
 * The keys of one provider and how many calls each has. The first key is used first; the next ones while it is refused,
 * used up or full. Where all that could serve are full, calls wait in the order they came.
 *
 * A key is set aside as a whole when the provider refuses it, for longer each time. A limit sets it aside for the model
 * that met it: providers count by model, and no agent can shut others out by asking for one it may not have.
 */
import type { Clock } from "../clock.ts";

export interface RingKey {
  /** Where the key is from; what logs say in its place. */
  readonly label: string;
  /** Null: calls go up without a key. */
  readonly value: string | null;
  /** Calls at the same time. Absent: any number. */
  readonly limit?: number | undefined;
}

export interface KeyRingOptions {
  readonly keys: readonly RingKey[];
  /** Calls at the same time over all keys. Default: any number. */
  readonly limit?: number | undefined;
  /** Calls that may wait at once. Default 256. */
  readonly maxWaiting?: number;
  readonly clock: Pick<Clock, "mono" | "after">;
  /** A key was set aside, or is used again. For the log. */
  readonly onChange: (change: { readonly key: string; readonly state: string; readonly forMs: number | null }) => void;
}

export interface KeyWish {
  readonly model: string | null;
  /** Why a key may not serve this call; null: it may. */
  readonly refusal: (key: RingKey) => string | null;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

export type KeyAnswer =
  | {
      readonly kind: "key";
      readonly key: RingKey;
      /** To be called when the call is over. Safe to call twice. */
      readonly release: () => void;
    }
  /** All that may serve are set aside. `limited`: the first that is only used up comes back in so many milliseconds. */
  | { readonly kind: "limited"; readonly forMs: number; readonly why: string }
  /** All that may serve are refused by the provider. */
  | { readonly kind: "refused"; readonly why: string }
  /** None may serve this call, with the reason of the first. */
  | { readonly kind: "none"; readonly why: string }
  | { readonly kind: "too_many" }
  | { readonly kind: "gone" };

interface Waiting {
  readonly wish: KeyWish;
  readonly answer: (answer: KeyAnswer) => void;
}

interface SetAside {
  /** Milliseconds of the monotonic clock. */
  readonly until: number;
  readonly why: string;
  /** True when the provider refuses the key, false when it is only used up. */
  readonly bad: boolean;
}

const MAX_WAITING = 256;
const FIRST_BAD_MS = 60_000;
const LONGEST_BAD_MS = 3_600_000;
/** Longer timers end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Names of models are the agents' to choose; a bound on those remembered. */
const MAX_LIMITS = 1_000;

export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #running = new Map<RingKey, number>();
  readonly #bad = new Map<RingKey, SetAside & { readonly times: number }>();
  /** By key and model. */
  readonly #limited = new Map<string, SetAside>();
  #waiting: Waiting[] = [];
  #total = 0;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** A key with room for this call, as soon as there is one. Never rejects. */
  take(wish: KeyWish): Promise<KeyAnswer> {
    return new Promise((settle) => {
      const waiting: Waiting = {
        wish,
        answer: (answer) => {
          wish.signal.removeEventListener("abort", leave);
          settle(answer);
        },
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        settle({ kind: "gone" });
      };
      if (wish.signal.aborted) {
        return settle({ kind: "gone" });
      }
      wish.signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#serve();
      if (this.#waiting.length > (this.#options.maxWaiting ?? MAX_WAITING) && this.#waiting.at(-1) === waiting) {
        this.#waiting.pop();
        waiting.answer({ kind: "too_many" });
      }
    });
  }

  /** The provider refuses this key: nobody uses it for a while, twice as long each time. */
  refused(key: RingKey, why: string): void {
    const before = this.#bad.get(key);
    const now = this.#options.clock.mono();
    if (before !== undefined && before.until > now) {
      return;
    }
    const times = (before?.times ?? 0) + 1;
    const forMs = Math.min(FIRST_BAD_MS * 2 ** (times - 1), LONGEST_BAD_MS);
    this.#bad.set(key, { until: now + forMs, why, bad: true, times });
    this.#options.onChange({ key: key.label, state: why, forMs });
    this.#serveNowAndIn(forMs);
  }

  /** This key has no more for this model for so long. */
  limited(key: RingKey, model: string | null, forMs: number, why: string): void {
    const now = this.#options.clock.mono();
    for (const [name, { until }] of this.#limited) {
      if (until <= now || this.#limited.size >= MAX_LIMITS) {
        this.#limited.delete(name);
      }
    }
    this.#limited.set(this.#nameOf(key, model), { until: now + forMs, why, bad: false });
    this.#options.onChange({
      key: key.label,
      state: `its limit for ${model ?? "every model"} is reached: ${why}`,
      forMs,
    });
    this.#serveNowAndIn(forMs);
  }

  /** The provider took a call with this key. */
  worked(key: RingKey): void {
    if (this.#bad.delete(key)) {
      this.#options.onChange({ key: key.label, state: "works again", forMs: null });
    }
  }

  #nameOf(key: RingKey, model: string | null): string {
    return `${this.#options.keys.indexOf(key)} ${model ?? ""}`;
  }

  #asideOf(key: RingKey, model: string | null): SetAside | null {
    const now = this.#options.clock.mono();
    const bad = this.#bad.get(key);
    const limited = this.#limited.get(this.#nameOf(key, model));
    if (bad !== undefined && bad.until > now) {
      return bad;
    }
    return limited !== undefined && limited.until > now ? limited : null;
  }

  /** Whoever waits may have nothing to wait for now, and a key again when this one is back. */
  #serveNowAndIn(ms: number): void {
    this.#serve();
    this.#options.clock.after(Math.min(ms, LONGEST_TIMER_MS), () => this.#serve());
  }

  /** Gives what can be given, in the order of asking. */
  #serve(): void {
    const left: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const answer = this.#answerTo(waiting.wish);
      if (answer === null) {
        left.push(waiting);
      } else {
        waiting.answer(answer);
      }
    }
    this.#waiting = left;
  }

  /** Null: it waits for room. */
  #answerTo({ model, refusal }: KeyWish): KeyAnswer | null {
    const { keys, limit = Infinity, clock } = this.#options;
    const able = keys.filter((key) => refusal(key) === null);
    if (able.length === 0) {
      const [first] = keys;
      return { kind: "none", why: (first && refusal(first)) ?? "there is no key" };
    }
    const asides = able.map((key) => this.#asideOf(key, model));
    if (asides.every((aside) => aside !== null)) {
      const soonest = asides.toSorted((a, b) => Number(a.bad) - Number(b.bad) || a.until - b.until)[0];
      const { why = "", bad = true, until = 0 } = soonest ?? {};
      return bad ? { kind: "refused", why } : { kind: "limited", forMs: Math.max(until - clock.mono(), 0), why };
    }
    if (this.#total >= limit) {
      return null;
    }
    const key = able.find((one, at) => asides[at] === null && this.#countOf(one) < (one.limit ?? Infinity));
    return key === undefined ? null : this.#give(key);
  }

  #countOf(key: RingKey): number {
    return this.#running.get(key) ?? 0;
  }

  #give(key: RingKey): KeyAnswer {
    this.#running.set(key, this.#countOf(key) + 1);
    this.#total += 1;
    let released = false;
    return {
      kind: "key",
      key,
      release: () => {
        if (!released) {
          released = true;
          this.#running.set(key, this.#countOf(key) - 1);
          this.#total -= 1;
          this.#serve();
        }
      },
    };
  }
}

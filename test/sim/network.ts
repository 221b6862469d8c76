/**
 * The network between the programs: requests and answers take their time and overtake each other; some are lost, come
 * twice, come much later, or arrive while only the answer is lost. What a caller sees is what a caller of HTTP sees: an
 * answer, a refusal to connect, a connection that breaks, or nothing until its own patience ends.
 */

import { HiveError } from "@hive/core";
import { ApiError, problemOf, UnreachableError } from "@hive/protocol";
import type { Counters } from "./counters.ts";
import type { Dice } from "./dice.ts";
import type { Program } from "./program.ts";
import type { Time } from "./time.ts";

/** How bad the network is; each is the probability for one message. */
export interface Weather {
  readonly lost: number;
  readonly answerLost: number;
  readonly twice: number;
  readonly late: number;
  /** Milliseconds one way. */
  readonly fastest: number;
  readonly slowest: number;
}

export const CALM: Weather = { lost: 0, answerLost: 0, twice: 0, late: 0, fastest: 1, slowest: 4 };

/** So long after the weather turned calm the last message of before has arrived, in milliseconds. */
export const LATEST_MS = 10_000;

/** Nobody took the connection: the request was never sent. */
export class RefusedError extends UnreachableError {}

/** A program that takes requests. */
export interface Server {
  readonly program: Program;
  /** Connections that break when it dies. */
  readonly connections: Set<() => void>;
}

export interface CallSettings {
  /** Milliseconds the caller waits. */
  readonly timeoutMs: number;
  /** Aborted: the caller no longer wants it, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export class Network {
  weather: Weather = CALM;
  /** Names of programs that nothing reaches and that reach nothing. */
  readonly cutOff = new Set<string>();
  readonly #time: Time;
  readonly #dice: Dice;
  readonly #counters: Counters;

  constructor(time: Time, dice: Dice, counters: Counters) {
    this.#time = time;
    this.#dice = dice;
    this.#counters = counters;
  }

  /**
   * One request. `to` is asked when the message arrives; null: nobody listens there. `work` makes the answer, which is
   * copied as JSON is.
   * @throws ApiError for a HiveError of `work`, UnreachableError when there is no answer
   */
  call<T>(
    from: Program,
    to: () => Server | null,
    work: (closed: AbortSignal) => Promise<T>,
    { timeoutMs, signal }: CallSettings,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const closers = new Set<() => void>();
      let over = false;
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        stopWaiting();
        signal?.removeEventListener("abort", onAbort);
        for (const close of closers) close();
        settle();
      };
      const unreachable = (why: string): void => from.receive(() => end(() => reject(new UnreachableError(why))));
      const refused = (): void => from.receive(() => end(() => reject(new RefusedError("connection refused"))));
      const onAbort = (): void =>
        end(() => reject(signal?.reason instanceof Error ? signal.reason : new Error("the caller gave up")));
      const stopWaiting = from.after(timeoutMs, () => end(() => reject(new UnreachableError("no answer in time"))));
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort);

      const carry = (first: boolean): void => {
        const server = to();
        if (this.#isCut(from, server?.program)) return;
        if (server === null || server.program.isDead) {
          if (first) this.#send(refused);
          return;
        }
        const closed = new AbortController();
        const hangUp = (): void => this.#send(() => server.program.receive(() => closed.abort()));
        const breaks = (): void => {
          closers.delete(hangUp);
          this.#send(() => unreachable("the connection broke"));
        };
        const answer = (settle: () => void): void => {
          if (server.program.isDead) return;
          server.connections.delete(breaks);
          closers.delete(hangUp);
          if (!first || over || this.#isCut(from, server.program)) return;
          if (this.#dice.chance(this.weather.answerLost)) {
            this.#counters.count("answer lost");
            if (this.#dice.chance(0.7)) this.#send(() => unreachable("the answer was cut off"));
            return;
          }
          this.#send(() => from.receive(() => end(settle)));
        };
        server.program.receive(() => {
          server.connections.add(breaks);
          closers.add(hangUp);
          // It comes from a connection that nobody holds any more.
          if (over) closed.abort();
          work(closed.signal).then(
            (reply) => {
              const copy: unknown = reply === undefined ? undefined : JSON.parse(JSON.stringify(reply));
              answer(() => resolve(copy as T));
            },
            (error: unknown) => {
              const told = error instanceof HiveError ? new ApiError(problemOf(error)) : error;
              answer(() => reject(told instanceof Error ? told : new Error(String(told))));
            },
          );
        });
      };

      if (this.#dice.chance(this.weather.lost)) this.#counters.count("request lost");
      else this.#send(() => carry(true));
      if (this.#dice.chance(this.weather.twice)) {
        this.#counters.count("request came twice");
        this.#time.after(this.#dice.int(1, 9_000), () => carry(false));
      }
    });
  }

  #isCut(from: Program, to: Program | undefined): boolean {
    return this.cutOff.has(from.name) || (to !== undefined && this.cutOff.has(to.name));
  }

  #send(arrive: () => void): void {
    const { fastest, slowest, late } = this.weather;
    let ms = fastest + (slowest - fastest) * this.#dice.roll() ** 3;
    if (this.#dice.chance(late)) {
      this.#counters.count("message late");
      ms += this.#dice.int(500, 8_000);
    }
    this.#time.after(ms, arrive);
  }
}

/** Nobody answered, or somebody who did not want to: any other error is a bug of the one who asked. */
export function isOfTheNetwork(error: unknown): boolean {
  return error instanceof ApiError || error instanceof UnreachableError;
}

/** A gateway before a provider that is busy, limits or refuses by a script, on a clock that stands still but for waits. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "../clock.ts";
import { JSON_ANSWER } from "./anthropic.fixture.ts";
import { type Answer, startWorld, type World, type WorldOptions } from "./gateway.fixture.ts";

/** One answer of the provider: a status and what goes with it, or a whole answer. */
export type Play = readonly [status: number, headers?: Readonly<Record<string, string>>, body?: unknown] | "good";

export interface Provider {
  readonly world: World;
  /** The keys the provider was asked with, in order. */
  readonly keys: string[];
  /** Milliseconds the gateway waited, in order. */
  readonly waited: number[];
  /** Lets this much time go by. */
  readonly pass: (ms: number) => void;
}

export interface Setup extends WorldOptions {
  /** What the provider answers to these keys, in turn; whole answers after that. */
  readonly plays: Readonly<Record<string, readonly Play[]>>;
  /** Called when the gateway waits for the first time, before that wait is over. */
  readonly onFirstWait?: () => Promise<unknown>;
  /** What chance is, in [0, 1). Default 0. */
  readonly random?: number;
}

/** When the test's clock stands still, in milliseconds since 1970. */
export const NOW = Date.parse("2026-07-14T10:00:00Z");
const ERROR = { type: "error", error: { type: "rate_limit_error", message: "slow down" } };

/** A gateway with these keys in this order. Its clock stands still, but for the waits it takes: those are over at once. */
export async function startBusy({ plays, onFirstWait, random = 0, ...options }: Setup): Promise<Provider> {
  const keys: string[] = [];
  const waited: number[] = [];
  const timers: { readonly at: number; readonly run: () => void }[] = [];
  let elapsed = 0;
  const clock = {
    ...systemClock,
    mono: () => elapsed,
    wall: () => NOW + elapsed,
    random: () => random,
    after(ms: number, run: () => void) {
      const timer = { at: elapsed + ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
    },
  };
  const pass = (ms: number) => {
    elapsed += ms;
    for (const { run } of timers.filter(({ at }) => at <= elapsed)) {
      run();
    }
  };
  const left = new Map(Object.entries(plays).map(([key, list]) => [key, [...list]]));
  const logged: string[] = [];
  const log = (fields: Readonly<Record<string, unknown>>, message: string) => {
    logged.push(message);
    if (message.startsWith("model call waits")) {
      waited.push(Number(fields["ms"]));
      const first = waited.length === 1 ? onFirstWait?.() : undefined;
      void Promise.resolve(first).then(() => setImmediate(() => pass(Number(fields["ms"]))));
    }
  };
  const world = await startWorld(
    (request: IncomingMessage, response: ServerResponse) => {
      const { "x-api-key": apiKey, "x-goog-api-key": googleKey, authorization } = request.headers;
      const key = String(apiKey ?? googleKey ?? authorization?.replace("Bearer ", ""));
      keys.push(key);
      request.resume();
      const play = left.get(key)?.shift() ?? "good";
      const [status, headers, body] = play === "good" ? [200, {}, JSON_ANSWER] : play;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body ?? ERROR));
    },
    {
      clock,
      log: { info: log, warn: log },
      keys: Object.keys(plays).map((label) => ({ label, value: label })),
      ...options,
      limits: { firstWaitMs: 1_000, ...options.limits },
    },
  );
  return { world: { ...world, logged }, keys, waited, pass };
}

/** The body of a refusal. */
export function said(answer: Answer): { readonly code?: string; readonly error: { readonly message: string } } {
  return JSON.parse(answer.body.toString()) as { code?: string; error: { message: string } };
}

/** Status and body of a whole answer. */
export const GOOD = [200, JSON_ANSWER];
export const text = (answer: Answer) => [answer.status, answer.body.toString()];

/** How the channels that speak HTTP send: under the guard, with one deadline, and the answer as a value. */

import { redactText } from "@hive/core";
import { parseRetryAfter } from "../callbacks/schedule.ts";
import type { Guard } from "../guard/guard.ts";
import type { GuardedClient } from "../guard/request.ts";
import { cleanLine, cutLine } from "../sources/clean-text.ts";
import type { Sent } from "./message.ts";

/** The other side has this long, from the look-up of its name to the last byte of its answer. */
export const TIMEOUT_MS = 20_000;
/** Characters of an answer that are shown. */
const SAID_CHARS = 300;

export interface PostOptions {
  readonly guard: Guard;
  readonly client: GuardedClient;
  /** What must never be shown, the address among it. */
  readonly secrets: readonly string[];
  readonly wall: () => number;
}

export interface Posting {
  readonly url: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** What somebody else said, for people: one line, cut, with nothing secret in it. */
export function shown(text: string, secrets: readonly string[]): string {
  // Cleaned first: a mark in the middle of a secret would hide it from the look.
  return cutLine(redactText(cleanLine(text.slice(0, 8_192)), secrets), SAID_CHARS);
}

/** Posts JSON. The address is the operator's own: it may be private. */
export async function postJson(options: PostOptions, posting: Posting): Promise<Sent> {
  const { guard, client, secrets, wall } = options;
  const check = guard.checkUrl(posting.url, { what: "callback", trusted: true });
  if (!check.ok) return { ok: false, message: shown(check.message, secrets), retryAfterMs: null, maybe: false };
  const reply = await client.request({
    url: check.url,
    method: "POST",
    headers: { ...posting.headers, "content-type": "application/json", "user-agent": "Hive" },
    body: typeof posting.body === "string" ? posting.body : JSON.stringify(posting.body),
    timeoutMs: TIMEOUT_MS,
    trusted: true,
    signal: posting.signal,
  });
  if (!reply.ok) {
    const maybe = reply.reason === "timeout" || (reply.reason === "network" && !reply.message.includes("ECONNREFUSED"));
    return { ok: false, message: shown(reply.message, secrets), retryAfterMs: null, maybe };
  }
  const answer = `${reply.status} ${reply.body.toString("utf8")}`;
  if (reply.status >= 200 && reply.status < 300) return { ok: true, said: shown(answer, secrets) };
  return {
    ok: false,
    message: shown(`${check.url.host} answered ${answer}`, secrets),
    retryAfterMs: parseRetryAfter(reply.headers["retry-after"], wall()),
    maybe: false,
  };
}

/**
 * What a provider's refusal means: whether to try again, when, and with which key. Each provider has its own words for
 * that, in headers, in the body, or only in a sentence; they are all read here.
 *
 * Sources: docs.anthropic.com/en/api/{errors,rate-limits}, platform.openai.com/docs/guides/{rate-limits,error-codes},
 * ai.google.dev/gemini-api/docs/{rate-limits,troubleshooting}, google.rpc.{RetryInfo,QuotaFailure}.
 */
import type { IncomingHttpHeaders } from "node:http";
import { listOf, objectOf, parseJson, textOf } from "./json.ts";

export type Refusal =
  /** The provider itself is busy: the same call later, whatever the key. */
  | { readonly kind: "overloaded"; readonly waitMs: number | null }
  /** This key may not use this model for a while. `waitMs` null: it did not say how long. */
  | { readonly kind: "limited"; readonly waitMs: number | null; readonly message: string }
  /** This key opens nothing, or nobody pays for it: a person has to mend that. */
  | { readonly kind: "bad_key"; readonly message: string }
  /** This key may not do this; another might. */
  | { readonly kind: "forbidden" }
  /** The answer to this call, whoever asks. */
  | { readonly kind: "final" };

export interface RefusedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds since 1970, for hints that name a time. */
  readonly now: number;
}

const MOST_MESSAGE_CHARS = 300;
const SECOND = 1_000;
const MINUTES = 600_000;
const DAY = 86_400_000;

/** Reads the refusal of any of the providers. */
export function readRefusal(answer: RefusedAnswer): Refusal {
  const { status, headers } = answer;
  const error = errorOf(answer.body);
  const code = ["code", "type", "status"].map((name) => textOf(error[name])).join(" ");
  const message = (textOf(error["message"]) || `HTTP ${status}`).slice(0, MOST_MESSAGE_CHARS);
  const details = listOf(error["details"]).map(objectOf);

  if (status === 401 || details.some(({ reason }) => reason === "API_KEY_INVALID")) {
    return { kind: "bad_key", message: `it is refused (${status})` };
  }
  if (/insufficient_quota|billing_not_active/.test(code) || /credit balance is too low/i.test(message)) {
    return { kind: "bad_key", message: `nobody pays for it any more: ${message}` };
  }
  const regained = /regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d) UTC)?/i.exec(message);
  if (regained !== null) {
    const until = Date.parse(`${regained[1]}T${regained[2] ?? "00:00"}Z`);
    return { kind: "limited", waitMs: Math.max(until - answer.now, 0), message };
  }
  if (status === 403) {
    return { kind: "forbidden" };
  }
  if (status === 429) {
    return { kind: "limited", waitMs: limitWait(answer, error, details, message), message };
  }
  const asked = headers["x-should-retry"];
  const busy =
    status === 503 || status === 529 || (status === 500 && /overloaded|UNAVAILABLE/i.test(`${code} ${message}`));
  if ((busy && asked !== "false") || (asked === "true" && status >= 500)) {
    return { kind: "overloaded", waitMs: headerWait(answer) ?? retryInfo(details) };
  }
  return { kind: "final" };
}

/** The error's own object, wherever the provider puts it. A list of one is how Gemini refuses streams. */
function errorOf(body: string): Readonly<Record<string, unknown>> {
  const parsed = parseJson(body);
  const first = Array.isArray(parsed) ? listOf(parsed)[0] : parsed;
  return objectOf(objectOf(first)["error"]);
}

/** Milliseconds until this key may ask again, by the farthest hint that names the limit that was met. */
function limitWait(
  answer: RefusedAnswer,
  error: Readonly<Record<string, unknown>>,
  details: readonly Readonly<Record<string, unknown>>[],
  message: string,
): number | null {
  const { headers, now } = answer;
  // A subscription's limit names the second its window ends; `retry-after` may be missing then.
  const unified = Number(headers["anthropic-ratelimit-unified-reset"]);
  if (headers["anthropic-ratelimit-unified-status"] === "rejected" && unified > 0) {
    return Math.max(unified * SECOND - now, 0);
  }
  const resetsAt = Number(error["resets_at"]);
  if (resetsAt > 0) {
    return Math.max(resetsAt * SECOND - now, 0);
  }
  const resetsIn = Number(error["resets_in_seconds"]);
  if (resetsIn > 0) {
    return resetsIn * SECOND;
  }
  // The wait Google advises beside a day's quota is often the one of its minute's quota.
  const perDay = details
    .flatMap((detail) => listOf(detail["violations"]))
    .some((violation) => /PerDay/i.test(textOf(objectOf(violation)["quotaId"])));
  const advised = retryInfo(details);
  if (perDay && (advised ?? 0) < MINUTES) {
    return untilMidnightInCalifornia(now);
  }
  return headerWait(answer) ?? advised ?? sentenceWait(message);
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function headerWait({ headers, now }: RefusedAnswer): number | null {
  const ms = headers["retry-after-ms"];
  if (typeof ms === "string" && Number(ms) >= 0) {
    return Number(ms);
  }
  const after = headers["retry-after"];
  if (after === undefined || after.trim() === "") {
    return null;
  }
  if (Number(after) >= 0) {
    return Number(after) * SECOND;
  }
  const date = Date.parse(after);
  return Number.isNaN(date) ? null : Math.max(date - now, 0);
}

/** Google's advice, such as `retryDelay: "34.07s"`. */
function retryInfo(details: readonly Readonly<Record<string, unknown>>[]): number | null {
  for (const { retryDelay } of details) {
    const seconds = typeof retryDelay === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(retryDelay)?.[1] : undefined;
    if (seconds !== undefined) {
      return Number(seconds) * SECOND;
    }
  }
  return null;
}

/** OpenAI's advice: "Please try again in 6m0s", "in 1h2m3.5s", "in 20ms". */
function sentenceWait(message: string): number | null {
  const [, hours, minutes, seconds, ms] =
    /try again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?/i.exec(message) ?? [];
  if ((hours ?? minutes ?? seconds ?? ms) === undefined) {
    return null;
  }
  return ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * SECOND + Number(ms ?? 0);
}

/** A day's quota of the Gemini API begins anew at midnight Pacific time. */
function untilMidnightInCalifornia(now: number): number {
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: "America/Los_Angeles",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).formatToParts(now);
  const part = (type: string) => Number(clock.find((one) => one.type === type)?.value ?? 0);
  return DAY - ((part("hour") * 60 + part("minute")) * 60 + part("second")) * SECOND;
}

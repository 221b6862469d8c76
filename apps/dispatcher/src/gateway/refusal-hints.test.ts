import { expect, test } from "vitest";
import { readRefusal, type Refusal } from "./refusal-hints.ts";

const NOW = Date.parse("2026-07-14T10:00:00Z");

function refusal(status: number, headers: Readonly<Record<string, string>>, body: unknown): Refusal {
  return readRefusal({ status, headers, body: typeof body === "string" ? body : JSON.stringify(body), now: NOW });
}

const error = (fields: object) => ({ error: fields });
const waitOf = (read: Refusal) => ("waitMs" in read ? read.waitMs : read.kind);
const google = (details: readonly object[]) =>
  error({ code: 429, status: "RESOURCE_EXHAUSTED", message: "You exceeded your current quota", details });
const retryInfo = (retryDelay: string) => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay });
const quota = (quotaId: string) => ({ "@type": "…/google.rpc.QuotaFailure", violations: [{ quotaId }] });

test("a provider that is busy is asked again, after what it says", () => {
  const overloaded = error({ type: "overloaded_error", message: "Overloaded" });
  expect(refusal(529, {}, overloaded)).toEqual({ kind: "overloaded", waitMs: null });
  expect(refusal(503, { "retry-after": "3" }, "no JSON")).toEqual({ kind: "overloaded", waitMs: 3_000 });
  expect(refusal(500, {}, overloaded)).toEqual({ kind: "overloaded", waitMs: null });
  expect(refusal(500, {}, error({ code: 500, status: "UNAVAILABLE" }))).toEqual({ kind: "overloaded", waitMs: null });
  expect(refusal(500, { "x-should-retry": "true", "retry-after-ms": "250" }, "")).toEqual({
    kind: "overloaded",
    waitMs: 250,
  });
  expect(refusal(503, { "x-should-retry": "false" }, overloaded)).toEqual({ kind: "final" });
  expect(refusal(500, {}, error({ type: "api_error", message: "Internal server error" }))).toEqual({ kind: "final" });
});

test("a limit is waited for as long as the provider says, in each provider's words", () => {
  expect(waitOf(refusal(429, { "retry-after": "7" }, ""))).toBe(7_000);
  expect(waitOf(refusal(429, { "retry-after": "7", "retry-after-ms": "120" }, ""))).toBe(120);
  expect(waitOf(refusal(429, { "retry-after": "Tue, 14 Jul 2026 10:00:30 GMT" }, ""))).toBe(30_000);
  expect(waitOf(refusal(429, {}, google([quota("PerMinute"), retryInfo("34.5s")])))).toBe(34_500);
  const openai = (message: string) => waitOf(refusal(429, {}, error({ code: "rate_limit_exceeded", message })));
  expect(openai("Rate limit reached. Please try again in 20ms. Visit …")).toBe(20);
  expect(openai("Please try again in 1.5s.")).toBe(1_500);
  expect(openai("Please try again in 6m0s.")).toBe(360_000);
  expect(openai("Please try again in 1h2m3s.")).toBe(3_723_000);
  expect(openai("Please slow down.")).toBeNull();
  expect(waitOf(refusal(429, { "retry-after": "soon" }, [google([])]))).toBeNull();
});

test("limits of accounts name the time they end", () => {
  const unified = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": String(NOW / 1_000 + 5_400),
  };
  expect(waitOf(refusal(429, unified, error({ type: "rate_limit_error" })))).toBe(5_400_000);
  const spent = "You have reached your specified API usage limits. You will regain access on 2026-08-01 at 00:00 UTC.";
  expect(refusal(400, {}, error({ type: "invalid_request_error", message: spent }))).toEqual({
    kind: "limited",
    waitMs: Date.parse("2026-08-01T00:00:00Z") - NOW,
    message: spent,
  });
  const plan = { type: "usage_limit_reached", message: "The usage limit has been reached" };
  expect(waitOf(refusal(429, {}, error({ ...plan, resets_at: NOW / 1_000 + 60 })))).toBe(60_000);
  expect(waitOf(refusal(429, {}, error({ ...plan, resets_in_seconds: 90 })))).toBe(90_000);
});

test("a day's quota of Google's ends at midnight in California, whatever its minute's advice says", () => {
  // 10:00 UTC is 03:00 there in summer: 21 hours are left.
  const perDay = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier");
  expect(waitOf(refusal(429, {}, google([perDay, retryInfo("34s")])))).toBe(21 * 3_600_000);
  expect(waitOf(refusal(429, {}, google([perDay])))).toBe(21 * 3_600_000);
  expect(waitOf(refusal(429, {}, google([perDay, retryInfo("7200s")])))).toBe(7_200_000);
});

test("a key that opens nothing, and one that nobody pays for, are told from a limit", () => {
  expect(refusal(401, {}, "").kind).toBe("bad_key");
  expect(refusal(400, {}, error({ code: 400, details: [{ reason: "API_KEY_INVALID" }] })).kind).toBe("bad_key");
  expect(refusal(429, {}, error({ code: "insufficient_quota", message: "You exceeded your current quota" })).kind).toBe(
    "bad_key",
  );
  const low = "Your credit balance is too low to access the Anthropic API.";
  expect(refusal(400, {}, error({ type: "invalid_request_error", message: low })).kind).toBe("bad_key");
  expect(refusal(403, {}, error({ type: "permission_error" })).kind).toBe("forbidden");
});

test("everything else is the answer", () => {
  for (const status of [400, 404, 413, 422, 504]) {
    expect(refusal(status, { "retry-after": "1" }, error({ message: "try again in 5s" }))).toEqual({ kind: "final" });
  }
});

test("what is said of a limit is short enough to be shown", () => {
  const read = refusal(429, {}, error({ message: "x".repeat(5_000) }));
  expect(read).toMatchObject({ message: "x".repeat(300) });
});

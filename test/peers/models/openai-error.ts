/** How OpenAI says no, the same in both of its APIs. */
import type { Failure } from "./steps.ts";
import type { PlainReply } from "./wire.ts";

const ERRORS: Readonly<Record<number, { readonly type: string; readonly code: string | null }>> = {
  400: { type: "invalid_request_error", code: null },
  401: { type: "invalid_request_error", code: "invalid_api_key" },
  403: { type: "invalid_request_error", code: "unsupported_country_region_territory" },
  404: { type: "invalid_request_error", code: "model_not_found" },
  429: { type: "requests", code: "rate_limit_exceeded" },
  503: { type: "server_error", code: "server_is_overloaded" },
};

/** The reply to a call that fails. */
export function openaiError(failure: Failure): PlainReply {
  const status = failure.status === 529 ? 503 : failure.status;
  const { type, code } = ERRORS[status] ?? { type: "server_error", code: null };
  const seconds = failure.retryAfterSeconds;
  const limited = failure.usageLimit === true;
  const error = {
    message: failure.message ?? code ?? type,
    type: limited ? "usage_limit_reached" : type,
    param: null,
    code,
  };
  return {
    status,
    headers: {
      "x-request-id": "req_scripted",
      ...(seconds === undefined ? {} : { "retry-after": String(seconds) }),
      ...(seconds === undefined || !limited
        ? {}
        : { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": `${seconds}s` }),
    },
    body: { error: limited && seconds !== undefined ? { ...error, resets_in_seconds: seconds } : error },
  };
}

/** The one place where anything thrown becomes a reply: RFC 9457 problems, and never a stack trace. */

import { HiveError, type ErrorCode } from "@hive/core";
import { PROBLEM_MEDIA_TYPE, problemOf, type Problem } from "@hive/protocol";

/** A reply ready to be sent. */
export interface ProblemReply {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What went wrong inside, for the log; absent when the caller was simply refused. */
  readonly cause?: unknown;
}

/** Seconds after which a 503 or 429 may be tried again when the error does not know better. */
const DEFAULT_RETRY_AFTER = 1;

/** The reply for anything thrown. What is not a `HiveError` is a bug: the caller learns its request id and nothing else. */
export function problemReply(error: unknown, requestId: string): ProblemReply {
  const known = knownError(error);
  if (known === null) {
    const hidden = new HiveError(
      "internal",
      `Something in the server broke. Its log has the details under request ${requestId}`,
    );
    return { ...render(problemOf(hidden)), cause: error };
  }
  const reply = render(problemOf(known));
  return known.code === "internal" || known.code === "store_failed" ? { ...reply, cause: known } : reply;
}

function render(problem: Problem): ProblemReply {
  const headers: Record<string, string> = { "content-type": PROBLEM_MEDIA_TYPE };
  if (problem.status === 503 || problem.status === 429) {
    const ms = problem["retryAfterMs"];
    headers["retry-after"] = String(typeof ms === "number" ? Math.max(1, Math.ceil(ms / 1000)) : DEFAULT_RETRY_AFTER);
  }
  if (problem.status === 401) headers["www-authenticate"] = 'Bearer realm="hive"';
  if (problem.status === 405 && typeof problem["allow"] === "string") headers["allow"] = problem["allow"];
  return { status: problem.status, body: JSON.stringify(problem), headers };
}

/** Ours, or one of the framework's own refusals in our words. */
function knownError(error: unknown): HiveError | null {
  if (error instanceof HiveError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const own = FRAMEWORK[code];
  return own === undefined ? null : new HiveError(own.code, own.message);
}

const FRAMEWORK: Readonly<Record<string, { readonly code: ErrorCode; readonly message: string }>> = {
  FST_ERR_BAD_URL: {
    code: "bad_request",
    message: "The path has a broken % escape; encode each part with encodeURIComponent",
  },
  FST_ERR_ASYNC_CONSTRAINT: { code: "bad_request", message: "The path cannot be read" },
  FST_ERR_MAX_PARAM_LENGTH: { code: "not_found", message: "The path is longer than any that exists" },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: "unsupported_media_type", message: "Send the body as application/json" },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: "bad_request", message: "Content-Length is not the length of the body" },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "body_too_large", message: "The body is too large" },
  ECONNRESET: { code: "bad_request", message: "The connection was closed before the body had arrived" },
};
